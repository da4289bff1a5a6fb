"""Functions of pictures of any size, applied in overlapping windows."""

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

    The image is cut into tiles. The function sees each in a window with a margin on
    every side, cut off at the borders of the image, and the tile is kept of what it
    returns. Where the margin covers its receptive field, the result is that of one
    call on the whole image, which is also all it takes if the image is no larger than
    a tile.

    Args:
        function: takes float32 `(h, w, c)`, in [0, 1] where the image is of integers,
            and returns floats `(h, w, d)`. It must not write to what it takes.
        image: `(height, width, c)`, uint8, uint16 or floats, which need not lie in
            [0, 1]. May be a memory map, as may `out`.
        out: `(height, width, d)`, of its own memory. As uint8 or uint16 it takes
            values in [0, 1], clipped and rounded; as floats, values as they are. Times
            `scale`, its height and width.
        margin: pixels around a tile, at least the radius of the receptive field.
        tile: height and width of a tile in pixels.
        multiple: windows start at multiples of it, as a function with strides needs;
            `margin` and `tile` are rounded up to it, `margin` to one at least.
        scale: of what the function returns, such as 1/16 for a code of that size. The
            image's height and width, and `multiple`, times it are integers.
        progress: called with the number of tiles done and of all.

    Raises:
        ValueError: shapes do not agree, or `out` shares memory with `image`.
    """
    if out.shape[:2] != _times(image.shape, scale):
        raise ValueError(f"out has shape {out.shape} for an image of {image.shape}.")
    if np.may_share_memory(image, out):
        raise ValueError("out shares memory with the image, whose margins it spoils.")
    # At the lower and right border `pad_to_multiple` reflects almost one multiple.
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
    """The window, reflected beyond its lower and right border.

    Args:
        window: `(h, w, c)`, at least 1 × 1; smaller than the padding, it is reflected
            again and again.
        multiple: of which the height and width of the result are multiples.
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
