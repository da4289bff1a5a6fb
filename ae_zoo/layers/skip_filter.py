"""Filters predicted for each pixel, to correct an inpainted picture."""

import keras


@keras.saving.register_keras_serializable("ae_zoo")
class SkipFilter(keras.layers.Layer):
    """Filters a picture at its missing pixels, each with a kernel of its own.

    For each pixel, the enlarged coarser scale holds a weight for each neighbour and an
    offset for each channel. The offset and the weighted differences between neighbours
    and pixel are added to the pixel. The picture's last channel is a map that is 1 at
    missing pixels; the others do not change.

    Args:
        size: side of the kernels, odd.

    Shapes: `(batch, h or more, w or more, size² - 1 + c)` and `(batch, h, w, c + 1)` ->
    `(batch, h, w, c)`.

    Reference: Bako et al., 2017, doi:10.1145/3072959.3073708, who predict kernels for
    denoising.
    """

    def __init__(self, size: int, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def call(self, inputs):
        filters, skip = inputs
        picture, where = skip[..., :-1], skip[..., -1:]
        height, width = keras.ops.shape(skip)[1:3]
        filters = filters[:, :height, :width]
        margin = self.size // 2
        padded = picture
        for _ in range(margin):  # repeats the edge, also of a picture one pixel wide
            frame = [[0, 0], [1, 1], [1, 1], [0, 0]]
            padded = keras.ops.pad(padded, frame, mode="symmetric")
        places = [(i, j) for i in range(self.size) for j in range(self.size)]
        places.remove((margin, margin))
        change = filters[..., len(places) :]
        for k, (i, j) in enumerate(places):
            neighbour = padded[:, i : i + height, j : j + width]
            change = change + filters[..., k : k + 1] * (neighbour - picture)
        return picture + where * change

    def compute_output_shape(self, input_shape):
        *shape, channels = input_shape[1]
        return (*shape, channels - 1)

    def get_config(self):
        return super().get_config() | {"size": self.size}
