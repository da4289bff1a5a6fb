"""Images fitted to a model: grey or RGB, of its height and width."""

import os

import numpy as np
from PIL import Image, ImageOps

from ae_zoo._files import check_regular
from ae_zoo.data.image_files import DAMAGE, integer_pixels, open_image, reason
from ae_zoo.data.values import scale
from ae_zoo.errors import InputError

IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"),
    *(".tif", ".tiff", ".pbm", ".pgm", ".ppm"),
)


def read_image(path: str | os.PathLike, input_shape: tuple[int, ...]) -> np.ndarray:
    """Reads an image file and fits it to a model, see `fit_image`.

    The image is rotated upright according to its EXIF orientation.

    Args:
        path: any format that Pillow reads; only the first frame of an animation is
            used.
        input_shape: as for `fit_image`.

    Returns:
        `input_shape`, float32 in [0, 1].

    Raises:
        InputError: the file is missing or broken, or the model takes no images.
    """
    check_regular(path)
    try:
        with open_image(path) as file:
            image = ImageOps.exif_transpose(file)
    except FileNotFoundError as error:
        raise InputError(f"There is no file or folder {path}.") from error
    except (*DAMAGE, Image.DecompressionBombError) as error:
        raise InputError(
            f"Cannot read the image {path} ({reason(error)}): repair or remove the "
            "file."
        ) from error
    try:
        return fit_image(image, input_shape)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def fit_image(image: Image.Image, input_shape: tuple[int, ...]) -> np.ndarray:
    """Fits a Pillow image to a model.

    Transparent pixels are laid on white, colours are converted to the model's grey or
    RGB, and the image is stretched to the model's size by antialiased bilinear
    resampling.

    Args:
        image: any mode of Pillow; floats must be in [0, 1].
        input_shape: `(height, width, channels)` with 1 or 3 channels; a side that is
            None keeps its length.

    Returns:
        `input_shape`, float32 in [0, 1].

    Raises:
        InputError: the model takes no images, or the values have no agreed range.
    """
    if len(input_shape) != 3 or input_shape[-1] not in (1, 3):
        raise InputError(
            "Only models of grey or RGB images take images; this one takes arrays of "
            f"shape {tuple(input_shape)}."
        )
    channels = input_shape[-1]
    height, width = (
        side or own for side, own in zip(input_shape, image.size[::-1], strict=False)
    )
    if image.mode == "F":
        image = Image.fromarray(scale(np.asarray(image)))
    elif image.mode.startswith("I"):
        image = Image.fromarray(scale(integer_pixels(image)))
    else:
        if image.has_transparency_data:
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image.convert("RGBA"))
        image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = scale(np.asarray(image))
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], channels, axis=-1)
    return pixels
