"""Finite scalar quantisation: each channel of the code has few possible values."""

import math

import keras
import numpy as np
from keras import ops

from ae_zoo.bottlenecks.plain import PlainBottleneck
from ae_zoo.code import Views
from ae_zoo.errors import InputError


@keras.saving.register_keras_serializable("ae_zoo")
class FSQBottleneck(PlainBottleneck):
    """Bounds each channel, and rounds it to one of its levels.

    The values are evenly spaced in [-1, 1]. The channels at a position together form
    one integer, its index, from an alphabet with one integer for each combination.
    Only the projection is trained, so no code can fall out of use. The gradient is that
    of the bounded values (straight-through).

    Args:
        channel_levels: number of levels of each channel, at least 2.
        l1, l2: weight penalties on the projection.

    Shapes: `(batch, ..., features)` -> `(batch, ..., len(channel_levels))`; indices
    `(batch, ...)`, int32.

    Raises:
        InputError: there are no levels, one is below 2, or the alphabet exceeds int32.

    Reference: Mentzer et al., 2023, arXiv:2309.15505, with levels symmetric
    around 0 even if their number is even.
    """

    def __init__(self, channel_levels, l1=0.0, l2=0.0, **kwargs):
        channel_levels = tuple(int(n) for n in channel_levels)
        if not channel_levels or min(channel_levels) < 2:
            raise InputError(
                "Each channel of the code needs at least 2 levels, such as (8, 5, 5, "
                f"5); received {channel_levels}."
            )
        super().__init__(len(channel_levels), l1=l1, l2=l2, **kwargs)
        self.channel_levels = channel_levels
        self.levels = math.prod(channel_levels)
        if self.levels > np.iinfo("int32").max:
            raise InputError(
                f"{channel_levels} make {self.levels} codes, more than an int32 can "
                "number: give fewer levels."
            )
        # Place values of an index's digits; the first channel varies fastest.
        self._bases = np.cumprod((1, *channel_levels[:-1])).astype("int32")
        self._counts = np.int32(channel_levels)

    def connect(self, encoder, x):
        code = self(encoder(x))
        return Views(code, indices=self.indices(code))

    def call(self, h, training=False):
        return self.code(h)

    def code(self, h):
        steps = self._steps(ops.tanh(ops.cast(self.projection(h), "float32")))
        rounded = steps + ops.stop_gradient(ops.round(steps) - steps)
        most = np.float32(self._counts - 1)
        return ops.cast(ops.divide(2 * rounded, most) - 1, self.compute_dtype)

    def indices(self, code):
        """The integers `(batch, ...)`, int32, of values that `call` returned."""
        digits = ops.cast(ops.round(self._steps(ops.cast(code, "float32"))), "int32")
        return ops.sum(ops.multiply(digits, self._bases), axis=-1)

    def values(self, indices):
        """The code `(batch, ..., channels)`, float32, of integers.

        Raises:
            InputError: they are not integers from 0 to `levels` - 1.
        """
        indices = np.asarray(indices)
        outside = (indices < 0) | (indices >= self.levels)
        if indices.dtype.kind not in "iu" or outside.any():
            raise InputError(
                f"Indices are integers from 0 to {self.levels - 1}: pass what "
                "encode(x, indices=True) returned."
            )
        digits = indices[..., None] // self._bases % self._counts
        return (digits * np.float32(2) / (self._counts - 1) - 1).astype("float32")

    def nearest(self, z):
        """The values of `z`, float32, each moved to the nearest of its levels."""
        highest = np.float32(self._counts - 1)
        steps = np.rint(np.clip(self._steps(np.asarray(z, "float32")), 0, highest))
        return 2 * steps / highest - 1

    def _steps(self, values):
        """Converts values in [-1, 1] to steps from 0 to the channel's levels - 1."""
        return ops.multiply((values + 1) * 0.5, np.float32(self._counts - 1))

    def get_config(self):
        config = super().get_config() | {"channel_levels": self.channel_levels}
        del config["latent_dim"], config["activation"]
        return config
