"""Pixel arrays and Pillow images of 8 bits, converted into each other."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from ae_zoo.data.values import from_floats

# Pixels converted at a time, so that memory holds a picture only twice.
_BAND = 2**20


def row_bands(height: int, width: int) -> Iterator[slice]:
    """The rows of a picture from top to bottom, about `_BAND` pixels at a time."""
    step = max(1, _BAND // width)
    for top in range(0, height, step):
        yield slice(top, min(height, top + step))


def from_pillow(image: Image.Image, mode: str) -> np.ndarray:
    """A Pillow image, converted to a mode of 8 bits.

    Args:
        image: any mode.
        mode: a mode with one letter per channel, such as 'L' or 'RGBA'.

    Returns:
        uint8 `(height, width, len(mode))`.
    """
    values = np.empty((image.height, image.width, len(mode)), "uint8")
    for rows in row_bands(image.height, image.width):
        band = image.crop((0, rows.start, image.width, rows.stop))
        values[rows] = np.asarray(band.convert(mode)).reshape(values[rows].shape)
    return values


def to_pillow(pixels: np.ndarray, alpha: np.ndarray | None = None) -> Image.Image:
    """A Pillow image of 8 bits.

    Args:
        pixels: `(height, width, 1 or 3)`: uint8, uint16, or floats in [0, 1].
        alpha: `(height, width)` or None.
    """
    grey = pixels.shape[-1] == 1
    image = Image.fromarray(_to_bytes(pixels[..., 0] if grey else pixels))
    if alpha is not None:
        image.putalpha(Image.fromarray(_to_bytes(alpha)))
    return image


def to_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Pixels converted to grey or to RGB, with 8 bits.

    Args:
        pixels: `(height, width, 1 or 3)`: uint8, uint16, or floats in [0, 1].
        channels: 1 (grey by ITU-R 601, as Pillow's mode L) or 3.

    Returns:
        uint8 `(height, width, channels)`.
    """
    pixels = _to_bytes(pixels)
    if pixels.shape[-1] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=-1)
    return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]


def _to_bytes(values: np.ndarray) -> np.ndarray:
    return values if values.dtype == np.uint8 else from_floats(values, "uint8")
