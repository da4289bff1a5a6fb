"""Recurrent encoder and decoder, for sequences up to a length."""

import keras
from keras import layers

from ae_zoo.backbones.base import Backbone
from ae_zoo.errors import InputError, UnknownNameError
from ae_zoo.layers.feedback import FeedbackDecoder
from ae_zoo.layers.output_activation import OutputActivation
from ae_zoo.layers.weight_penalty import weight_penalty

RNNS = {"lstm": layers.LSTM, "gru": layers.GRU}
DECODERS = ("repeat", "feedback")


class RecurrentBackbone(Backbone):
    """LSTM or GRU layers; the encoder returns the final state of the last one.

    The encoder skips steps that are 0 in all channels, so that shorter sequences may be
    padded with zeros.

    Args:
        input_shape: `(length, channels)`.
        units: units of each layer, outermost first.
        cell: 'lstm' or 'gru'.
        bidirectional: whether the encoder also reads backwards, with as many units
            again.
        decoding: 'repeat': layers that read the code at each step; or 'feedback': one
            layer, of as many units as the outermost, that also reads its previous
            output, replaced by the true one in training (teacher forcing).
        dropout: rate on each encoder layer's input.
        l1, l2: weight penalties on the kernels, except those of the states.

    Raises:
        InputError: the input is no sequence, or there are no units.
        UnknownNameError: the cell or the decoding is unknown.
    """

    name = "recurrent"

    def __init__(
        self,
        input_shape,
        units=(128,),
        cell="lstm",
        bidirectional=True,
        decoding="repeat",
        dropout=0.0,
        l1=0.0,
        l2=0.0,
    ):
        if len(input_shape) != 2:
            raise InputError(
                "The recurrent backbone takes sequences, input_shape=(length, "
                f"channels); received {tuple(input_shape)}."
            )
        if not units:
            raise InputError(
                "The recurrent backbone needs units, such as (128,): those of each "
                "layer."
            )
        for value, known in ((cell, RNNS), (decoding, DECODERS)):
            if value not in known:
                raise UnknownNameError(
                    f"Unknown {value!r}; choose one of {', '.join(known)}."
                )
        self.input_shape = tuple(input_shape)
        self.units = tuple(units)
        self.cell = cell
        self.decoding = decoding
        self.l1, self.l2 = l1, l2

        inputs = keras.Input(self.input_shape)
        h = layers.Masking()(inputs)
        for i, n in enumerate(self.units, 1):
            last = i == len(self.units)
            layer = self._layer(n, dropout=dropout, return_sequences=not last)
            name = f"recurrent_{i}"
            if bidirectional:
                layer = layers.Bidirectional(layer, name=name)
            else:
                layer.name = name
            h = layer(h)
        self.encoder = keras.Model(inputs, h, name="encoder")
        self.feature_names = tuple(f"recurrent_{i + 1}" for i in range(len(units)))

    def _layer(self, units, **options):
        penalty = weight_penalty(self.l1, self.l2)
        return RNNS[self.cell](units, kernel_regularizer=penalty, **options)

    def decoder(self, code, activation, tied=None):
        self._refuse(code, ("vector",))
        length, channels = self.input_shape
        inputs = keras.Input(code.shapes[0])
        penalty = weight_penalty(self.l1, self.l2)
        if self.decoding == "feedback":
            x = FeedbackDecoder(
                length,
                self.units[0],
                channels,
                self.cell,
                activation,
                kernel_regularizer=penalty,
                name="writer",
            )(inputs)
        else:
            x = layers.RepeatVector(length)(inputs)
            for n in reversed(self.units):
                x = self._layer(n, return_sequences=True)(x)
            x = layers.Dense(channels, kernel_regularizer=penalty)(x)
            x = OutputActivation(activation)(x)
        return keras.Model(inputs, x, name="decoder")

    def reconstruct(self, decoder, code, inputs):
        """With feedback, the decoder reads the true previous steps in training."""
        if self.decoding == "feedback":
            return decoder.get_layer("writer")([code, inputs])
        return decoder(code)
