"""Holes of any size, inpainted from coarse to fine.

A network that sees some distance inpaints narrow holes. The middle of a wide hole is
therefore taken from the picture of half the size, inpainted in the same way, where the
hole is half as wide.
"""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import binary_erosion, zoom

from ae_zoo.data.values import as_floats, from_floats

NARROW = 12  # pixels from the known ones that the network inpaints
BLOCK = 32  # pixels; a hole that holds no such block, on a grid, is narrow enough
SMALLEST = 16  # pixels of a side that is not halved


def fill(
    fill_narrow: Callable[[np.ndarray, np.ndarray], np.ndarray],
    pixels: np.ndarray,
    holes: np.ndarray,
) -> np.ndarray:
    """Pixels with all holes inpainted, in their own dtype.

    Args:
        fill_narrow: inpaints the holes of such a picture if they are narrow.
        pixels: `(height, width, channels)`, uint8, uint16 or float32.
        holes: `(height, width, 1)`, bool, not all of them True.
    """
    if min(pixels.shape[:2]) < SMALLEST or not _has_block(holes[..., 0]):
        return fill_narrow(pixels, holes)
    small = fill(fill_narrow, *_halve(pixels, holes))
    middle = binary_erosion(holes[..., 0], iterations=NARROW, border_value=1)[..., None]
    given = np.where(middle, _double(small, pixels), pixels)
    return fill_narrow(given, holes & ~middle)


def _has_block(holes: np.ndarray) -> bool:
    """Whether a block of a grid, or what the border leaves of one, is all missing."""
    starts = [np.arange(0, side, BLOCK // 2) for side in holes.shape]
    known = np.add.reduceat(~holes, starts[0], axis=0, dtype="int64")
    return bool((np.add.reduceat(known, starts[1], axis=1) == 0).any())


def _halve(pixels: np.ndarray, holes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of the known pixels of blocks of 2 x 2, and the blocks without any."""
    ends = [(0, side % 2) for side in holes.shape[:2]]
    known = np.pad(~holes, (*ends, (0, 0))).astype("float32")
    values = np.pad(as_floats(pixels), (*ends, (0, 0))) * known
    total = _block_sums(known)
    means = _block_sums(values) / np.maximum(total, 1)
    return means, total == 0


def _block_sums(x: np.ndarray) -> np.ndarray:
    return x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]


def _double(small: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Twice as high and wide, interpolated linearly, in size and dtype of `pixels`."""
    options = {"order": 1, "mode": "nearest", "grid_mode": True}
    large = zoom(small, (2, 2, 1), **options)
    height, width = pixels.shape[:2]
    return from_floats(large[:height, :width], pixels.dtype)
