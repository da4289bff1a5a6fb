"""Corruptions: what a denoising autoencoder must undo. Active in training only."""

import keras
import numpy as np
from keras import ops

from ae_zoo.errors import InputError, UnknownNameError
from ae_zoo.layers.replica import ReplicaSeedGenerator


class Corruption(keras.layers.Layer):
    """Base of the corruptions: `corrupt(x, seed)` in training, else the identity.

    Args:
        level: strength, in the unit the subclass states; not negative.
        seed: integer, for reproducible noise.
    """

    has_map = False

    def __init__(self, level, seed=None, **kwargs):
        super().__init__(**kwargs)
        if np.min(level) < 0:
            raise ValueError(f"level must not be negative, received {level}")
        self.level = level
        self.seed = seed
        self.generator = ReplicaSeedGenerator(seed)

    def corrupt(self, x, seed):
        raise NotImplementedError

    def call(self, x, training=False):
        if not training or self.level == 0:
            return x
        return self.corrupt(x, self.generator)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "level": self.level, "seed": self.seed}


@keras.saving.register_keras_serializable("ae_zoo")
class GaussianCorruption(Corruption):
    """Adds N(0, level²), not clipped; `level` is in units of the input."""

    def corrupt(self, x, seed):
        return x + self.level * keras.random.normal(
            ops.shape(x), seed=seed, dtype=x.dtype
        )


@keras.saving.register_keras_serializable("ae_zoo")
class MaskingCorruption(Corruption):
    """Sets a fraction `level` of the values to zero (Vincent et al., 2010)."""

    def corrupt(self, x, seed):
        u = keras.random.uniform(ops.shape(x), seed=seed)
        return ops.where(u < self.level, ops.zeros_like(x), x)


@keras.saving.register_keras_serializable("ae_zoo")
class SaltAndPepperCorruption(Corruption):
    """Sets a fraction `level` of the values to 0 or 1, with equal chance."""

    def corrupt(self, x, seed):
        u = keras.random.uniform(ops.shape(x), seed=seed)
        noisy = ops.where(u < self.level / 2, ops.zeros_like(x), ops.ones_like(x))
        return ops.where(u < self.level, noisy, x)


@keras.saving.register_keras_serializable("ae_zoo")
class ShiftCorruption(Corruption):
    """Moves each example by up to the fraction `level` of its size; 0 comes in.

    Along the first two axes: images up, down and sideways, spectrograms in time and
    pitch, so that the code says little about where things are. `level` is one number,
    or one for each of the axes.
    """

    def __init__(self, level, seed=None, **kwargs):
        super().__init__(level, seed, **kwargs)
        if np.ndim(level) and len(level) != 2:
            raise ValueError(f"level must be one number or two, received {level}")

    def build(self, input_shape):
        if len(input_shape) < 3:
            raise InputError(
                "Shifts need examples of two or more axes, such as images; received "
                f"{tuple(input_shape[1:])}: choose another noise."
            )

    def corrupt(self, x, seed):
        for axis, level in enumerate(np.broadcast_to(self.level, 2), 1):
            size, ndim = ops.shape(x)[axis], len(x.shape)
            most = round(level * x.shape[axis])
            steps = keras.random.randint(ops.shape(x)[:1], -most, most + 1, seed=seed)
            along, each = [1] * ndim, [1] * ndim
            along[axis], each[0] = -1, -1
            places = ops.reshape(ops.arange(size), along) + ops.reshape(steps, each)
            inside = ops.logical_and(places >= 0, places < size)
            moved = ops.take_along_axis(x, ops.clip(places, 0, size - 1), axis)
            x = ops.where(inside, moved, 0)
        return x


CORRUPTIONS = {
    "gaussian": GaussianCorruption,
    "masking": MaskingCorruption,
    "salt_and_pepper": SaltAndPepperCorruption,
    "shift": ShiftCorruption,
}


def get(name: str, level: float, seed: int | None = None) -> Corruption:
    """The corruption called `name`, of `CORRUPTIONS`."""
    if name not in CORRUPTIONS:
        raise UnknownNameError(
            f"Unknown corruption {name!r}; choose one of {', '.join(CORRUPTIONS)}."
        )
    return CORRUPTIONS[name](level, seed=seed, name="corruption")
