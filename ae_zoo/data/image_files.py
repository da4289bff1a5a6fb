"""Image files as Pillow opens them, and the errors of damaged ones."""

import contextlib
import os
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, UnidentifiedImageError

from ae_zoo.data.values import WHITE_LEVEL
from ae_zoo.errors import InputError

# The exceptions that Pillow raises for damaged files.
DAMAGE = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError),
    *(struct.error, zlib.error),
)


@contextlib.contextmanager
def open_image(path: str | os.PathLike) -> Iterator[Image.Image]:
    """A Pillow image of a file, not decoded yet; the file is closed at the end."""
    # Given a path, Pillow may map the file, and then garbles TIFF files on their side.
    with open(path, "rb") as stream, Image.open(stream) as file:
        yield file


def reason(error: Exception) -> object:
    """The words for an error of `DAMAGE` in a message."""
    unknown = isinstance(error, UnidentifiedImageError)
    return "not a known image format" if unknown else error


def integer_pixels(image: Image.Image) -> np.ndarray:
    """The grey levels of a Pillow image of 16 or 32 bits.

    Returns:
        uint16 `(height, width)`.

    Raises:
        InputError: values of 32 bits are outside the range of uint16.
    """
    pixels = np.asarray(image)
    if image.mode == "I" and pixels.size and not _fits_16_bits(pixels):
        raise InputError(
            "Its 32-bit integers have no agreed range: save it with 8 or 16 bits."
        )
    return pixels.astype("uint16")


def _fits_16_bits(pixels: np.ndarray) -> bool:
    return bool(pixels.min() >= 0 and pixels.max() <= WHITE_LEVEL["uint16"])
