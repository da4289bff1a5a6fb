"""The file formats that pictures are written in, and the limits of each."""

import dataclasses
import os
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from ae_zoo.errors import InputError


@dataclasses.dataclass(frozen=True)
class Format:
    """The limits of a file format.

    Attributes:
        options: Pillow's options for writing it.
        has_alpha: whether it holds transparency.
        has_16_bits: whether it holds 16 bits per channel.
        has_deep_grey_alpha: whether it holds 16-bit grey with alpha.
        has_grey: whether it holds grey; else grey is written as RGB.
        longest_side: the largest height or width, in pixels.
    """

    options: dict
    has_alpha: bool = True
    has_16_bits: bool = False
    has_deep_grey_alpha: bool = True
    has_grey: bool = True
    longest_side: int = 2**31 - 1


_JPEG = Format({"quality": 95}, has_alpha=False, longest_side=65500)
_TIFF = Format(
    {"compression": "tiff_adobe_deflate"}, has_16_bits=True, has_deep_grey_alpha=False
)
FORMATS = {
    ".png": Format({}, has_16_bits=True),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    # exact: transparent pixels keep their colours.
    ".webp": Format(
        {"lossless": True, "exact": True}, has_grey=False, longest_side=16383
    ),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": Format({}, has_alpha=False),
}


def check_writable(
    path: str | os.PathLike,
    size: tuple[int, int],
    dtype: DTypeLike = "uint8",
    has_alpha: bool = False,
) -> None:
    """Refuses early a file that `write_picture` cannot write, before minutes of work.

    Args:
        path: the file to write.
        size: height and width in pixels.
        dtype: dtype of the picture.
        has_alpha: whether the picture has transparency.

    Raises:
        InputError: the folder does not exist, the ending is not the name of a format,
            or the format cannot hold such a picture.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise InputError(
            f"{path} cannot be written: give a name that ends in {', '.join(FORMATS)}."
        )
    if not path.parent.is_dir():
        raise InputError(
            f"{path} cannot be written: make the folder {path.parent} first."
        )
    kind = FORMATS[suffix]
    if has_alpha and not kind.has_alpha:
        raise InputError(
            f"{path} cannot hold the transparency of the picture: give a name that "
            "ends in .png, .webp or .tif."
        )
    if np.dtype(dtype) == np.uint16 and not kind.has_16_bits:
        raise InputError(
            f"{path} cannot hold the 16 bits of the picture: give a name that ends in "
            ".png or .tif."
        )
    if max(size) > kind.longest_side:
        raise InputError(
            f"{path} cannot hold {max(size)} pixels in a row, at most "
            f"{kind.longest_side}: give a name that ends in .png or .tif."
        )
