"""Layers that depend on the quality, so that one network serves all qualities."""

import keras
import numpy as np
from keras import ops


def between(rows, quality):
    """Rows of a tensor at qualities; between whole ones they change linearly.

    Args:
        rows: `(qualities, channels)`.
        quality: qualities, `(batch, 1)`, from 0 to the number of rows - 1.

    Returns:
        `(batch, 1, 1, channels)`.
    """
    low = ops.floor(quality)
    part = (quality - low)[..., None, None]
    lower = ops.cast(low[:, 0], "int32")
    upper = ops.minimum(lower + 1, rows.shape[0] - 1)
    lower, upper = (ops.take(rows, i, axis=0)[:, None, None] for i in (lower, upper))
    return (1 - part) * lower + part * upper


def nearest(quality):
    """The nearest whole qualities, halves upwards."""
    return ops.floor(quality + 0.5)


@keras.saving.register_keras_serializable("ae_zoo")
class Gain(keras.layers.Layer):
    """Multiplies each channel by a factor that depends on the quality.

    Cui et al., 2021, arXiv:2003.02012: one network serves all qualities, which differ
    in the rounding step of each channel.

    Args:
        start: initial factor for each quality, lowest first.
        inverse: whether the inverse of the factor, not the factor, changes linearly
            between two whole qualities.

    Shapes: `(batch, h, w, channels)` and qualities `(batch, 1)` ->
    `(batch, h, w, channels)`.
    """

    def __init__(self, start, inverse=False, **kwargs):
        super().__init__(**kwargs | {"dtype": "float32"})
        self.start = tuple(start)
        self.inverse = inverse

    def build(self, input_shape):
        channels = input_shape[0][-1]
        logs = np.log(np.float32(self.start))[:, None]
        self.log_factors = self.add_weight(
            name="log_factors",
            shape=(len(self.start), channels),
            initializer=lambda shape, dtype: ops.convert_to_tensor(
                np.full(shape, logs), dtype
            ),
        )

    def call(self, inputs):
        x, quality = inputs
        return x * self.factors(quality)

    def factors(self, quality):
        """The factors at qualities `(batch, 1)`, `(batch, 1, 1, channels)`."""
        if self.inverse:
            return 1 / between(ops.exp(-self.log_factors), quality)
        return between(ops.exp(self.log_factors), quality)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        config = {"start": self.start, "inverse": self.inverse}
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable("ae_zoo")
class ScaledGradient(keras.layers.Layer):
    """Identity whose gradient is multiplied by a factor that depends on the quality.

    It weights the loss of each example, since the loss itself has no quality.

    Args:
        factors: factor for each quality, lowest first.

    Shapes: `(batch, h, w, channels)` and qualities `(batch, 1)` ->
    `(batch, h, w, channels)`.
    """

    def __init__(self, factors, **kwargs):
        super().__init__(**kwargs | {"dtype": "float32"})
        self.factors = tuple(factors)

    def call(self, inputs):
        x, quality = inputs
        index = ops.cast(quality[:, 0], "int32")
        factor = ops.take(np.float32(self.factors), index)[:, None, None, None]
        scaled = factor * x
        return scaled + ops.stop_gradient(x - scaled)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "factors": self.factors}


@keras.saving.register_keras_serializable("ae_zoo")
class QualityOf(keras.layers.Layer):
    """Reads the quality from its map: `(batch, h, w, 1)` -> `(batch, 1)`.

    It is a whole number of sixteenths.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs | {"dtype": "float32"})

    def call(self, x):
        return ops.round(16 * x[:, 0, 0, :]) / 16

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])
