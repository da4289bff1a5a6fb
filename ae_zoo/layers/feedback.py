"""A recurrent decoder that reads its own output."""

import keras
from keras import ops

CELLS = {"lstm": keras.layers.LSTMCell, "gru": keras.layers.GRUCell}


@keras.saving.register_keras_serializable("ae_zoo")
class FeedbackCell(keras.layers.Layer):
    """One step: the code and the previous output in, the next output out.

    Args:
        units: units of the recurrent cell.
        channels: channels of the output.
        cell: 'lstm' or 'gru'.
        activation: activation of the output.
        kernel_regularizer: penalty on the kernels.
    """

    def __init__(
        self,
        units,
        channels,
        cell="lstm",
        activation="linear",
        kernel_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units, self.channels, self.cell_name = units, channels, cell
        self.activation = activation
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        options = {"kernel_regularizer": self.kernel_regularizer}
        options |= {"dtype": self.dtype_policy}
        self.cell = CELLS[cell](units, **options)
        self.output_layer = keras.layers.Dense(channels, activation, **options)
        sizes = self.cell.state_size
        self.state_size = [*(sizes if isinstance(sizes, list) else [sizes]), channels]
        self.output_size = channels

    def build(self, input_shape):
        self.cell.build(input_shape)
        self.output_layer.build((input_shape[0], self.units))

    def call(self, inputs, states, training=False):
        *states, previous = states
        if not training:  # the cell's own output instead of the truth
            inputs = ops.concatenate([inputs[:, : -self.channels], previous], axis=-1)
        if len(states) == 1:
            (states,) = states
        h, states = self.cell(inputs, states, training=training)
        states = states if isinstance(states, (list, tuple)) else [states]
        y = self.output_layer(h)
        return y, [*states, y]

    def get_initial_state(self, batch_size=None):
        states = self.cell.get_initial_state(batch_size)
        states = states if isinstance(states, (list, tuple)) else [states]
        return [*states, ops.zeros((batch_size, self.channels), self.compute_dtype)]

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "channels": self.channels,
            "cell": self.cell_name,
            "activation": self.activation,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


@keras.saving.register_keras_serializable("ae_zoo")
class FeedbackDecoder(keras.layers.Layer):
    """Decodes a code to a sequence, reading its own previous output at each step.

    In training, if it gets the true sequence, it reads the true previous step instead
    (teacher forcing).

    Args:
        length: steps of the sequence.
        units, channels, cell, activation, kernel_regularizer: as for `FeedbackCell`.

    Shapes: codes `(batch, d)`, or codes and sequences `(batch, length, channels)` ->
    `(batch, length, channels)`.

    Reference: Williams and Zipser, 1989, doi:10.1162/neco.1989.1.2.270.
    """

    def __init__(self, length, units, channels, cell, activation, **kwargs):
        penalty = kwargs.pop("kernel_regularizer", None)
        super().__init__(**kwargs)
        self.length = length
        cell = FeedbackCell(
            units, channels, cell, activation, penalty, dtype=self.dtype_policy
        )
        self.rnn = keras.layers.RNN(
            cell, return_sequences=True, dtype=self.dtype_policy
        )

    @property
    def cell(self):
        return self.rnn.cell

    def build(self, input_shape):
        code = input_shape[0] if isinstance(input_shape, list) else input_shape
        self.rnn.build((code[0], self.length, code[-1] + self.cell.channels))

    def call(self, inputs, training=False):
        code, truth = inputs if isinstance(inputs, list) else (inputs, None)
        codes = ops.repeat(code[:, None], self.length, axis=1)
        if truth is None:
            shape = (ops.shape(code)[0], self.length, self.cell.channels)
            truth, training = ops.zeros(shape, codes.dtype), False
        before = ops.pad(truth[:, :-1], [[0, 0], [1, 0], [0, 0]])
        before = ops.cast(before, codes.dtype)
        x = self.rnn(ops.concatenate([codes, before], axis=-1), training=training)
        return ops.cast(x, "float32")

    def compute_output_shape(self, input_shape):
        code = input_shape[0] if isinstance(input_shape, list) else input_shape
        return (code[0], self.length, self.cell.channels)

    def get_config(self):
        cell = self.cell.get_config()
        names = ("units", "channels", "cell", "activation", "kernel_regularizer")
        return {
            **super().get_config(),
            "length": self.length,
            **{name: cell[name] for name in names},
        }
