"""Masks of missing pixels, in the forms that people draw them."""

import numpy as np
from scipy.ndimage import distance_transform_edt

from ae_zoo.data.pictures import read_picture
from ae_zoo.data.values import as_floats
from ae_zoo.errors import InputError
from ae_zoo.tasks.arguments import as_integer


def read_mask(source) -> np.ndarray:
    """Reads a mask for `Inpainter`.

    Marked are, in a picture with transparency, the pixels that are more opaque than
    not; otherwise those with a channel of more than half of the range, such as white or
    red ones. Of integers that are all 0 or 1, the ones are marked, of signed ones all
    above 0.

    Args:
        source: an array, a Pillow image or a path.

    Returns:
        `(height, width, 1)`, bool.

    Raises:
        InputError: the source is not a picture, or marks no pixel.
    """
    if isinstance(source, np.ndarray) and source.dtype.kind in "bi":
        source = (source > 0).astype("uint8")
    picture = read_picture(source)
    values = picture.pixels if picture.alpha is None else picture.alpha[..., None]
    values = values.max(axis=-1, keepdims=True)
    if values.dtype.kind == "u" and values.max() <= 1:
        marked = values > 0
    else:
        marked = as_floats(values) > 0.5
    if not marked.any():
        raise InputError(
            "The mask marks no pixel: draw white, or anything opaque on a transparent "
            "ground, where the picture is missing."
        )
    return marked


def grow(holes: np.ndarray, pixels: int) -> np.ndarray:
    """The mask with everything marked that is at most some pixels from a mark."""
    if as_integer("dilate", pixels, low=0) == 0:
        return holes
    return distance_transform_edt(~holes[..., 0])[..., None] <= pixels
