"""Array files: `.npy` and `.npz`."""

import lzma
import math
import os
import tokenize
import zipfile
import zlib

import numpy as np
from numpy.lib import format as npy

from ae_zoo._files import check_regular
from ae_zoo.errors import InputError

ARRAY_SUFFIXES = (".npy", ".npz")
EXAMPLE_KEYS = ("x", "image", "images")  # in archives and in elements of tf.data
LABEL_KEYS = ("y", "label", "labels")
MOST_BYTES = 2**30
"""Size of an array that is read from an archive: a small one may inflate to more."""

# The exceptions that NumPy raises for damaged files.
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, OverflowError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError),
    RuntimeError,  # an archive that is encrypted, or compressed in an unknown way
)


def read_array(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray | None]:
    """Reads the examples of an `.npy` or `.npz` file, and its labels if it has any.

    In an archive, the examples are 'x', 'image' or 'images', or the only array besides
    the labels 'y', 'label' or 'labels', of at most 1 GiB each. An `.npy` file is
    memory-mapped and may have any size.

    Returns:
        The examples `(n, ...)`, and the labels `(n,)` or None.

    Raises:
        InputError: the file is missing or broken, holds Python objects, does not make
            clear which array holds the examples, or that array is too large.
    """
    check_regular(path)
    try:
        content = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(content, np.ndarray):
            return content, None
        with content:
            x = _member(content, example_key(content.files, path), path)
            known = [key for key in LABEL_KEYS if key in content.files]
            labels = [_member(content, key, path) for key in known[:1]]
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    except _DAMAGE as error:
        raise InputError(
            f"Cannot read {path}: it must hold an array of numbers, as np.save and "
            "np.savez write it."
        ) from error
    if not labels:
        return x, None
    if labels[0].shape[:1] != x.shape[:1]:
        raise InputError(
            f"{path} has labels of shape {labels[0].shape} for examples of shape "
            f"{x.shape}: it needs one label per example."
        )
    return x, labels[0]


def _member(archive, key: str, path: str | os.PathLike) -> np.ndarray:
    """An array of an archive, refused by its header if it is too large."""
    name = key if key in archive.zip.namelist() else f"{key}.npy"
    with archive.zip.open(name) as file:
        shape, dtype = _read_header(file)
        start = file.tell()
    size = math.prod(shape) * dtype.itemsize
    if size > MOST_BYTES:
        raise InputError(
            f"The array {key!r} of {path} has {size:,} bytes, more than the "
            f"{MOST_BYTES:,} of an array in an archive: write it by np.save to a .npy "
            "file, which may have any size."
        )
    if dtype.hasobject or start + size != archive.zip.getinfo(name).file_size:
        raise ValueError("objects, or a header that does not fit its data")
    return np.asarray(archive[key])


def _read_header(file) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype of an array, in the format of an `.npy` file."""
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


def example_key(keys: list[str], owner) -> str:
    """The key of the array that holds the examples.

    Args:
        keys: the names of all arrays.
        owner: the file or data set that holds them, for the message.

    Raises:
        InputError: several arrays, or none, could be the examples.
    """
    for key in EXAMPLE_KEYS:
        if key in keys:
            return key
    others = [key for key in keys if key not in LABEL_KEYS]
    if len(others) == 1:
        return others[0]
    raise InputError(
        f"Which array of {owner} holds the examples? It has {', '.join(keys) or 'none'}"
        "; call it 'x'."
    )
