"""What networks with skips need: a code of many scales, and sums of odd sizes."""

import keras


@keras.saving.register_keras_serializable("ae_zoo")
class SkipBottleneck(keras.layers.Layer):
    """Passes every scale of a pyramid on, unchanged: the code is the whole pyramid."""

    generative = False
    latent_dim = None  # it has no one size

    def connect(self, encoder, x):
        """The pyramid of `x` as symbolic tensors of a functional model."""
        return encoder(x)

    def finish(self) -> None:
        """What is to be done once training has ended: nothing."""


@keras.saving.register_keras_serializable("ae_zoo")
class SkipAdd(keras.layers.Layer):
    """Adds a skip to what comes up from the coarser scale.

    Halving rounds odd sizes up, so what comes up may have a row or a column more than
    the skip: it is cut off.

    Shapes: `(batch, h or more, w or more, c)` and `(batch, h, w, c)` ->
    `(batch, h, w, c)`.
    """

    def call(self, inputs):
        coarse, skip = inputs
        height, width = keras.ops.shape(skip)[1:3]
        return coarse[:, :height, :width] + skip

    def compute_output_shape(self, input_shape):
        return input_shape[1]


@keras.saving.register_keras_serializable("ae_zoo")
class SkipFill(SkipAdd):
    """As `SkipAdd`, but the skip's last channel is a map that says where to add.

    Shapes: `(batch, h or more, w or more, c)` and `(batch, h, w, c + 1)` ->
    `(batch, h, w, c)`.
    """

    def call(self, inputs):
        coarse, skip = inputs
        picture, where = skip[..., :-1], skip[..., -1:]
        height, width = keras.ops.shape(skip)[1:3]
        return coarse[:, :height, :width] * where + picture

    def compute_output_shape(self, input_shape):
        *shape, channels = input_shape[1]
        return (*shape, channels - 1)
