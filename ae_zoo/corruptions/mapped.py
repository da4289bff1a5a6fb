"""Corruptions that add a map of the change, as one more channel of the input.

They act when batches are read, not inside the model, which takes corrupted pictures
with their map.
"""

import numpy as np

from ae_zoo.corruptions.base import Corruption
from ae_zoo.corruptions.holes import draw


class MappedNoise(Corruption):
    """Gaussian noise of a random level, with a map of the level.

    Args:
        level: largest standard deviation, in units of the input; each example has one
            drawn between 0 and this.
    """

    kind = "gaussian"
    mapped = True

    def __init__(self, level: float):
        if level <= 0:
            raise ValueError(f"level must be above 0, received {level}")
        self.level = level

    def corrupt(self, x: np.ndarray, seed: int) -> np.ndarray:
        """`(n, h, w, c)` -> `(n, h, w, c + 1)`: noisy, not clipped, and the level."""
        rng = np.random.default_rng(seed)
        sigma = rng.uniform(0, self.level, (len(x), 1, 1, 1)).astype("float32")
        noisy = x + sigma * rng.standard_normal(x.shape, dtype="float32")
        return with_map(noisy, sigma)


class MappedHoles(Corruption):
    """Missing pixels, with a map that is 1 at them and 0 elsewhere.

    The kind of mask is drawn for each example: scattered pixels, strokes, or a block.
    """

    kind = "holes"
    mapped = True

    def corrupt(self, x: np.ndarray, seed: int) -> np.ndarray:
        """`(n, h, w, c)` -> `(n, h, w, c + 1)`: 0 where pixels are missing; the map."""
        rng = np.random.default_rng(seed)
        kinds = rng.integers(0, 3, len(x))
        holes = np.stack([draw(kind, x.shape[1:3], rng) for kind in kinds])
        return without(x, holes)


class MappedQuality(Corruption):
    """No change of the picture, but a map of the quality, drawn for each example.

    Args:
        qualities: number of qualities; the map holds one of 0, 1, ...
    """

    kind = "quality"
    mapped = True

    def __init__(self, qualities: int):
        self.qualities = qualities

    def corrupt(self, x: np.ndarray, seed: int) -> np.ndarray:
        """`(n, h, w, c)` -> `(n, h, w, c + 1)`: the same pictures and the quality."""
        chosen = np.random.default_rng(seed).integers(self.qualities, size=len(x))
        return with_map(x, chosen[:, None, None, None])


def with_map(x: np.ndarray, values) -> np.ndarray:
    """Pictures `(n, h, w, c)` with `values` broadcast to one more channel."""
    values = np.broadcast_to(np.float32(values), (*x.shape[:-1], 1))
    return np.concatenate([x, values], axis=-1)


def without(x: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Pictures `(n, h, w, c)` with 0 where `holes` `(n, h, w)`, bool, and their map."""
    holes = holes[..., None]
    return with_map(np.where(holes, np.float32(0), x), holes)
