"""Limits of what a file may cost, since a small file may hold a large picture."""

import os

from ae_zoo.errors import CodecError
from ae_zoo.tasks.arguments import as_integer
from ae_zoo.tasks.codec import container

MOST_PIXELS = 2**26
"""Pixels of a picture to decompress, unless the caller allows more."""


def read_limited(
    source: str | os.PathLike | bytes, most_pixels: int
) -> tuple[container.Header, list[tuple[str, bytes]]]:
    """As `container.read`, for pictures of at most so many pixels.

    Raises:
        CodecError: as `container.read`, or the picture has more pixels.
        InputError: there is no such file, or the limit is no integer above 0.
    """
    most_pixels = as_integer("most_pixels", most_pixels)
    header = container.read_header(source)
    check_cost(header, header.width * header.height, most_pixels)
    return container.read(source)


def check_cost(header: container.Header, cost: int, most_pixels: int) -> None:
    """Raises a `CodecError` if a picture costs more pixels than allowed."""
    if cost > most_pixels:
        # Rounded up, since the codes of the picture may cost a little more.
        step = 10 ** max(0, len(str(cost)) - 2)
        raise CodecError(
            f"The picture of {header.width} x {header.height} pixels takes memory for "
            f"{cost:,} pixels, more than {most_pixels:,}: set most_pixels "
            f"(--most-pixels) to {-(-cost // step) * step} if you trust the file."
        )
