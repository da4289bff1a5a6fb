"""Noise that is independent for each value."""

import keras
from keras import ops

from ae_zoo.corruptions.base import CorruptionLayer


@keras.saving.register_keras_serializable("ae_zoo")
class GaussianCorruption(CorruptionLayer):
    """Adds N(0, level²), not clipped; `level` is in units of the input."""

    kind = "gaussian"

    def corrupt(self, x, seed):
        noise = keras.random.normal(ops.shape(x), seed=seed, dtype=x.dtype)
        return ops.add(x, self.level * noise)


@keras.saving.register_keras_serializable("ae_zoo")
class MaskingCorruption(CorruptionLayer):
    """Sets a fraction `level` of the values to zero (Vincent et al., 2010)."""

    kind = "masking"

    def corrupt(self, x, seed):
        u = keras.random.uniform(ops.shape(x), seed=seed)
        return ops.where(u < self.level, ops.zeros_like(x), x)


@keras.saving.register_keras_serializable("ae_zoo")
class SaltAndPepperCorruption(CorruptionLayer):
    """Sets a fraction `level` of the values to 0 or 1, with equal chance."""

    kind = "salt_and_pepper"

    def corrupt(self, x, seed):
        u = keras.random.uniform(ops.shape(x), seed=seed)
        noisy = ops.where(u < self.level / 2, ops.zeros_like(x), ops.ones_like(x))
        return ops.where(u < self.level, noisy, x)
