"""Residual blocks at several scales with skips between them, for pictures of any size.

A U-Net (Ronneberger et al., 2015, arXiv:1505.04597) whose convolutions are replaced by
the residual blocks without normalisation of EDSR (Lim et al., 2017, arXiv:1707.02921).
"""

import functools

import keras
from keras import layers

from ae_zoo.backbones.base import Backbone
from ae_zoo.backbones.blocks import convolve
from ae_zoo.errors import InputError
from ae_zoo.layers.output_activation import OutputActivation
from ae_zoo.layers.skip_add import SkipAdd


class PyramidBackbone(Backbone):
    """A residual encoder-decoder that corrects a picture.

    The encoder returns the picture itself and one feature map for each scale, the
    finest at half the size; the decoder takes all of them and adds a correction to the
    picture. The input has the picture and a map of the level of the corruption in each
    of its channels.

    Args:
        input_shape: `(height, width, 2 * channels)`; None for any size.
        filters: channels of each scale.
        blocks: residual blocks at each scale, in the encoder and in the decoder.
        activation: activation inside the blocks.
        l1, l2: weight penalties on the kernels.

    Raises:
        InputError: the input is no picture with a map, or there are no filters.
    """

    name = "pyramid"
    _start = "glorot_uniform"  # initial kernels of the last layer of a correction

    def __init__(
        self,
        input_shape,
        filters=(64, 96, 128),
        blocks=2,
        activation="relu",
        l1=0.0,
        l2=0.0,
    ):
        self.channels = self._picture_channels(tuple(input_shape))
        if not filters:
            raise InputError(
                "Restoration needs filters, such as (64, 96, 128): the channels after "
                "each halving."
            )
        self.input_shape = tuple(input_shape)
        self.filters, self.blocks = tuple(filters), blocks
        self.activation = activation
        self.l1, self.l2 = l1, l2
        self._convolve = functools.partial(convolve, l1=l1, l2=l2)
        self.shrink = 2 ** len(self.filters)
        levels = range(1, len(self.filters) + 1)
        # An upper bound: encoder, decoder and the resizing layers between scales.
        self.reach = 4 * blocks * sum(2**i for i in levels) + 2 * self.shrink

        inputs = keras.Input(self.input_shape)
        finest, x = self._begin(inputs)
        pyramid = [finest]
        for i, width in enumerate(self.filters, 1):
            x = self._convolve(x, width, 4 if i == 1 else 2, strides=2)
            x = self._residual_blocks(x, width, f"level_{i}")
            pyramid.append(x)
        self.encoder = keras.Model(inputs, pyramid, name="encoder")
        self.feature_names = tuple(f"level_{i + 1}" for i in range(len(self.filters)))

    def _picture_channels(self, input_shape) -> int:
        if len(input_shape) != 3 or input_shape[-1] % 2:
            raise InputError(
                "Denoising takes pictures with a noise level for each channel, "
                f"input_shape=(height, width, 2 * channels); received {input_shape}."
            )
        return input_shape[-1] // 2

    def _begin(self, inputs):
        """The finest scale of the pyramid, and the input of the first convolution."""
        return inputs[..., : self.channels], inputs

    def decoder(self, code, activation, tied=None):
        self._refuse(code, ("pyramid",))
        pyramid = [keras.Input(shape) for shape in code.shapes]
        sizes = (4, *(2 for _ in self.filters[1:]))
        x = pyramid[-1]
        for i in range(len(self.filters) - 1, 0, -1):
            up = self.filters[i - 1]
            x = self._convolve(x, up, sizes[i], layers.Conv2DTranspose, strides=2)
            x = SkipAdd()([x, pyramid[i]])
            x = self._residual_blocks(x, up, f"up_{i}")
        x = self._correct(x, pyramid[0], sizes[0])
        x = OutputActivation(activation)(x)
        return keras.Model(pyramid, x, name="decoder")

    def _correct(self, x, finest, kernel_size):
        """The finest scale, corrected by the output of the next coarser one."""
        x = self._enlarge(x, self.channels, kernel_size)
        return SkipAdd(dtype="float32")([x, finest])

    def _enlarge(self, x, channels, kernel_size):
        return self._convolve(
            x,
            channels,
            kernel_size,
            layers.Conv2DTranspose,
            strides=2,
            kernel_initializer=self._start,
        )

    def _residual_blocks(self, x, width, name):
        for i in range(self.blocks):
            h = self._convolve(x, width, 3, activation=self.activation)
            h = self._convolve(h, width, 3, kernel_initializer=self._start)
            x = layers.Add(name=name if i == self.blocks - 1 else None)([x, h])
        return x
