"""Fully connected encoder and decoder, for tables, small images and flat data."""

import math

import keras
from keras import layers

from ae_zoo.backbones.base import Backbone
from ae_zoo.errors import InputError
from ae_zoo.layers.output_activation import OutputActivation
from ae_zoo.layers.tied_dense import TiedDense
from ae_zoo.layers.weight_penalty import weight_penalty


class DenseBackbone(Backbone):
    """A stack of dense layers, mirrored in the decoder.

    Args:
        input_shape: shape of one example, flattened inside.
        hidden: units of the encoder's layers, outermost first; may be empty.
        activation: activation of the hidden layers.
        dropout: rate after each hidden layer of the encoder.
        l1, l2: weight penalties on the kernels.
        tied: whether the decoder shares the encoder's kernels, transposed.

    Raises:
        InputError: dropout without a hidden layer.
    """

    name = "dense"

    def __init__(
        self,
        input_shape,
        hidden=(512,),
        activation="gelu",
        dropout=0.0,
        l1=0.0,
        l2=0.0,
        tied=False,
    ):
        if dropout and not hidden:
            raise InputError(
                f"dropout={dropout} acts on hidden layers and there are none: give "
                "hidden, such as (512,), or leave dropout out."
            )
        self.input_shape = tuple(input_shape)
        self.size = math.prod(self.input_shape)
        self.hidden = tuple(hidden)
        self.activation = activation
        self.l1, self.l2 = l1, l2
        self.ties = tied

        inputs = keras.Input(self.input_shape)
        h = layers.Flatten()(inputs)
        for i, units in enumerate(self.hidden, 1):
            h = self._dense(units, name=f"hidden_{i}")(h)
            if dropout:
                h = layers.Dropout(dropout)(h)
        self.encoder = keras.Model(inputs, h, name="encoder")
        self.feature_names = tuple(f"hidden_{i + 1}" for i in range(len(hidden)))

    def _dense(self, units, activation=None, name=None):
        return layers.Dense(
            units,
            activation=activation or self.activation,
            kernel_regularizer=weight_penalty(self.l1, self.l2),
            name=name,
        )

    def decoder(self, code, activation, tied=None):
        self._refuse(code, ("vector",))
        activations = [self.activation] * len(self.hidden) + ["linear"]
        if self.ties:
            sources = [tied, *map(self.encoder.get_layer, self.feature_names[::-1])]
            parts = [
                TiedDense(source, activation=inner, name=f"decoder_{i}")
                for i, (source, inner) in enumerate(
                    zip(sources, activations, strict=True), 1
                )
            ]
        else:
            units = [*reversed(self.hidden), self.size]
            parts = [
                self._dense(n, activation=inner, name=f"decoder_{i}")
                for i, (n, inner) in enumerate(zip(units, activations, strict=True), 1)
            ]
        x = inputs = keras.Input(code.shapes[0])
        for layer in parts:
            x = layer(x)
        x = layers.Reshape(self.input_shape)(x)
        x = OutputActivation(activation)(x)
        return keras.Model(inputs, x, name="decoder")

    def stack(self, decoder, projection):
        encoders = [*map(self.encoder.get_layer, self.feature_names), projection]
        depth = len(encoders)
        return [
            (layer, decoder.get_layer(f"decoder_{depth - i}"))
            for i, layer in enumerate(encoders)
        ]
