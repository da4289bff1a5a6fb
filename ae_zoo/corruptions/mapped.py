"""Damage that the network is told about by one more channel of its input.

Made when batches are read, not inside the model, which takes pictures that are damaged
already, with their map.
"""

import numpy as np
from PIL import Image, ImageDraw


class MappedNoise:
    """Gaussian noise of a random level, and a map of the level.

    Args:
        level: largest standard deviation, in units of the input; each example draws its
            own between 0 and this.
    """

    has_map = True

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


class MappedHoles:
    """Missing pixels, and a map that is 1 where they are and 0 elsewhere.

    Each example draws one kind of hole: scattered pixels, strokes, or a block.
    """

    has_map = True

    def corrupt(self, x: np.ndarray, seed: int) -> np.ndarray:
        """`(n, h, w, c)` -> `(n, h, w, c + 1)`: 0 where pixels are missing; the map."""
        rng = np.random.default_rng(seed)
        kinds = rng.integers(0, 3, len(x))
        holes = np.stack([_holes(kind, x.shape[1:3], rng) for kind in kinds])
        return without(x, holes)


class MappedQuality:
    """No damage, but the quality to compress with, drawn for each example.

    Args:
        qualities: how many there are; the map holds one of 0, 1, ...
    """

    has_map = True

    def __init__(self, qualities: int):
        self.qualities = qualities

    def corrupt(self, x: np.ndarray, seed: int) -> np.ndarray:
        """`(n, h, w, c)` -> `(n, h, w, c + 1)`: the same pictures and the quality."""
        chosen = np.random.default_rng(seed).integers(self.qualities, size=len(x))
        return with_map(x, chosen[:, None, None, None])


def with_map(x: np.ndarray, values) -> np.ndarray:
    """Pictures `(n, h, w, c)` and `values`, spread to one more channel."""
    values = np.broadcast_to(np.float32(values), (*x.shape[:-1], 1))
    return np.concatenate([x, values], axis=-1)


def without(x: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Pictures `(n, h, w, c)` with holes `(n, h, w)`, bool, and their map."""
    holes = holes[..., None]
    return with_map(np.where(holes, np.float32(0), x), holes)


def _holes(kind: int, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    if kind == 0:
        return scattered(size, rng, rng.uniform(0.1, 0.9))
    if kind == 1:
        return strokes(size, rng, rng.uniform(0.05, 0.3))
    return block(size, rng, rng.integers(4, max(5, min(size) // 2)))


def scattered(size: tuple[int, int], rng, fraction: float) -> np.ndarray:
    """Holes `(height, width)`, bool: each pixel by chance."""
    return rng.random(size, dtype="float32") < fraction


def strokes(size: tuple[int, int], rng, fraction: float) -> np.ndarray:
    """Holes `(height, width)`, bool: lines, 2 to 8 wide, until `fraction` is gone."""
    drawing = Image.new("1", size[::-1])
    pen = ImageDraw.Draw(drawing)
    length = max(8, min(size) // 2)
    while np.mean(drawing) < fraction:
        start = rng.random(2) * size[::-1]
        steps = rng.uniform(-length, length, (3, 2))
        points = start + np.vstack([np.zeros(2), np.cumsum(steps, axis=0)])
        pen.line(
            [*map(tuple, points)], fill=1, width=int(rng.integers(2, 9)), joint="curve"
        )
    return np.array(drawing)


def block(size: tuple[int, int], rng, side: int) -> np.ndarray:
    """Holes `(height, width)`, bool: one square somewhere."""
    holes = np.zeros(size, bool)
    top, left = (int(rng.integers(0, max(1, n - side + 1))) for n in size)
    holes[top : top + side, left : left + side] = True
    return holes
