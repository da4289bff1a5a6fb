"""A decoder layer that shares its kernel with an encoder layer."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("ae_zoo")
class TiedDense(keras.layers.Layer):
    """Dense layer whose kernel is the transpose of another Dense layer's.

    It halves the parameters of a dense autoencoder and regularises it
    (Vincent et al., 2010). Only the bias is its own.

    Args:
        source: a built `keras.layers.Dense` with kernel `(inputs, units)`.
        activation: name of the activation.

    Shapes: `(batch, units)` -> `(batch, inputs)`.
    """

    def __init__(self, source, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.source = source
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.bias = self.add_weight(
            name="bias", shape=(self.source.kernel.shape[0],), initializer="zeros"
        )

    def call(self, x):
        return self.activation(x @ ops.transpose(self.source.kernel) + self.bias)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.source.kernel.shape[0])

    def get_config(self):
        return {
            **super().get_config(),
            "source": keras.saving.serialize_keras_object(self.source),
            "activation": keras.activations.serialize(self.activation),
        }

    @classmethod
    def from_config(cls, config):
        config["source"] = keras.saving.deserialize_keras_object(config["source"])
        return cls(**config)
