"""The interface of every corruption."""

import keras
import numpy as np

from ae_zoo.layers.replica import ReplicaSeedGenerator


class Corruption:
    """A change of the inputs in training, for the autoencoder to undo.

    Attributes:
        kind: its name, such as 'gaussian' or 'holes'.
        mapped: whether it adds a channel to the input, a map of the change. Such a
            corruption acts when batches are made: the model's input has the map.
        level: strength, in the unit that the subclass states.
    """

    kind: str
    mapped = False
    level: float | tuple[float, ...]

    def corrupt(self, x, seed):
        """The corrupted examples of `x`, with the map if there is one.

        Args:
            x: `(n, *shape)`.
            seed: integer, or a Keras seed generator inside a model.
        """
        raise NotImplementedError


class CorruptionLayer(Corruption, keras.layers.Layer):
    """A corruption inside the model: `corrupt` in training, otherwise the identity.

    Args:
        level: strength, in the unit that the subclass states; not negative.
        seed: integer, for reproducible noise.
    """

    def __init__(self, level, seed=None, **kwargs):
        super().__init__(**kwargs)
        if np.min(level) < 0:
            raise ValueError(f"level must not be negative, received {level}")
        self.level = level
        self.seed = seed
        self.generator = ReplicaSeedGenerator(seed)

    def call(self, x, training=False):
        if not training or self.level == 0:
            return x
        return self.corrupt(x, self.generator)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "level": self.level, "seed": self.seed}
