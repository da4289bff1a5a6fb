"""Corruptions that add a map of the change, as one more channel of the input.

They act when batches are read, not inside the model, which takes corrupted pictures
with their map.
"""

import numpy as np

from ae_zoo.corruptions.base import Corruption
from ae_zoo.corruptions.camera import camera_noise
from ae_zoo.corruptions.holes import draw

UNKNOWN = -1.0  # in the place of a noise level
UNEQUAL = 0.25  # share of the examples with another level in each channel
SHARES = 0.3, 0.3, 0.3, 0.1  # of the kinds of masks


class MappedNoise(Corruption):
    """Noise with a map of its level in each channel.

    Args:
        level: largest standard deviation of Gaussian noise, in units of the input; each
            example has one drawn between 0 and this, a part of them one a channel.
        blind: share of the examples with the noise of cameras and scanners instead, of
            a level that the map does not tell: it is `UNKNOWN` there.
    """

    kind = "gaussian"
    mapped = True

    def __init__(self, level: float, blind: float = 0.0):
        if level <= 0:
            raise ValueError(f"level must be above 0, received {level}")
        if not 0 <= blind <= 1:
            raise ValueError(f"blind must be a share from 0 to 1, received {blind}")
        self.level, self.blind = level, blind

    def corrupt(self, x: np.ndarray, seed: int) -> np.ndarray:
        """`(n, h, w, c)` -> `(n, h, w, 2 c)`: noisy pictures and their levels.

        Gaussian noise is not clipped.
        """
        rng = np.random.default_rng(seed)
        n, channels = len(x), x.shape[-1]
        sigma = rng.uniform(0, self.level, (n, 1, 1, channels)).astype("float32")
        equal = rng.random((n, 1, 1, 1)) >= UNEQUAL
        sigma = np.where(equal, sigma[..., :1], sigma)
        noisy = x + sigma * rng.standard_normal(x.shape, dtype="float32")
        blind = rng.random(n) < self.blind
        if blind.any():
            noisy[blind] = camera_noise(x[blind], rng)
            sigma[blind] = UNKNOWN
        return with_map(noisy, sigma)


class MappedHoles(Corruption):
    """Missing pixels, with a map that is 1 at them and 0 elsewhere.

    The kind of mask is drawn for each example: scattered pixels, strokes, a block, or a
    border.
    """

    kind = "holes"
    mapped = True

    def corrupt(self, x: np.ndarray, seed: int) -> np.ndarray:
        """`(n, h, w, c)` -> `(n, h, w, c + 1)`: 0 where pixels are missing; the map."""
        rng = np.random.default_rng(seed)
        kinds = rng.choice(len(SHARES), len(x), p=SHARES)
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
    """Pictures `(n, h, w, c)` and `values`, each with its own channels, as one array.

    Args:
        x: the pictures.
        values: a number, or an array that is broadcast over height and width.
    """
    values = np.atleast_1d(np.float32(values))
    values = np.broadcast_to(values, (*x.shape[:-1], values.shape[-1]))
    return np.concatenate([x, values], axis=-1)


def without(x: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Pictures `(n, h, w, c)` with 0 where `holes` `(n, h, w)`, bool, and their map."""
    holes = holes[..., None]
    return with_map(np.where(holes, np.float32(0), x), holes)
