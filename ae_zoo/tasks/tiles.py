"""Functions applied to pictures of any size in overlapping windows."""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from ae_zoo.data.values import as_floats, from_floats


def apply(
    function: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    out: np.ndarray,
    *,
    margin: int,
    tile: int = 1024,
    multiple: int = 8,
    scale: int | Fraction = 1,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Writes `function(image)` into `out`, in memory that does not grow with them.

    The image is divided into tiles. The function is called on each tile with a margin
    on every side, cropped at the borders of the image, and the part of its result that
    belongs to the tile is kept. If the margin covers the receptive field, the result is
    that of one call on the whole image; if the image is no larger than a tile, one call
    is made.

    Args:
        function: takes float32 `(h, w, c)`, in [0, 1] if the image is of integers, and
            returns floats `(h, w, d)`. It must not modify its argument.
        image: `(height, width, c)`, uint8, uint16 or floats, which need not lie in
            [0, 1]. May be a memory map, as may `out`, or anything with a shape that is
            read by slices of rows and columns; windows come from top to bottom.
        out: `(height, width, d)`, height and width times `scale`, in memory of its own.
            For uint8 or uint16, values in [0, 1] are clipped and rounded; for floats,
            values are not changed.
        margin: pixels around a tile, at least the radius of the receptive field.
        tile: height and width of a tile in pixels.
        multiple: windows start at multiples of it, which functions with strides need;
            `margin` and `tile` are rounded up to multiples, `margin` to at least one.
        scale: size of the result relative to the window, such as 1/16 for a code. The
            image's height and width, and `multiple`, times `scale` are integers.
        progress: called with the number of finished tiles and of all tiles.

    Raises:
        ValueError: shapes do not agree, or `out` shares memory with `image`.
    """
    if out.shape[:2] != _times(image.shape, scale):
        raise ValueError(f"out has shape {out.shape} for an image of {image.shape}.")
    if isinstance(image, np.ndarray) and np.may_share_memory(image, out):
        raise ValueError("out shares memory with the image: pass another array.")
    # At the lower and right border `pad_to_multiple` adds almost one multiple.
    margin = max(multiple, _round_up(margin, multiple))
    tile = _round_up(tile, multiple)
    height, width = image.shape[:2]
    total = math.ceil(height / tile) * math.ceil(width / tile)
    done = 0
    for rows, outer_rows, inner_rows in _spans(height, tile, margin):
        for columns, outer_columns, inner_columns in _spans(width, tile, margin):
            window = as_floats(image[outer_rows, outer_columns])
            result = function(window)
            if result.shape[:2] != _times(window.shape, scale):
                raise ValueError(
                    f"The function made {result.shape} of a window of {window.shape}."
                )
            inner = _scaled(inner_rows, scale), _scaled(inner_columns, scale)
            part = _scaled(rows, scale), _scaled(columns, scale)
            out[part] = from_floats(result[inner], out.dtype)
            done += 1
            if progress is not None:
                progress(done, total)


def pad_to_multiple(window: np.ndarray, multiple: int) -> np.ndarray:
    """Pads a window by reflection at its lower and right border.

    Args:
        window: `(h, w, c)`, at least 1 × 1; if it is smaller than the padding, it is
            reflected repeatedly.
        multiple: number whose multiples height and width of the result are.
    """
    bottom, right = (-size % multiple for size in window.shape[:2])
    if bottom == right == 0:
        return window
    return np.pad(window, ((0, bottom), (0, right), (0, 0)), mode="symmetric")


def _times(shape: tuple[int, ...], scale: int | Fraction) -> tuple:
    return tuple(side * scale for side in shape[:2])


def _scaled(part: slice, scale: int | Fraction) -> slice:
    return slice(int(part.start * scale), int(part.stop * scale))


def _round_up(value: int, multiple: int) -> int:
    return math.ceil(value / multiple) * multiple


def _spans(length: int, tile: int, margin: int) -> Iterator[tuple[slice, slice, slice]]:
    """Along one axis: the tile, its window, and the tile within the window."""
    for start in range(0, length, tile):
        stop = min(length, start + tile)
        first, last = max(0, start - margin), min(length, stop + margin)
        inner = slice(start - first, stop - first)
        yield slice(start, stop), slice(first, last), inner
