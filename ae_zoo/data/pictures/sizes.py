"""Sizes of picture files."""

import os
import warnings

from PIL import ExifTags, Image

from ae_zoo._files import check_regular
from ae_zoo.data.image_files import DAMAGE, open_image, reason
from ae_zoo.errors import InputError

_WIDTH, _HEIGHT = 256, 257  # TIFF tags
_ON_THEIR_SIDE = (5, 6, 7, 8)  # EXIF orientations


def picture_size(path: str | os.PathLike) -> tuple[int, int]:
    """Height and width of the upright picture in a file, which is not decoded.

    Raises:
        InputError: the file is missing or broken.
    """
    check_regular(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as in `read_picture`
            with open_image(path) as file:
                return _upright_size(file)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    except (*DAMAGE, Image.DecompressionBombError) as error:
        raise InputError(
            f"Cannot read {path} ({reason(error)}): repair or remove it."
        ) from error


def _upright_size(file: Image.Image) -> tuple[int, int]:
    # Pillow may have swapped the sides of a TIFF file already; its tags never change.
    tags = getattr(file, "tag_v2", None)
    width, height = file.size if tags is None else (tags[_WIDTH], tags[_HEIGHT])
    on_its_side = file.getexif().get(ExifTags.Base.Orientation) in _ON_THEIR_SIDE
    return (width, height) if on_its_side else (height, width)
