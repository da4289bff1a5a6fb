"""Strided and dilated convolutions along time, for sequences of a fixed length."""

import math

import keras
from keras import layers

from ae_zoo.backbones.base import Backbone
from ae_zoo.backbones.blocks import convolve, start
from ae_zoo.errors import InputError
from ae_zoo.layers.output_activation import OutputActivation


class Conv1DBackbone(Backbone):
    """Convolutions that halve the length, mirrored in the decoder.

    Residual convolutions follow each halving and precede each doubling; dilation widens
    their receptive field. Odd lengths are padded in the encoder and cropped in the
    decoder.

    Args:
        input_shape: `(length, channels)`.
        filters: channels after each halving.
        dilations: dilation rates of the residual convolutions at each length; may be
            empty.
        kernel_size: length of the kernels.
        activation: activation of the hidden layers.
        dropout: rate after each halving.
        l1, l2: weight penalties on the kernels.
        flatten: whether the bottleneck gets a vector; otherwise it gets the shortest
            sequence, and the code is tokens.

    Raises:
        InputError: the input is no sequence, there are no filters, or a dilation is
            more than twice the length.
    """

    name = "conv1d"

    def __init__(
        self,
        input_shape,
        filters=(32, 64),
        dilations=(1, 2),
        kernel_size=5,
        activation="gelu",
        dropout=0.0,
        l1=0.0,
        l2=0.0,
        flatten=True,
    ):
        if len(input_shape) != 2:
            raise InputError(
                "The conv1d backbone takes sequences, input_shape=(length, channels); "
                f"received {tuple(input_shape)}."
            )
        if not filters:
            raise InputError(
                "The conv1d backbone needs filters, such as (32, 64): the channels "
                "after each halving."
            )
        if max(dilations, default=1) > 2 * input_shape[0]:
            raise InputError(
                f"Dilations of {tuple(dilations)} read beyond sequences of "
                f"{input_shape[0]} steps: give smaller ones, such as (1, 2)."
            )
        self.input_shape = tuple(input_shape)
        self.filters = tuple(filters)
        self.dilations = tuple(dilations)
        self.kernel_size = kernel_size
        self.activation = activation
        self.l1, self.l2 = l1, l2

        inputs = keras.Input(self.input_shape)
        h = inputs
        for i, channels in enumerate(self.filters, 1):
            h = self._convolve(h, channels, strides=2)
            h = self._look_around(h, name=f"conv_{i}")
            if dropout:
                h = layers.SpatialDropout1D(dropout)(h)
        h = layers.Flatten()(h) if flatten else h
        self.encoder = keras.Model(inputs, h, name="encoder")
        self.feature_names = tuple(f"conv_{i}" for i in range(1, len(filters) + 1))

    def _convolve(self, x, channels, kind=layers.Conv1D, **options):
        options.setdefault("activation", self.activation)
        penalties = {"l1": self.l1, "l2": self.l2}
        return convolve(x, channels, self.kernel_size, kind, **penalties, **options)

    def _look_around(self, x, name=None):
        """The residual convolutions; `name` is that of the last layer."""
        for rate in self.dilations:
            h = self._convolve(x, x.shape[-1], dilation_rate=rate)
            x = layers.Add()([x, h])
        return layers.Identity(name=name)(x)

    def decoder(self, code, activation, tied=None):
        self._refuse(code, ("vector", "tokens"))
        length, channels = self.input_shape
        lengths = [length]
        for _ in self.filters:
            lengths.append(math.ceil(lengths[-1] / 2))
        smallest = (lengths.pop(), self.filters[-1])

        inputs, x = start(code, smallest, self.activation, self.l1, self.l2)
        widths = [self.filters[0], *self.filters[:-1]]
        for size, width in zip(lengths[::-1], widths[::-1], strict=True):
            x = self._look_around(x)
            x = self._convolve(x, width, layers.Conv1DTranspose, strides=2)
            if x.shape[1] > size:
                x = layers.Cropping1D((0, x.shape[1] - size))(x)
        x = self._convolve(x, channels, activation="linear")
        x = OutputActivation(activation)(x)
        return keras.Model(inputs, x, name="decoder")
