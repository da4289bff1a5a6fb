"""Bits of rounded values, and gradients through the rounding."""

import numpy as np
from keras import ops

LEAST = 1e-9  # probability that a value counts as at least, so that bits are finite


def round_through(x):
    """`x` rounded, with the gradient of the identity."""
    return x + ops.stop_gradient(ops.round(x) - x)


def logistic_mass(distance, scale, sigmoid):
    """Probability of an integer at a distance, at least 0, from a logistic's mean.

    By the tail in which the integer lies, where floats tell numbers near 0 apart.

    Args:
        distance, scale: tensors or arrays that broadcast.
        sigmoid: of Keras or of NumPy.
    """
    return sigmoid((0.5 - distance) / scale) - sigmoid((-0.5 - distance) / scale)


def mean_cost(bits, quality, tradeoffs):
    """Loss of the bits `(batch, h, w, channels)` of examples, averaged over the batch.

    Args:
        bits: of each value.
        quality: of each example, `(batch, 1)`.
        tradeoffs: of each quality, the loss of a bit.
    """
    weight = ops.take(np.float32(tradeoffs), ops.cast(quality[:, 0], "int32"))
    return ops.mean(weight * ops.sum(bits, axis=(1, 2, 3)))
