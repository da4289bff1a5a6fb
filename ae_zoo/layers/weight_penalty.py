"""The penalty of a kernel's weights."""

import keras


def weight_penalty(l1: float, l2: float) -> keras.regularizers.Regularizer | None:
    """L1 and L2 penalty of a kernel, or None where both are zero."""
    return keras.regularizers.L1L2(l1, l2) if l1 or l2 else None
