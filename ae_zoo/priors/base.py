"""The interface of every prior."""

import numpy as np


class Prior:
    """A distribution of codes, from which new ones are drawn.

    Attributes:
        mean, deviation: mean and standard deviation of each value of a code.
    """

    mean, deviation = 0.0, 1.0

    def sample(self, n: int, seed: int | None = None, temperature: float = 1.0):
        """Draws `n` codes `(n, *shape)`.

        Args:
            n: number of codes.
            seed: integer; the same seed gives the same codes.
            temperature: factor on the spread; below 1 codes are more typical.
        """
        raise NotImplementedError

    def log_prob(self, z) -> np.ndarray:
        """Logarithm of the density of codes `(..., *shape)`, in nats, `(...)`.

        Takes arrays, or symbolic tensors of a functional model.
        """
        raise NotImplementedError
