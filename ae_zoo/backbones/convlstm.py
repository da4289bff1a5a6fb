"""Convolutions within frames and a convolutional LSTM between them, for video."""

import keras
from keras import layers

from ae_zoo.backbones.base import Backbone
from ae_zoo.backbones.blocks import start
from ae_zoo.errors import InputError
from ae_zoo.layers.output_activation import OutputActivation
from ae_zoo.layers.weight_penalty import weight_penalty


class ConvLSTMBackbone(Backbone):
    """Convolutions that halve each frame, and a ConvLSTM that reads them in order.

    The encoder returns the states of the ConvLSTM after each frame, flattened. The
    decoder expands the code to the input of another ConvLSTM, whose states transposed
    convolutions enlarge to frames.

    Args:
        input_shape: `(frames, height, width, channels)`; height and width are multiples
            of 2 to the number of filters.
        filters: channels after each halving.
        kernel_size: side of the kernels.
        activation: activation of the hidden convolutions.
        dropout: rate after each halving.
        l1, l2: weight penalties on the kernels.
        flatten: whether the bottleneck gets a vector; otherwise it gets the maps of all
            frames, and the code is a grid.

    Raises:
        InputError: the input is no video, has another size, or there are no filters.

    Reference: Shi et al., 2015, arXiv:1506.04214; Srivastava et al., 2015,
    arXiv:1502.04681.
    """

    name = "convlstm"

    def __init__(
        self,
        input_shape,
        filters=(16, 32),
        kernel_size=3,
        activation="gelu",
        dropout=0.0,
        l1=0.0,
        l2=0.0,
        flatten=True,
    ):
        if len(input_shape) != 4:
            raise InputError(
                "The convlstm backbone takes videos, input_shape=(frames, height, "
                f"width, channels); received {tuple(input_shape)}."
            )
        shrink = 2 ** len(filters)
        if not filters or any(side % shrink for side in input_shape[1:3]):
            raise InputError(
                f"Each of the {len(filters)} filters halves the frames: give filters, "
                f"and a height and width that are multiples of {shrink}; received "
                f"{tuple(input_shape)}."
            )
        self.input_shape = tuple(input_shape)
        self.filters = tuple(filters)
        self.kernel_size = kernel_size
        self.activation = activation
        self.l1, self.l2 = l1, l2

        inputs = keras.Input(self.input_shape)
        h = inputs
        for i, channels in enumerate(self.filters, 1):
            layer = self._layer(layers.Conv2D, channels, activation, strides=2)
            h = layers.TimeDistributed(layer, name=f"conv_{i}")(h)
            if dropout:
                h = layers.TimeDistributed(layers.SpatialDropout2D(dropout))(h)
        h = self._remember(h)
        h = layers.Flatten()(h) if flatten else h
        self.encoder = keras.Model(inputs, h, name="encoder")
        self.feature_names = tuple(f"conv_{i}" for i in range(1, len(filters) + 1))

    def _layer(self, kind, channels, activation="tanh", **options):
        return kind(
            channels,
            self.kernel_size,
            padding="same",
            activation=activation,
            kernel_regularizer=weight_penalty(self.l1, self.l2),
            **options,
        )

    def _remember(self, x):
        """Adds to each frame the state of a ConvLSTM after it."""
        memory = self._layer(layers.ConvLSTM2D, x.shape[-1], return_sequences=True)
        return layers.Add()([x, memory(x)])

    def decoder(self, code, activation, tied=None):
        self._refuse(code, ("vector", "grid"))
        frames, height, width, channels = self.input_shape
        shrink = 2 ** len(self.filters)
        smallest = (frames, height // shrink, width // shrink, self.filters[-1])

        inputs, x = start(code, smallest, self.activation, self.l1, self.l2)
        x = self._remember(x)
        outputs = [channels, *self.filters[:-1]]
        for i, n in enumerate(reversed(outputs), 1):
            inner = self.activation if i < len(outputs) else "linear"
            layer = self._layer(layers.Conv2DTranspose, n, inner, strides=2)
            x = layers.TimeDistributed(layer)(x)
        x = OutputActivation(activation)(x)
        return keras.Model(inputs, x, name="decoder")
