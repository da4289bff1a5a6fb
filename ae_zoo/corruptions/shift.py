"""Shifts of whole examples."""

import keras
import numpy as np
from keras import ops

from ae_zoo.corruptions.base import CorruptionLayer
from ae_zoo.errors import InputError


@keras.saving.register_keras_serializable("ae_zoo")
class ShiftCorruption(CorruptionLayer):
    """Shifts each example by up to the fraction `level` of its size, padding with 0.

    It acts on the first two axes: images move vertically and horizontally, spectrograms
    in time and pitch, so that the code depends little on position. `level` is one
    number, or one for each of the two axes.
    """

    kind = "shift"

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
            places = ops.reshape(ops.arange(size, dtype="int32"), along) + ops.reshape(
                steps, each
            )
            inside = ops.logical_and(places >= 0, places < size)
            moved = ops.take_along_axis(x, ops.clip(places, 0, size - 1), axis)
            x = ops.where(inside, moved, 0)
        return x
