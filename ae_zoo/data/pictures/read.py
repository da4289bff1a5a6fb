"""Reading pictures: files, Pillow images and arrays."""

import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ae_zoo._files import check_path, check_regular
from ae_zoo.data.image_files import DAMAGE, integer_pixels, open_image, reason
from ae_zoo.data.pictures.picture import Picture
from ae_zoo.data.pictures.pixels import from_pillow
from ae_zoo.data.pictures.read_deep import decode_deep, deep_layout
from ae_zoo.data.values import WHITE_LEVEL, limits_outside, unknown_range
from ae_zoo.errors import InputError

_ICC_SPACE = {1: b"GRAY", 3: b"RGB "}  # by channels, as in the header of a profile


def read_picture(source: str | os.PathLike | Image.Image | np.ndarray) -> Picture:
    """Reads a picture from a file, a Pillow image or an array.

    Images are rotated upright according to their EXIF orientation. Only the first
    frame of an animation is used, and palettes become RGB.

    16 bits are kept in grey images, and in PNG and TIFF files of colour unless they
    are CMYK or premultiplied; Pillow images of colour have 8 bits. A profile for other
    than grey or RGB pixels, such as CMYK, is dropped.

    Args:
        source: a path; a Pillow image; or uint8, uint16, or floats in [0, 1], of
            shape `(height, width)` or `(height, width, 1, 3 or 4)`, where 4 is RGB
            and alpha. Arrays are not copied if their dtype allows.

    Raises:
        InputError: the source is none of these, the file is missing, broken or larger
            than twice `PIL.Image.MAX_IMAGE_PIXELS` (179 megapixels), or the values have
            no agreed range.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    is_image = isinstance(source, Image.Image)
    if not is_image:
        check_path("A picture", source, "an array, a Pillow image or ")
        check_regular(source)
    name = "the image" if is_image else source
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of size, and of odd but legal files
            if is_image:
                return _from_image(ImageOps.exif_transpose(source))
            return _from_file(Path(source))
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{name} has more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels: cut it into "
            "pieces, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it."
        ) from error
    except FileNotFoundError as error:
        raise InputError(f"There is no file {name}.") from error
    except DAMAGE as error:
        raise InputError(
            f"Cannot read {name} ({reason(error)}): repair or remove it."
        ) from error


def _from_array(values: np.ndarray) -> Picture:
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or values.shape[-1] not in (1, 3, 4):
        raise InputError(
            "A picture has the shape (height, width) or (height, width, 1, 3 or 4), "
            f"not {values.shape}: reshape it, or pass one picture at a time."
        )
    if values.size == 0:
        raise InputError("The picture is empty: it needs at least one pixel.")
    if np.issubdtype(values.dtype, np.floating):
        if limits := limits_outside(values):
            low, high = limits
            raise InputError(
                f"The floats of a picture must be in [0, 1], not from {low:.6g} to "
                f"{high:.6g}: rescale them, or pass uint8 or uint16."
            )
        return _split(values.astype("float32", copy=False))
    if values.dtype.name not in WHITE_LEVEL:
        raise unknown_range(values.dtype)
    return _split(values.astype(values.dtype.name, copy=False))  # native byte order


def _from_file(path: Path) -> Picture:
    if path.is_dir():
        raise InputError("It is a folder: name a picture in it.")
    with open_image(path) as file:
        layout, info = deep_layout(file), file.info
        if layout is None:
            ImageOps.exif_transpose(file, in_place=True)
            return _from_image(file)
    return _split(decode_deep(path, layout), info)


def _from_image(image: Image.Image) -> Picture:
    if 0 in image.size:
        raise InputError("It is empty: it needs at least one pixel.")
    if image.mode == "F":
        raise InputError(
            "Its floats have no agreed range: save it with 8 or 16 bits, or pass an "
            "array of floats in [0, 1]."
        )
    if image.mode.startswith("I"):
        return _split(integer_pixels(image)[..., None], image.info)
    is_grey = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        mode = "LA" if is_grey else "RGBA"
    else:
        mode = "L" if is_grey else "RGB"
    values = from_pillow(image, mode)
    return _split(values, {"icc_profile": image.info.get("icc_profile")})


def _split(values: np.ndarray, info: dict | None = None) -> Picture:
    """A picture of grey or RGB values, with or without alpha.

    Args:
        values: `(height, width, 1 to 4)`.
        info: Pillow's dictionary, with "icc_profile", and with "transparency" if one
            pixel value means transparent.
    """
    info = info or {}
    channels = 1 if values.shape[-1] < 3 else 3
    pixels, alpha = values[..., :channels], None
    if values.shape[-1] > channels:
        alpha = values[..., -1]
    elif info.get("transparency") is not None:
        is_clear = (pixels == np.array(info["transparency"])).all(axis=-1)
        alpha = np.where(is_clear, 0, WHITE_LEVEL[values.dtype.name])
        alpha = alpha.astype(values.dtype)
    icc = info.get("icc_profile")
    fits = icc and icc[16:20] == _ICC_SPACE[channels]
    return Picture(pixels, alpha, icc if fits else None)
