"""Bits of rounded values, and gradients through the rounding."""

import numpy as np
from keras import ops

LEAST = 1e-9  # lower bound of a probability, so that bits are finite


def round_through(x):
    """`x` rounded, with the gradient of the identity."""
    return x + ops.stop_gradient(ops.round(x) - x)


def logistic_mass(distance, scale, sigmoid):
    """Probability of an integer at a distance >= 0 from the mean of a logistic.

    It is computed in the tail, where floats are precise.

    Args:
        distance, scale: tensors or arrays that broadcast.
        sigmoid: the function of Keras or of NumPy.
    """
    return sigmoid((0.5 - distance) / scale) - sigmoid((-0.5 - distance) / scale)


def mean_cost(bits, quality, tradeoffs):
    """Loss of the bits of examples, averaged over the batch.

    Args:
        bits: bits of each value, `(batch, h, w, channels)`.
        quality: quality of each example, `(batch, 1)`.
        tradeoffs: loss of a bit for each quality.
    """
    weight = ops.take(np.float32(tradeoffs), ops.cast(quality[:, 0], "int32"))
    return ops.mean(weight * ops.sum(bits, axis=(1, 2, 3)))
