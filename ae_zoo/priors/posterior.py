"""The distribution of codes that a variational encoder gives."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Posterior:
    """Independent normal distributions q(z|x), one for each value of each code.

    Attributes:
        mean: `(n, *shape)`, also the deterministic code.
        log_variance: logarithm of the variance, of the same shape.
    """

    mean: np.ndarray
    log_variance: np.ndarray

    def sample(self, seed: int | None = None) -> np.ndarray:
        """A random code of each example, `(n, *shape)`; equal for equal seeds."""
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal(self.mean.shape, dtype="float32")
        return self.mean + np.exp(0.5 * self.log_variance) * noise

    def kl(self) -> np.ndarray:
        """KL divergence from N(0, I) of each example, `(n,)`, in nats."""
        variance = np.exp(self.log_variance)
        terms = 0.5 * (variance + self.mean**2 - 1 - self.log_variance)
        return terms.reshape(len(terms), -1).sum(axis=1)
