"""Residual blocks at several scales with skips between them, for pictures of any size.

The shape of a U-Net (Ronneberger et al., 2015, arXiv:1505.04597) with the residual
blocks without normalisation of EDSR (Lim et al., 2017, arXiv:1707.02921) in the place
of its convolutions.
"""

import functools

import keras
from keras import layers

from ae_zoo.backbones.blocks import convolve
from ae_zoo.errors import InputError
from ae_zoo.layers.fill import PullPush, Smooth
from ae_zoo.layers.skip import SkipAdd, SkipFilter

HALVINGS = 5  # of a picture with holes, which reach over 64 pixels
KERNEL = 5  # side of those that correct it
SMOOTHING = 8  # steps by which what fills them is smoothed


class PyramidBackbone:
    """A residual encoder-decoder that corrects a picture.

    The encoder gives the picture itself and one feature map a scale, the finest at half
    the size; the decoder takes them all and adds its correction to the picture. The
    input has one more channel than the picture, which says what was done to it.

    With `fills`, that channel is 1 in holes and 0 elsewhere. The first of what the
    encoder gives is then the picture roughly filled, with the map, and the decoder
    corrects it in the holes only.

    Args:
        input_shape: `(height, width, channels + 1)`; None where any size goes.
        filters: channels of each scale.
        blocks: residual blocks at each scale, on the way down and on the way up.
        activation: activation inside the blocks.
        l1, l2: weight penalties on the kernels.
        fills: the damage is holes.

    Attributes:
        reach: pixels between an output and the farthest input that it depends on.
        shrink: what the sides of windows must be multiples of.

    Raises:
        InputError: the input is no picture with a map, or there are no filters.
    """

    def __init__(
        self,
        input_shape,
        filters=(64, 96, 128),
        blocks=2,
        activation="relu",
        l1=0.0,
        l2=0.0,
        fills=False,
    ):
        if len(input_shape) != 3 or input_shape[-1] < 2:
            raise InputError(
                "Restoration takes pictures, input_shape=(height, width, channels + 1);"
                f" received {tuple(input_shape)}."
            )
        if not filters:
            raise InputError(
                "Restoration needs filters, such as (64, 96, 128): the channels after "
                "each halving."
            )
        self.input_shape = tuple(input_shape)
        self.channels = input_shape[-1] - 1
        self.filters, self.blocks = tuple(filters), blocks
        self.activation = activation
        self.l1, self.l2 = l1, l2
        self.fills = fills
        self._convolve = functools.partial(convolve, l1=l1, l2=l2)
        # Corrections of what holes are filled with begin at none.
        self._start = {"kernel_initializer": "zeros"} if fills else {}

        x = inputs = keras.Input(self.input_shape)
        if fills:
            x = PullPush(HALVINGS, dtype="float32", name="fill")(x)
            x = Smooth(SMOOTHING, dtype="float32", name="smooth")(x)
        pyramid = [x if fills else x[..., : self.channels]]
        for i, width in enumerate(self.filters, 1):
            x = self._convolve(x, width, 4 if i == 1 else 2, strides=2)
            x = self._residual_blocks(x, width, f"level_{i}")
            pyramid.append(x)
        self.encoder = keras.Model(inputs, pyramid, name="encoder")
        self.feature_names = tuple(f"level_{i + 1}" for i in range(len(self.filters)))

    @property
    def reach(self) -> int:
        levels = range(1, len(self.filters) + 1)
        blocks = sum(2 * self.blocks * 2**i for i in levels)
        # At most: down and up again, and what resizes in between.
        reach = 2 * blocks + 2 * 2 ** len(self.filters)
        fill = 3 * 2**HALVINGS + 2 * SMOOTHING + KERNEL // 2
        return reach + (fill if self.fills else 0)

    @property
    def shrink(self) -> int:
        return 2 ** max(len(self.filters), HALVINGS if self.fills else 0)

    def decoder(self, bottleneck, activation) -> keras.Model:
        """Model from the pyramid to the picture, with `activation` at the end."""
        pyramid = [keras.Input(x.shape[1:]) for x in self.encoder.outputs]
        sizes = (4, *(2 for _ in self.filters[1:]))
        x = pyramid[-1]
        last = self.channels + (KERNEL**2 - 1 if self.fills else 0)
        for i in range(len(self.filters) - 1, -1, -1):
            up = self.filters[i - 1] if i else last
            options = {"strides": 2} | ({} if i else self._start)
            x = self._convolve(x, up, sizes[i], layers.Conv2DTranspose, **options)
            if i:
                x = SkipAdd()([x, pyramid[i]])
                x = self._residual_blocks(x, up, f"up_{i}")
        correct = (
            SkipFilter(KERNEL, dtype="float32")
            if self.fills
            else SkipAdd(dtype="float32")
        )
        x = correct([x, pyramid[0]])
        x = layers.Activation(activation, dtype="float32")(x)
        return keras.Model(pyramid, x, name="decoder")

    def _residual_blocks(self, x, width, name):
        for i in range(self.blocks):
            h = self._convolve(x, width, 3, activation=self.activation)
            h = self._convolve(h, width, 3, **self._start)
            x = layers.Add(name=name if i == self.blocks - 1 else None)([x, h])
        return x
