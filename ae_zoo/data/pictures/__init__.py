"""Photographs for restoration and compression, and the files that hold them.

Unlike model inputs (`ae_zoo.data.inputs`), pictures keep their size, their 8 or 16
bits, their transparency and their colour profile.
"""

from ae_zoo.data.pictures.formats import check_writable
from ae_zoo.data.pictures.picture import Picture
from ae_zoo.data.pictures.pixels import to_channels
from ae_zoo.data.pictures.read import read_picture
from ae_zoo.data.pictures.sizes import picture_size
from ae_zoo.data.pictures.write import write_picture

__all__ = [
    "Picture",
    "check_writable",
    "picture_size",
    "read_picture",
    "to_channels",
    "write_picture",
]
