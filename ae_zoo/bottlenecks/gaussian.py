"""The variational bottleneck."""

import keras
from keras import ops

from ae_zoo.bottlenecks.plain import PlainBottleneck
from ae_zoo.code import Views
from ae_zoo.layers.replica import ReplicaSeedGenerator
from ae_zoo.priors.normal import NormalPrior


@keras.saving.register_keras_serializable("ae_zoo")
class GaussianBottleneck(PlainBottleneck):
    """Diagonal Gaussian code with prior N(0, I), by the reparametrisation trick.

    Adds `beta` times the KL divergence, in nats an example, to the loss. In
    training the output is a sample; otherwise it is the mean.

    Args:
        latent_dim: channels of the code, which for a vector is its size.
        beta: weight of the KL divergence; 1 gives the evidence lower bound.
        seed: integer, for reproducible samples.

    Reference: Kingma and Welling, 2013, arXiv:1312.6114.
    """

    penalty_name = "kl"

    def __init__(self, latent_dim, beta=1.0, seed=None, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.beta = beta
        self.seed = seed
        self.generator = ReplicaSeedGenerator(seed)
        self.log_variance = self._dense("log_variance")

    @property
    def prior(self):
        return NormalPrior(self.code_shape)

    def build(self, input_shape):
        super().build(input_shape)
        self.log_variance.build(input_shape)
        self.code_shape = self.compute_output_shape(input_shape)[1:]

    def connect(self, encoder, x):
        h = encoder(x)
        return Views(self(h), posterior=self.posterior(h))

    def posterior(self, h):
        """Mean and log variance of q(z|x), each of the code's shape, float32."""
        mean = ops.cast(self.projection(h), "float32")
        return mean, ops.cast(self.log_variance(h), "float32")

    def code(self, h):
        return ops.cast(self.posterior(h)[0], self.compute_dtype)

    def call(self, h, training=False):
        mean, log_variance = self.posterior(h)
        kl = 0.5 * (ops.exp(log_variance) + ops.square(mean) - 1.0 - log_variance)
        axes = tuple(range(1, len(kl.shape)))
        self.add_penalty(self.beta * ops.mean(ops.sum(kl, axis=axes)))
        z = mean
        if training:
            noise = keras.random.normal(
                ops.shape(mean), dtype="float32", seed=self.generator
            )
            z = mean + ops.exp(0.5 * log_variance) * noise
        return ops.cast(z, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "beta": self.beta, "seed": self.seed}
