"""The plain bottleneck, and what every bottleneck can do."""

import keras
from keras import ops

from ae_zoo.errors import NotGenerativeError


@keras.saving.register_keras_serializable("ae_zoo")
class Bottleneck(keras.layers.Layer):
    """Maps the encoder's output to the code by one dense projection.

    Subclasses add a penalty (`add_penalty`), a prior (`sample_prior`), or another
    way to reach the code (`connect`). With `training=False` the output is always
    the deterministic code.

    Args:
        latent_dim: size of the code.
        activation: activation of the code.
        l1, l2: weight penalties on the projection.

    Shapes: `(batch, features)` -> `(batch, latent_dim)`.
    """

    generative = False

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
        # A weight, so that a warm-up can change it between compiled steps.
        self.penalty_scale = self.add_weight(
            name="penalty_scale", shape=(), initializer="ones", trainable=False
        )

    def connect(self, encoder, x):
        """The code of `x` as a symbolic tensor of a functional model."""
        return self(encoder(x))

    def call(self, h, training=False):
        return self.projection(h)

    def add_penalty(self, value):
        """Adds `value`, a scalar averaged over the batch, to the loss."""
        self.add_loss(
            ops.cast(self.penalty_scale, "float32") * ops.cast(value, "float32")
        )

    def finish(self) -> None:
        """What is to be done once training has ended: here nothing."""

    def sample_prior(self, n: int, seed: int | None = None):
        """`n` codes drawn from the prior, shape `(n, latent_dim)`."""
        raise NotGenerativeError(
            f"{type(self).__name__} has no prior to sample from; "
            "use a variational family such as 'vae'."
        )

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.latent_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "activation": keras.activations.serialize(self.activation),
            "l1": self.l1,
            "l2": self.l2,
        }


def weight_penalty(l1: float, l2: float) -> keras.regularizers.Regularizer | None:
    """L1 and L2 penalty of a kernel, or None where both are zero."""
    return keras.regularizers.L1L2(l1, l2) if l1 or l2 else None
