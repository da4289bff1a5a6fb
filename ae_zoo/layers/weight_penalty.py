"""Penalties on the weights of a kernel."""

import keras


def weight_penalty(l1: float, l2: float) -> keras.regularizers.Regularizer | None:
    """L1 and L2 penalty on a kernel, or None if both are zero."""
    return keras.regularizers.L1L2(l1, l2) if l1 or l2 else None
