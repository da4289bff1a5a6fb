"""Colour of 16 bits per channel, decoded by Pillow in two passes.

Pillow gives 16 bits of grey images only. A colour file is therefore decoded twice, once
for the high and once for the low byte of each value.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ae_zoo.data.image_files import open_image
from ae_zoo.data.pictures.pixels import from_pillow
from ae_zoo.errors import InputError

_BITS, _PLANES, _SEPARATE = 258, 284, 2  # two TIFF tags, and a value of the second
# For each byte order of 16-bit values, the one that makes Pillow take the low byte.
_OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


def deep_layout(file: Image.Image) -> str | None:
    """Pillow's name for the pixel layout of 16-bit colour, such as 'RGB;16B'.

    Args:
        file: an image file that is not decoded yet.

    Returns:
        The layout; None if Pillow reads the file without loss.

    Raises:
        InputError: 16-bit colours are in separate planes, which Pillow mixes up.
    """
    tags = getattr(file, "tag_v2", {})
    if tags.get(_PLANES) == _SEPARATE and max(tags.get(_BITS, [1])) > 8:
        raise InputError(
            "It keeps 16-bit colours in separate planes: save it with interleaved "
            "colours (planar configuration 1)."
        )
    if not file.tile:
        return None
    args = file.tile[0][3]
    layout = args if isinstance(args, str) else str(args[0])
    kind, _, order = layout.partition(";16")
    is_deep = kind in ("LA", "RGB", "RGBA", "RGBX") and order in _OTHER_ORDER
    return layout if is_deep else None


def decode_deep(path: Path, layout: str) -> np.ndarray:
    """Decodes a file of 16-bit colour, or of 16-bit grey with alpha, upright.

    Args:
        path: the file.
        layout: its pixel layout, as `deep_layout` returns it.

    Returns:
        uint16 `(height, width, 2 to 4)`.
    """
    kind, _, order = layout.partition(";16")
    if kind == "LA":  # both bytes of both values, read as four channels of 8 bits
        return _decode(path, "RGBA").view(">u2").astype("uint16")
    values = _decode(path, layout).astype("uint16")
    values <<= 8
    values |= _decode(path, f"{kind};16{_OTHER_ORDER[order]}")
    return values


def _decode(path: Path, layout: str) -> np.ndarray:
    """uint8 `(height, width, channels)`: one byte of each value, set by `layout`."""
    with open_image(path) as file:
        file.tile = [_with_layout(tile, layout) for tile in file.tile]
        ImageOps.exif_transpose(file, in_place=True)
        return from_pillow(file, file.mode)


def _with_layout(tile: tuple, layout: str) -> tuple:
    args = tile[3]
    changed = (*tile[:3], layout if isinstance(args, str) else (layout, *args[1:]))
    # Tiles are plain tuples before Pillow 11, then named ones.
    return changed if type(tile) is tuple else type(tile)(*changed)
