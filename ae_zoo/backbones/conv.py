"""Strided convolutions and their transposes, for images of any size."""

import math

import keras
from keras import layers

from ae_zoo.backbones.base import Backbone
from ae_zoo.backbones.blocks import start
from ae_zoo.errors import InputError
from ae_zoo.layers.matmul_conv import SMALL, MatmulConv2D, MatmulConv2DTranspose
from ae_zoo.layers.output_activation import OutputActivation
from ae_zoo.layers.weight_penalty import weight_penalty


class ConvBackbone(Backbone):
    """Convolutions that halve the image, mirrored in the decoder.

    Odd sizes are padded in the encoder and cropped in the decoder, so any image size
    works.

    Args:
        input_shape: `(height, width, channels)`.
        filters: channels after each halving.
        kernel_size: side of the kernels.
        activation: activation of the hidden layers.
        batch_norm: whether batch normalisation, over all replicas, follows every
            hidden convolution (Ioffe and Szegedy, 2015, arXiv:1502.03167).
        dropout: rate after each halving.
        l1, l2: weight penalties on the kernels.
        flatten: whether the bottleneck gets a vector; otherwise it gets the smallest
            map, and the code is a grid.

    Raises:
        InputError: the input is no image, there are no filters, or the kernels are more
            than twice as large as the image.
    """

    name = "conv"

    def __init__(
        self,
        input_shape,
        filters=(32, 64),
        kernel_size=3,
        activation="gelu",
        batch_norm=False,
        dropout=0.0,
        l1=0.0,
        l2=0.0,
        flatten=True,
    ):
        if len(input_shape) != 3:
            raise InputError(
                "The conv backbone takes images, input_shape=(height, width, "
                f"channels); received {tuple(input_shape)}. Use backbone='dense'."
            )
        if not filters:
            raise InputError(
                "The conv backbone needs filters, such as (32, 64): the channels after "
                "each halving. Use backbone='dense' for a network without convolutions."
            )
        if kernel_size > 2 * max(input_shape[:2]):
            raise InputError(
                f"Kernels of {kernel_size} pixels read beyond images of "
                f"{input_shape[0]} x {input_shape[1]}: give a smaller kernel_size, "
                "such as 3."
            )
        self.input_shape = tuple(input_shape)
        self.filters = tuple(filters)
        self.kernel_size = kernel_size
        self.activation = activation
        self.batch_norm = batch_norm
        self.l1, self.l2 = l1, l2

        inputs = keras.Input(self.input_shape)
        h = inputs
        for i, channels in enumerate(self.filters, 1):
            small = max(h.shape[1:3]) <= 2 * SMALL
            kind = MatmulConv2D if small else layers.Conv2D
            h = self._convolve(h, kind, channels, f"conv_{i}")
            if dropout:
                h = layers.SpatialDropout2D(dropout)(h)
        h = layers.Flatten()(h) if flatten else h
        self.encoder = keras.Model(inputs, h, name="encoder")
        self.feature_names = tuple(f"conv_{i}" for i in range(1, len(filters) + 1))

    def _convolve(self, x, kind, channels, name, size=None):
        """A hidden convolution, cropped to `size`; `name` is that of its last layer."""
        if not self.batch_norm:
            x = self._layer(kind, channels, self.activation, name=name)(x)
            return _crop(x, size)
        # Normalisation would cancel a bias.
        x = _crop(self._layer(kind, channels, use_bias=False)(x), size)
        # JAX averages over all replicas by itself.
        synchronized = keras.backend.backend() == "tensorflow"
        x = layers.BatchNormalization(synchronized=synchronized)(x)
        return layers.Activation(self.activation, name=name)(x)

    def _layer(self, kind, channels, activation=None, **options):
        return kind(
            channels,
            self.kernel_size,
            strides=2,
            padding="same",
            activation=activation,
            kernel_regularizer=weight_penalty(self.l1, self.l2),
            **options,
        )

    def decoder(self, code, activation, tied=None):
        self._refuse(code, ("vector", "grid"))
        height, width, channels = self.input_shape
        sizes = [(height, width)]
        for _ in self.filters:
            sizes.append(tuple(math.ceil(side / 2) for side in sizes[-1]))
        smallest = (*sizes.pop(), self.filters[-1])

        inputs, x = start(code, smallest, self.activation, self.l1, self.l2)
        outputs = [channels, *self.filters[:-1]]
        for i, (size, n) in enumerate(zip(sizes[::-1], outputs[::-1], strict=True)):
            name = f"deconv_{i + 1}"
            small = max(x.shape[1:3]) <= SMALL
            kind = MatmulConv2DTranspose if small else layers.Conv2DTranspose
            if i < len(sizes) - 1:
                x = self._convolve(x, kind, n, name, size)
            else:
                x = _crop(self._layer(kind, n, name=name)(x), size)
        x = OutputActivation(activation)(x)
        return keras.Model(inputs, x, name="decoder")


def _crop(x, size):
    """Crops the last rows and columns of `x` to `size`; None keeps all."""
    surplus = [(0, x.shape[axis + 1] - side) for axis, side in enumerate(size or ())]
    return layers.Cropping2D(surplus)(x) if any(n for _, n in surplus) else x
