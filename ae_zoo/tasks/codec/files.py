"""Decompression of files by the weights of the zoo that they name."""

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ae_zoo.data.pictures import check_writable, write_picture
from ae_zoo.errors import CodecError
from ae_zoo.tasks.arguments import as_path
from ae_zoo.tasks.batch import run_batch
from ae_zoo.tasks.codec import container
from ae_zoo.tasks.codec.compressor import SUFFIX, Compressor
from ae_zoo.tasks.codec.limits import MOST_PIXELS, read_limited
from ae_zoo.zoo.manifest import list_models

if TYPE_CHECKING:
    from PIL import Image


def decompress(
    source: bytes | str | os.PathLike, most_pixels: int = MOST_PIXELS
) -> "Image.Image":
    """The picture in an `.aez` file, by the zoo's weight that the file names.

    Args:
        source, most_pixels: as for `Compressor.decompress`.

    Raises:
        CodecError: it is not such a file, it is damaged, its picture is too large, or
            it was written by a model outside of the zoo: use the `Compressor` of that
            model.
        DownloadError: the weight cannot be downloaded; the message names the remedy.
    """
    header, segments = read_limited(source, most_pixels)
    return codec_of(header).unpack(header, segments, most_pixels).image()


def decompress_files(
    source: str | os.PathLike,
    target: str | os.PathLike,
    codec: Compressor | None = None,
    suffix: str = ".png",
    most_pixels: int = MOST_PIXELS,
) -> list[tuple[Path, str]]:
    """Decompresses a file, or every `.aez` file of a folder.

    Args:
        source, target: two files or two folders.
        codec: codec that wrote the files; None takes the weight of the zoo that each
            file names.
        suffix: suffix of the pictures of a folder.
        most_pixels: as for `Compressor.decompress`.

    Returns:
        The files of a folder that failed, and why.

    Raises:
        CodecError, DownloadError: as `decompress`.
        InputError: the target cannot be written.
    """

    def work(path: Path, out: Path) -> None:
        header, segments = read_limited(path, most_pixels)
        size, dtype = (header.height, header.width), f"uint{header.bits}"
        check_writable(out, size, dtype, header.mode in (2, 4))
        picture = (codec or codec_of(header)).unpack(header, segments, most_pixels)
        write_picture(picture, out)

    is_folder = as_path("source", source).is_dir()
    return run_batch(
        work, source, target, suffix if is_folder else None, suffixes=(SUFFIX,)
    )


def codec_of(header: container.Header) -> Compressor:
    """The codec of the zoo that a file names, see `decompress`."""
    if header.weight not in list_models():
        raise CodecError(
            f"The file was made by {header.weight!r}, which is not in the zoo: name "
            "the model that made it."
        )
    if header.weight not in list_models(task="compress"):
        raise CodecError(
            f"The file names the weight {header.weight!r}, which does not compress "
            "pictures: get the file again from its source."
        )
    return _load(header.weight)


_load = functools.lru_cache(maxsize=2)(Compressor)
