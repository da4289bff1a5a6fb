"""A decoder layer that shares its kernel with an encoder layer."""

import keras
from keras import ops

from ae_zoo.errors import InputError


@keras.saving.register_keras_serializable("ae_zoo")
class TiedDense(keras.layers.Layer):
    """Dense layer whose kernel is the transpose of another Dense layer's.

    It halves the parameters of a dense autoencoder and regularises it
    (Vincent et al., 2010). Only the bias is its own.

    Freezing it freezes the shared kernel and its bias, but not the other layer's bias;
    setting the other layer's `trainable` again decides on the kernel anew. If the other
    layer is quantised to int8, so is the kernel here.

    Args:
        source: a built `keras.layers.Dense` with kernel `(inputs, units)`.
        activation: name of the activation.

    Shapes: `(batch, units)` -> `(batch, inputs)`.

    Raises:
        InputError: in a call, if the other layer is quantised to something else.
    """

    def __init__(self, source, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.source = source
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.bias = self.add_weight(
            name="bias", shape=(self.source.kernel.shape[0],), initializer="zeros"
        )

    @property
    def trainable(self):
        return keras.layers.Layer.trainable.fget(self)

    @trainable.setter
    def trainable(self, value):
        before = self.source.trainable
        keras.layers.Layer.trainable.fset(self, value)  # also of all of the source
        self.source.trainable = before
        self.source.kernel.trainable = before and value

    def call(self, x):
        return self.activation(x @ ops.transpose(self._shared_kernel()) + self.bias)

    def _shared_kernel(self):
        """The other layer's kernel, as floats."""
        mode = self.source.quantization_mode
        if mode is None:
            return self.source.kernel
        if mode != "int8":
            raise InputError(
                f"Tied weights cannot be quantised to {mode!r}: use 'int8', or build "
                "the model with tied=False."
            )
        return (
            ops.cast(self.source.kernel, self.compute_dtype) / self.source.kernel_scale
        )

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
