"""The standard normal prior."""

import math

import keras
from keras import ops

from ae_zoo.priors.base import Prior


class NormalPrior(Prior):
    """The distribution N(0, I).

    Args:
        shape: shape of a code.
    """

    def __init__(self, shape: tuple[int, ...]):
        self.shape = tuple(shape)

    def sample(self, n, seed=None, temperature=1.0):
        return temperature * keras.random.normal(
            (n, *self.shape), dtype="float32", seed=seed
        )

    def log_prob(self, z):
        axes = tuple(range(-len(self.shape), 0))
        constant = math.prod(self.shape) * math.log(2 * math.pi)
        return -0.5 * (ops.sum(ops.square(z), axis=axes) + constant)
