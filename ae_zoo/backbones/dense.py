"""Fully connected encoder and decoder, for tables, small images and flat data."""

import math

import keras
from keras import layers

from ae_zoo.errors import InputError
from ae_zoo.bottlenecks.base import weight_penalty
from ae_zoo.layers.tied_dense import TiedDense


class DenseBackbone:
    """Stack of dense layers, mirrored in the decoder.

    Args:
        input_shape: shape of one example, flattened inside.
        hidden: units of the encoder's layers, outermost first; may be empty.
        activation: activation of the hidden layers.
        dropout: rate after each hidden layer of the encoder.
        l1, l2: weight penalties on the kernels.
        tied: the decoder shares the encoder's kernels, transposed.

    Raises:
        InputError: dropout without a hidden layer.
    """

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
        self.tied = tied
        self.encoder_layers = [
            self._dense(units, name=f"hidden_{i}") for i, units in enumerate(hidden, 1)
        ]
        self.decoder_layers = []

        inputs = keras.Input(self.input_shape)
        h = layers.Flatten()(inputs)
        for layer in self.encoder_layers:
            h = layer(h)
            if dropout:
                h = layers.Dropout(dropout)(h)
        self.encoder = keras.Model(inputs, h, name="encoder")
        self.feature_names = tuple(layer.name for layer in self.encoder_layers)

    def _dense(self, units, activation=None, name=None):
        return layers.Dense(
            units,
            activation=activation or self.activation,
            kernel_regularizer=weight_penalty(self.l1, self.l2),
            name=name,
        )

    def decoder(self, bottleneck, activation) -> keras.Model:
        """Model from the code to `input_shape`, with `activation` at the end."""
        outputs = [self.activation] * len(self.hidden) + ["linear"]
        if self.tied:
            sources = [bottleneck.projection, *reversed(self.encoder_layers)]
            self.decoder_layers = [
                TiedDense(source, activation=act, name=f"decoder_{i}")
                for i, (source, act) in enumerate(zip(sources, outputs, strict=True), 1)
            ]
        else:
            units = [*reversed(self.hidden), self.size]
            self.decoder_layers = [
                self._dense(n, activation=act, name=f"decoder_{i}")
                for i, (n, act) in enumerate(zip(units, outputs, strict=True), 1)
            ]
        inputs = keras.Input((bottleneck.latent_dim,))
        x = inputs
        for layer in self.decoder_layers:
            x = layer(x)
        x = layers.Reshape(self.input_shape)(x)
        x = layers.Activation(activation, dtype="float32")(x)
        return keras.Model(inputs, x, name="decoder")
