"""The sparse bottleneck."""

import keras
from keras import ops

from ae_zoo.errors import UnknownNameError
from ae_zoo.bottlenecks.base import Bottleneck
from ae_zoo.layers.replica import replica_mean


@keras.saving.register_keras_serializable("ae_zoo")
class SparseBottleneck(Bottleneck):
    """Code of which few units are active at a time.

    Args:
        latent_dim: size of the code, usually larger than the data.
        penalty: 'l1' adds `weight` times the sum of |z| an example; 'kl' adds
            `weight` times the sum over units of KL(target || mean activation),
            for activations in [0, 1].
        weight: weight of the penalty.
        target: mean activation asked of every unit by 'kl'.

    Reference: Ng, 2011, CS294A lecture notes, "Sparse autoencoder".
    """

    def __init__(self, latent_dim, penalty="l1", weight=1e-3, target=0.05, **kwargs):
        super().__init__(latent_dim, **kwargs)
        if penalty not in ("l1", "kl"):
            raise UnknownNameError(
                f"Unknown sparsity penalty {penalty!r}; choose 'l1' or 'kl'."
            )
        if penalty == "kl" and self.activation is not keras.activations.sigmoid:
            raise ValueError(
                "The 'kl' penalty needs activations in [0, 1]: use "
                f"activation='sigmoid', not {kwargs.get('activation')!r}."
            )
        self.penalty = penalty
        self.weight = weight
        self.target = target

    def call(self, h, training=False):
        z = self.projection(h)
        activity = ops.cast(z, "float32")
        if self.penalty == "l1":
            value = ops.mean(ops.sum(ops.abs(activity), axis=-1))
        else:
            rho = ops.clip(self._mean_activity(activity), 1e-6, 1 - 1e-6)
            value = ops.sum(
                self.target * ops.log(self.target / rho)
                + (1 - self.target) * ops.log((1 - self.target) / (1 - rho))
            )
        self.add_penalty(self.weight * value)
        return z

    def _mean_activity(self, activity):
        """Mean of each unit over the batches of all replicas."""
        mean = replica_mean(ops.mean(activity, axis=0))
        # To wait for the others is to let them run: what they added to this layer's
        # losses, which replicas share, must not count again in ours.
        self._clear_losses()
        return mean

    def get_config(self):
        return {
            **super().get_config(),
            "penalty": self.penalty,
            "weight": self.weight,
            "target": self.target,
        }
