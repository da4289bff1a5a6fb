"""The sum of a skip connection and a coarser scale, of any size."""

import keras


@keras.saving.register_keras_serializable("ae_zoo")
class SkipAdd(keras.layers.Layer):
    """Adds a skip connection to the enlarged coarser scale.

    Halving rounds odd sizes up, so the enlarged map may have one row or column more
    than the skip connection; these are cropped.

    Shapes: `(batch, h or more, w or more, c)` and `(batch, h, w, c)` ->
    `(batch, h, w, c)`.
    """

    def call(self, inputs):
        coarse, skip = inputs
        height, width = keras.ops.shape(skip)[1:3]
        return coarse[:, :height, :width] + skip

    def compute_output_shape(self, input_shape):
        return input_shape[1]
