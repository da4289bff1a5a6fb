"""User data as model inputs: float32 in [0, 1], channels last.

Arrays keep their size and must fit the model; only the dtype is converted and a missing
batch or channel axis is added. Images (files and Pillow images) are resized and
converted, see `images`. Sounds (WAV) become spectrograms, see `sounds`; each line of a
text file becomes one-hot characters, see `texts`.

Everything can be streamed, so that memory does not grow with the number of examples.
"""

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ae_zoo._files import check_path
from ae_zoo.data.arrays import ARRAY_SUFFIXES, read_array
from ae_zoo.data.files import file_suffixes, list_files
from ae_zoo.data.images import fit_image, read_image
from ae_zoo.data.sounds import SOUND_SUFFIXES, read_sound
from ae_zoo.data.texts import TEXT_SUFFIXES, read_text
from ae_zoo.data.tf_data import is_dataset, read_dataset
from ae_zoo.data.values import as_batch, scale
from ae_zoo.errors import InputError

_BLOCK_BYTES = 2**26


def to_inputs(source, input_shape: tuple[int, ...]) -> np.ndarray:
    """All examples of `source` in memory.

    Args:
        source: a NumPy array (a batch or one example; uint8, uint16, bool, or floats
            in [0, 1]; grey images may lack the channel axis), a Pillow image, the path
            of an image, a sound, a folder of either, a text file, or an `.npy` or
            `.npz` file, a batched `tf.data.Dataset`, or a list of these.
        input_shape: shape of one example of the model, such as (28, 28, 1).

    Returns:
        `(n, *input_shape)`, float32 in [0, 1].

    Raises:
        InputError: `source` does not fit the model; the message names the remedy.
    """
    return np.concatenate(list(stream(source, input_shape)))


def stream(source, input_shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """The examples of `source` in blocks of about 64 MB, in order.

    Arguments and errors are those of `to_inputs`; a folder is read in the order of
    `list_files`.

    Yields:
        `(some, *input_shape)`, float32 in [0, 1]; at least one block.
    """
    shape = tuple(input_shape)
    rows = max(1, _BLOCK_BYTES // (4 * math.prod(shape)))
    block, size = [], 0
    for piece in _pieces(source, shape, rows):
        block.append(piece)
        size += len(piece)
        if size >= rows:
            yield np.concatenate(block)
            block, size = [], 0
    if block:
        yield np.concatenate(block)


def _pieces(source, shape: tuple[int, ...], rows: int) -> Iterator[np.ndarray]:
    """Batches of model inputs, of up to about `rows` examples each."""
    if isinstance(source, (str, os.PathLike)):
        yield from _from_path(Path(source), shape, rows)
    elif isinstance(source, Image.Image):
        yield fit_image(source, shape)[None]
    elif is_dataset(source):
        for batch in read_dataset(source, shape):
            yield from _from_array(batch, shape, rows)
    elif isinstance(source, (list, tuple)) and _is_collection(source):
        for item in source:
            yield from _pieces(item, shape, rows)
    else:
        yield from _from_array(_as_array(source), shape, rows)


def _is_collection(items: Iterable) -> bool:
    """Whether a list holds images, paths or arrays, not the numbers of one array."""
    kinds = (str, os.PathLike, Image.Image, np.ndarray)
    return any(isinstance(item, kinds) for item in items)


def _from_path(path: Path, shape, rows) -> Iterator[np.ndarray]:
    check_path("The source", path)
    suffix = path.suffix.lower()
    if path.is_dir():
        for file in list_files(path, file_suffixes(shape)):
            yield from _from_path(file, shape, rows)
    elif suffix in ARRAY_SUFFIXES:
        yield from _from_array(read_array(path)[0], shape, rows)
    elif suffix in SOUND_SUFFIXES:
        yield read_sound(path, shape)[None]
    elif suffix in TEXT_SUFFIXES:
        yield from read_text(path, shape, rows)
    else:
        yield read_image(path, shape)[None]


def _as_array(source) -> np.ndarray:
    try:
        return np.asarray(source)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"A {type(source).__name__} like this is not an array ({error}): pass an "
            "array, images, paths, or a list of them."
        ) from error


def _from_array(x: np.ndarray, shape, rows) -> Iterator[np.ndarray]:
    batch = as_batch(x, shape)
    for start in range(0, len(batch), rows):
        yield scale(batch[start : start + rows])
