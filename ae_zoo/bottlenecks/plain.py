"""The plain bottleneck: one dense projection."""

import keras

from ae_zoo.bottlenecks.base import Bottleneck
from ae_zoo.layers.weight_penalty import weight_penalty


@keras.saving.register_keras_serializable("ae_zoo")
class PlainBottleneck(Bottleneck):
    """Maps the encoder's output to the code by one dense projection.

    For a grid or tokens, the projection is applied at each position.

    Args:
        latent_dim: channels of the code, which for a vector is its size.
        activation: activation of the code.
        l1, l2: weight penalties on the projection.

    Shapes: `(batch, ..., features)` -> `(batch, ..., latent_dim)`.
    """

    penalty_name = None

    def __init__(self, latent_dim, activation=None, l1=0.0, l2=0.0, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.activation = keras.activations.get(activation)
        self.l1, self.l2 = l1, l2
        self.projection = self._dense("projection", activation)

    def _dense(self, name, activation=None):
        return keras.layers.Dense(
            self.latent_dim,
            activation=activation,
            kernel_regularizer=weight_penalty(self.l1, self.l2),
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, input_shape):
        self.projection.build(input_shape)
        self.add_penalty_scale()

    def code(self, h):
        return self.projection(h)

    def call(self, h, training=False):
        return self.projection(h)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.latent_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "activation": keras.activations.serialize(self.activation),
            "l1": self.l1,
            "l2": self.l2,
        }
