"""Rough estimates of missing pixels from the pixels around them."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("ae_zoo")
class PullPush(keras.layers.Layer):
    """Sets missing pixels to means over blocks that grow with the distance.

    Pull-push of Gortler et al. (1996, doi:10.1145/237170.237200): the picture is halved
    several times, averaging known pixels only. Then, from coarse to fine, missing
    pixels are interpolated from the coarser scale; known pixels do not change. The
    middle of a region wider than the coarsest block becomes 0.

    Args:
        halvings: number of halvings of the picture.

    Shapes: `(batch, h, w, c + 1)`, the picture, 0 at missing pixels, and a map that is
    1 there -> the same without missing pixels.
    """

    def __init__(self, halvings: int, **kwargs):
        super().__init__(**kwargs)
        self.halvings = halvings

    def call(self, inputs):
        picture, holes = inputs[..., :-1], inputs[..., -1:]
        known = 1 - holes
        levels = []
        for _ in range(self.halvings):
            levels.append((picture, known))
            total = _halve(known)
            picture = _halve(picture * known) / ops.maximum(total, 1e-6)
            known = ops.minimum(4 * total, 1)
        for finer, known in reversed(levels):
            height, width = ops.shape(finer)[1:3]
            coarse = _double(picture)[:, :height, :width]
            picture = known * finer + (1 - known) * coarse
        return ops.concatenate([picture, holes], axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"halvings": self.halvings}


@keras.saving.register_keras_serializable("ae_zoo")
class Smooth(keras.layers.Layer):
    """Moves missing pixels towards the solution of the biharmonic equation.

    It makes steps of Chebyshev's iteration, whose coefficients do not depend on the
    picture, so that a pixel depends on nearby pixels only. After 8 steps scattered
    missing pixels have converged; in wide regions only the rim is smoothed.

    Args:
        steps: number of steps, at least 1; each reaches 2 pixels further.

    Shapes: `(batch, h, w, c + 1)`, the output of `PullPush` -> the same.

    Reference: Damelin and Hoang, 2018, doi:10.1155/2018/3950312, for the equation;
    Golub and Varga, 1961, doi:10.1007/BF01386013, for the iteration.
    """

    # Eigenvalues of the equation at scattered pixels; none can be above 64.
    LOW, HIGH = 4.0, 64.0

    def __init__(self, steps: int, **kwargs):
        super().__init__(**kwargs)
        self.steps = steps

    def call(self, inputs):
        picture, holes = inputs[..., :-1], inputs[..., -1:]
        middle, half = (self.HIGH + self.LOW) / 2, (self.HIGH - self.LOW) / 2
        ratio = half / middle
        change = -holes * _bilaplacian(picture) / middle
        for _ in range(self.steps - 1):
            picture = picture + change
            after = 1 / (2 * middle / half - ratio)
            force = -holes * _bilaplacian(picture)
            change = after * ratio * change + 2 * after / half * force
            ratio = after
        return ops.concatenate([picture + change, holes], axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"steps": self.steps}


def _bilaplacian(x):
    """The Laplacian of the Laplacian of `(batch, h, w, c)`, mirrored at the edges."""
    cross = np.float32([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    kernel = np.repeat(cross[:, :, None, None], x.shape[-1], axis=2)
    for _ in range(2):
        x = ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="symmetric")
        x = ops.depthwise_conv(x, ops.cast(kernel, x.dtype), padding="valid")
    return x


def _halve(x):
    return ops.average_pool(x, 2, 2, padding="same")


def _double(x):
    """Bilinear; unlike `ops.image.resize` it takes sizes unknown in the graph."""
    for _ in range(2):  # height, then width
        x = ops.repeat(x, 2, axis=1)
        before = ops.concatenate([x[:, :1], x[:, :-1]], axis=1)
        after = ops.concatenate([x[:, 1:], x[:, -1:]], axis=1)
        x = ops.swapaxes((before + 2 * x + after) / 4, 1, 2)
    return x
