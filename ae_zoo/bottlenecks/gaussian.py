"""The variational bottleneck."""

import keras
from keras import ops

from ae_zoo.bottlenecks.base import Bottleneck
from ae_zoo.layers.replica import ReplicaSeedGenerator


@keras.saving.register_keras_serializable("ae_zoo")
class GaussianBottleneck(Bottleneck):
    """Diagonal Gaussian code with prior N(0, I), by the reparametrisation trick.

    Adds `beta` times the KL divergence, in nats an example, to the loss. In
    training the output is a sample; otherwise it is the mean.

    Args:
        latent_dim: size of the code.
        beta: weight of the KL divergence; 1 gives the evidence lower bound.
        seed: integer, for reproducible samples.

    Reference: Kingma and Welling, 2013, arXiv:1312.6114.
    """

    generative = True

    def __init__(self, latent_dim, beta=1.0, seed=None, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.beta = beta
        self.seed = seed
        self.generator = ReplicaSeedGenerator(seed)
        self.log_variance = self._dense("log_variance")

    def build(self, input_shape):
        super().build(input_shape)
        self.log_variance.build(input_shape)

    def posterior(self, h):
        """Mean and log variance of q(z|x), each `(batch, latent_dim)`, float32."""
        mean = ops.cast(self.projection(h), "float32")
        return mean, ops.cast(self.log_variance(h), "float32")

    def call(self, h, training=False):
        mean, log_variance = self.posterior(h)
        kl = 0.5 * (ops.exp(log_variance) + ops.square(mean) - 1.0 - log_variance)
        self.add_penalty(self.beta * ops.mean(ops.sum(kl, axis=-1)))
        z = mean
        if training:
            noise = keras.random.normal(ops.shape(mean), seed=self.generator)
            z = mean + ops.exp(0.5 * log_variance) * noise
        return ops.cast(z, self.compute_dtype)

    def sample_prior(self, n, seed=None):
        return keras.random.normal((n, self.latent_dim), seed=seed)

    def get_config(self):
        return {**super().get_config(), "beta": self.beta, "seed": self.seed}
