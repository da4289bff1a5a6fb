"""Random masks of missing pixels: scattered, along strokes, a block, a border."""

import numpy as np
from PIL import Image, ImageDraw


def draw(kind: int, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Mask `(height, width)`, bool, of kind 0 to 3: scattered to border."""
    if kind == 0:
        return scattered(size, rng, rng.uniform(0.1, 0.9))
    if kind == 1:
        return strokes(size, rng, rng.uniform(0.05, 0.3))
    if kind == 2:
        return block(size, rng, rng.integers(4, max(5, min(size) // 2)))
    return border(size, rng)


def scattered(size: tuple[int, int], rng, fraction: float) -> np.ndarray:
    """Mask `(height, width)`, bool: each pixel with probability `fraction`."""
    return rng.random(size, dtype="float32") < fraction


def strokes(size: tuple[int, int], rng, fraction: float) -> np.ndarray:
    """Mask `(height, width)`, bool: lines, 2 to 8 wide, until `fraction` is missing."""
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
    """Mask `(height, width)`, bool: one square at a random place."""
    holes = np.zeros(size, bool)
    top, left = (int(rng.integers(0, max(1, n - side + 1))) for n in size)
    holes[top : top + side, left : left + side] = True
    return holes


def border(size: tuple[int, int], rng) -> np.ndarray:
    """Mask `(height, width)`, bool: one or more sides, up to a fourth of the length."""
    holes = np.ones(size, bool)
    there = rng.random((2, 2)) < 0.5
    there[tuple(rng.integers(0, 2, 2))] = True
    ends = []
    for length, (first, last) in zip(size, there, strict=True):
        widths = rng.integers(1, max(2, length // 4), 2) * (first, last)
        ends.append(slice(widths[0], length - widths[1]))
    holes[tuple(ends)] = False
    return holes
