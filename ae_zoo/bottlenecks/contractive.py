"""The contractive bottleneck."""

import keras
from keras import ops

from ae_zoo.bottlenecks.plain import PlainBottleneck
from ae_zoo.code import Views
from ae_zoo.corruptions.noise import GaussianCorruption

# Derivative dz/da of an activation z = s(a), as a function of z.
DERIVATIVES = {
    "linear": ops.ones_like,
    "sigmoid": lambda z: z * (1.0 - z),
    "tanh": lambda z: 1.0 - ops.square(z),
    "relu": lambda z: ops.cast(z > 0, z.dtype),
}


@keras.saving.register_keras_serializable("ae_zoo")
class ContractiveBottleneck(PlainBottleneck):
    """Penalises the squared Frobenius norm of the code's Jacobian.

    If the code is one dense layer on the input, the norm is exact. Behind a deeper
    encoder it is estimated, without bias to first order, by
    E |f(x + e·u) - f(x)|² / e² with u ~ N(0, I), which needs no second derivative
    and so works on every backend.

    Args:
        latent_dim: channels of the code, which for a vector is its size.
        weight: weight of the penalty, averaged over the batch.
        step: e, the size of the finite difference, in units of the input.

    Reference: Rifai et al., 2011, "Contractive auto-encoders".
    """

    penalty_name = "contraction"

    def __init__(self, latent_dim, weight=0.1, step=1e-2, seed=None, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.weight = weight
        self.step = step
        self.seed = seed

    def connect(self, encoder, x):
        name = keras.activations.serialize(self.activation)
        known = isinstance(name, str) and name in DERIVATIVES
        if not encoder.weights and known:
            return Views(self(encoder(x)))
        perturbation = GaussianCorruption(self.step, self.seed, name="perturbation")
        return Views(self([encoder(x), encoder(perturbation(x))]))

    def build(self, input_shape):
        super().build(input_shape[0] if isinstance(input_shape, list) else input_shape)

    def call(self, inputs, training=False):
        if not isinstance(inputs, list):
            z = self.projection(inputs)
            self.add_penalty(self.weight * self._exact_norm(ops.cast(z, "float32")))
            return z
        z, perturbed = (self.projection(h) for h in inputs)
        difference = ops.cast(perturbed, "float32") - ops.cast(z, "float32")
        axes = tuple(range(1, len(z.shape)))
        norm = ops.sum(ops.square(difference / self.step), axis=axes)
        self.add_penalty(self.weight * ops.mean(norm))
        return z

    def _exact_norm(self, z):
        derivative = DERIVATIVES[keras.activations.serialize(self.activation)](z)
        kernel = ops.cast(self.projection.kernel, "float32")
        column_norms = ops.sum(ops.square(kernel), axis=0)
        return ops.mean(ops.sum(ops.square(derivative) * column_norms, axis=-1))

    def compute_output_shape(self, input_shape):
        first = input_shape[0] if isinstance(input_shape, list) else input_shape
        return super().compute_output_shape(first)

    def get_config(self):
        return {
            **super().get_config(),
            "weight": self.weight,
            "step": self.step,
            "seed": self.seed,
        }
