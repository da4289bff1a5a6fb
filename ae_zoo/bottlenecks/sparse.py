"""The sparse bottleneck."""

import keras
from keras import ops

from ae_zoo.bottlenecks.plain import PlainBottleneck
from ae_zoo.errors import UnknownNameError
from ae_zoo.layers.replica import SharedPenalty, replica_mean


@keras.saving.register_keras_serializable("ae_zoo")
class SparseBottleneck(PlainBottleneck):
    """A code with few units active at a time.

    Args:
        latent_dim: channels of the code, which for a vector is its size; usually larger
            than the data.
        penalty: 'l1' adds `weight` times the sum of |z| an example; 'kl' adds
            `weight` times the sum over units of KL(target || mean activation),
            for activations in [0, 1].
        weight: weight of the penalty.
        target: mean activation of a unit that 'kl' aims at.

    Reference: Ng, 2011, CS294A lecture notes, "Sparse autoencoder".
    """

    sparse = True
    penalty_name = "sparsity"

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
        self.shared_penalty = SharedPenalty(dtype="float32")

    def call(self, h, training=False):
        z = self.projection(h)
        activity = ops.cast(z, "float32")
        axes = tuple(range(len(z.shape)))
        if self.penalty == "l1":
            value = ops.mean(ops.sum(ops.abs(activity), axis=axes[1:]))
            self.add_penalty(self.weight * value)
            return z
        # Mean of each unit over examples and positions, on all replicas.
        mean = replica_mean(ops.mean(activity, axis=axes[:-1]))
        rho = ops.clip(mean, 1e-6, 1 - 1e-6)
        value = ops.sum(
            self.target * ops.log(self.target / rho)
            + (1 - self.target) * ops.log((1 - self.target) / (1 - rho))
        )
        scale = ops.cast(self.penalty_scale, "float32")
        self.shared_penalty(scale * self.weight * value)
        return z

    def get_config(self):
        return {
            **super().get_config(),
            "penalty": self.penalty,
            "weight": self.weight,
            "target": self.target,
        }
