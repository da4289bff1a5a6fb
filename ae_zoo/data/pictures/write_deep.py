"""Writing PNG and TIFF files of 16 bits, which Pillow writes of grey only."""

import struct
import zlib
from pathlib import Path

import numpy as np

from ae_zoo.data.pictures.picture import Picture
from ae_zoo.data.pictures.pixels import row_bands

_COLOUR, _ALPHA = 2, 4  # bits of PNG's colour type


def write_deep_png(picture: Picture, path: Path) -> None:
    """Writes a picture of uint16 as PNG, with its transparency and profile."""
    height, width, channels = picture.pixels.shape
    kind = _COLOUR * (channels == 3) + _ALPHA * (picture.alpha is not None)
    with path.open("wb") as file:

        def chunk(name: bytes, content: bytes) -> None:
            file.write(struct.pack(">I", len(content)) + name + content)
            file.write(struct.pack(">I", zlib.crc32(name + content)))

        file.write(b"\x89PNG\r\n\x1a\n")
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
        if picture.icc:
            chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc))
        stream = zlib.compressobj()
        for rows in row_bands(height, width):
            values = picture.pixels[rows]
            if picture.alpha is not None:
                values = np.dstack([values, picture.alpha[rows]])
            if compressed := stream.compress(_filtered(values)):
                chunk(b"IDAT", compressed)
        chunk(b"IDAT", stream.flush())
        chunk(b"IEND", b"")


def _filtered(rows: np.ndarray) -> bytes:
    """Rows after PNG's filter 1, the difference to the pixel on the left.

    The differences are smaller than the values, so they compress better.
    """
    lines = rows.astype(">u2").view("uint8").reshape(len(rows), -1)
    step = 2 * rows.shape[-1]
    lines[:, step:] -= lines[:, :-step].copy()
    return np.insert(lines, 0, 1, axis=1).tobytes()


def write_deep_tiff(picture: Picture, path: Path) -> None:
    """Writes a picture of uint16 as TIFF; grey must not have transparency."""
    import tifffile

    values, kind, extra = picture.pixels, "rgb", []
    if picture.channels == 1:
        values, kind = values[..., 0], "minisblack"
    elif picture.alpha is not None:
        values, extra = np.dstack([values, picture.alpha]), ["unassalpha"]
    tifffile.imwrite(
        path,
        values,
        photometric=kind,
        extrasamples=extra,
        compression="zlib",
        iccprofile=picture.icc,
        metadata=None,
        software=False,
    )
