"""Writing pictures to files."""

import os
from pathlib import Path

import numpy as np

from ae_zoo._files import complete_file
from ae_zoo.data.pictures.formats import FORMATS, check_writable
from ae_zoo.data.pictures.picture import Picture
from ae_zoo.data.pictures.pixels import to_pillow
from ae_zoo.data.pictures.write_deep import write_deep_png, write_deep_tiff


def write_picture(picture: Picture, path: str | os.PathLike) -> None:
    """Writes a picture to a file; the ending of the name chooses the format.

    PNG, TIFF, WebP and BMP are lossless, JPEG has quality 95. Floats are written with
    8 bits. The profile is kept, except in BMP. Grey becomes RGB, without a profile, in
    WebP and in TIFF of 16 bits with transparency.

    Args:
        picture: the picture.
        path: the file; an existing one is replaced.

    Raises:
        InputError: as `check_writable`; nothing is written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    has_alpha, dtype = picture.alpha is not None, picture.pixels.dtype
    check_writable(path, picture.pixels.shape[:2], dtype, has_alpha)
    kind = FORMATS[suffix]
    is_deep = dtype == np.uint16
    holds_grey = kind.has_grey and (
        kind.has_deep_grey_alpha or not (is_deep and has_alpha)
    )
    if picture.channels == 1 and not holds_grey:
        picture = Picture(np.repeat(picture.pixels, 3, axis=-1), picture.alpha)
    with complete_file(path) as temporary:
        if not is_deep:
            options = kind.options
            if picture.icc:
                options = options | {"icc_profile": picture.icc}
            to_pillow(picture.pixels, picture.alpha).save(temporary, **options)
        elif suffix == ".png":
            write_deep_png(picture, temporary)
        else:
            write_deep_tiff(picture, temporary)
