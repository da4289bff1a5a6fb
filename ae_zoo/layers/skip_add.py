"""The sum of a skip and a coarser scale, of any size."""

import keras


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
