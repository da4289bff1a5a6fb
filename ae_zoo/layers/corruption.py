"""Corruptions: what a denoising autoencoder must undo. Active in training only."""

import keras
from keras import ops

from ae_zoo.errors import UnknownNameError
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
        if level < 0:
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


CORRUPTIONS = {
    "gaussian": GaussianCorruption,
    "masking": MaskingCorruption,
    "salt_and_pepper": SaltAndPepperCorruption,
}


def get(name: str, level: float, seed: int | None = None) -> Corruption:
    """The corruption called `name`: 'gaussian', 'masking' or 'salt_and_pepper'."""
    if name not in CORRUPTIONS:
        raise UnknownNameError(
            f"Unknown corruption {name!r}; choose one of {', '.join(CORRUPTIONS)}."
        )
    return CORRUPTIONS[name](level, seed=seed, name="corruption")
