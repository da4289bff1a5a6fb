"""What a user has, turned into what a model takes: float32 in [0, 1], channels last.

Arrays keep their size and must fit the model; only their dtype and a missing batch
or channel axis are seen to. Images (files and Pillow images) are made to fit: turned
upright as their EXIF says, laid on white where transparent, converted to the model's
grey or RGB, and stretched to its height and width by antialiased bilinear resampling.
Sounds (WAV) become the spectrograms of `sounds`, each line of a text file the one-hot
characters of `texts`.
Everything can be streamed, so that memory does not grow with the number of examples.
"""

import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ae_zoo.errors import InputError

ARRAY_SUFFIXES = (".npy", ".npz")
IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"),
    *(".tif", ".tiff", ".pbm", ".pgm", ".ppm"),
)
SOUND_SUFFIXES = (".wav",)
TEXT_SUFFIXES = (".txt",)
EXAMPLE_KEYS = ("x", "image", "images")  # in archives, and in tf.data elements
LABEL_KEYS = ("y", "label", "labels")

_WHITE_LEVEL = {"bool": 1, "uint8": 255, "uint16": 65535}
_TOLERANCE = 1e-6  # how far rounding may carry a float out of [0, 1]
_BLOCK_BYTES = 2**26
# What Pillow and NumPy raise for damaged files.
_BROKEN_IMAGE = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError),
    *(struct.error, Image.DecompressionBombError),
)
_BROKEN_ARRAY = (
    *(OSError, SyntaxError, ValueError, EOFError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)


def to_inputs(source, input_shape: tuple[int, ...]) -> np.ndarray:
    """The examples of `source`, all in memory.

    Args:
        source: a NumPy array (a batch or one example; uint8, uint16, bool, or floats
            in [0, 1]; grey images may lack the channel axis), a Pillow image, the
            path of an image, of a sound, of a folder of either, of a text or of an
            `.npy` or `.npz` file, a batched `tf.data.Dataset`, or a list of these.
        input_shape: shape of one example of the model, such as (28, 28, 1).

    Returns:
        `(n, *input_shape)`, float32 in [0, 1].

    Raises:
        InputError: `source` does not fit; the message says what would.
    """
    return np.concatenate(list(stream(source, input_shape)))


def stream(source, input_shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """The examples of `source` in blocks of some 64 MB, in order.

    Args and errors as `to_inputs`; a folder is read in the order of `list_files`.

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


def list_files(
    folder: str | os.PathLike, suffixes: Sequence[str] = IMAGE_SUFFIXES
) -> list[Path]:
    """Paths of the files in `folder` and the folders below it, sorted.

    Files count by their ending, one of `suffixes`; hidden ones do not.

    Raises:
        InputError: there is no such file.
    """
    paths = sorted(
        path
        for path in Path(folder).rglob("*")
        if path.suffix.lower() in suffixes and not path.name.startswith(".")
    )
    if not paths:
        raise InputError(
            f"There is nothing to read in {folder}: it needs files that end in "
            f"{', '.join(suffixes)}."
        )
    return paths


def read_image(path: str | os.PathLike, input_shape: tuple[int, ...]) -> np.ndarray:
    """The image file at `path`, made to fit a model.

    Args:
        path: any format that Pillow reads; of an animation, the first frame.
        input_shape: `(height, width, channels)` with 1 or 3 channels.

    Returns:
        `input_shape`, float32 in [0, 1].

    Raises:
        InputError: the file is missing or broken, or the model takes no images.
    """
    try:
        # Given a path, Pillow may map the file, and then garbles TIFF on its side.
        with open(path, "rb") as stream, Image.open(stream) as file:
            image = ImageOps.exif_transpose(file)
    except FileNotFoundError as error:
        raise InputError(f"There is no file or folder {path}.") from error
    except _BROKEN_IMAGE as error:
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "no known image format" if unknown else error
        raise InputError(
            f"Cannot read the image {path} ({reason}): repair or remove the file."
        ) from error
    try:
        return fit_image(image, input_shape)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def fit_image(image: Image.Image, input_shape: tuple[int, ...]) -> np.ndarray:
    """A Pillow image as one example of a model; args and errors as `read_image`."""
    if len(input_shape) != 3 or input_shape[-1] not in (1, 3):
        raise InputError(
            "Only models of grey or RGB images take images; this one takes arrays of "
            f"shape {tuple(input_shape)}."
        )
    height, width, channels = input_shape
    if image.mode == "F" or image.mode.startswith("I"):
        image = Image.fromarray(scale(_deep_pixels(image)))
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


def read_array(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray | None]:
    """The examples of an `.npy` or `.npz` file, and their labels if it has any.

    In an archive the examples are 'x', 'image' or 'images', or the only array beside
    the labels 'y', 'label' or 'labels'. An `.npy` file is mapped, not read.

    Raises:
        InputError: the file is missing or broken, holds Python objects, or it is not
            clear which array is meant.
    """
    try:
        content = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(content, np.ndarray):
            return content, None
        with content:
            x = np.asarray(content[_example_key(content.files, path)])
            labels = [np.asarray(content[k]) for k in LABEL_KEYS if k in content.files]
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    except _BROKEN_ARRAY as error:
        raise InputError(
            f"Cannot read {path}: it must hold an array of numbers, as np.save and "
            "np.savez write it."
        ) from error
    if not labels:
        return x, None
    if labels[0].shape[:1] != x.shape[:1]:
        raise InputError(
            f"{path} has labels of shape {labels[0].shape} for examples of shape "
            f"{x.shape}: it needs one label an example."
        )
    return x, labels[0]


def is_dataset(source: object) -> bool:
    """Whether `source` is a `tf.data.Dataset`, told without importing TensorFlow."""
    return hasattr(source, "as_numpy_iterator") and hasattr(source, "cardinality")


def _pieces(source, shape: tuple[int, ...], rows: int) -> Iterator[np.ndarray]:
    """Batches of model inputs of any length up to about `rows`."""
    if isinstance(source, (str, os.PathLike)):
        yield from _from_path(Path(source), shape, rows)
    elif isinstance(source, Image.Image):
        yield fit_image(source, shape)[None]
    elif is_dataset(source):
        yield from _from_dataset(source, shape, rows)
    elif isinstance(source, (list, tuple)) and _is_collection(source):
        for item in source:
            yield from _pieces(item, shape, rows)
    else:
        yield from _from_array(_as_array(source), shape, rows)


def _is_collection(items: Iterable) -> bool:
    """Whether these are images, paths and arrays, not the numbers of one array."""
    kinds = (str, os.PathLike, Image.Image, np.ndarray)
    return any(isinstance(item, kinds) for item in items)


def _from_path(path: Path, shape, rows) -> Iterator[np.ndarray]:
    suffix = path.suffix.lower()
    if path.is_dir():
        for file in list_files(path, file_suffixes(shape)):
            yield from _from_path(file, shape, rows)
    elif suffix in ARRAY_SUFFIXES:
        yield from _from_array(read_array(path)[0], shape, rows)
    elif suffix in SOUND_SUFFIXES:
        yield _read_sound(path, shape)[None]
    elif suffix in TEXT_SUFFIXES:
        yield _read_text(path, shape)
    else:
        yield read_image(path, shape)[None]


def file_suffixes(shape: tuple[int, ...]) -> tuple[str, ...]:
    """What the files of a folder must end with for a model of this input shape."""
    return SOUND_SUFFIXES if len(shape) == 2 else IMAGE_SUFFIXES


def _read_sound(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    from ae_zoo.data import sounds

    if len(shape) != 2:
        raise InputError(
            f"{path} is a sound, but the model takes examples of shape {shape}: choose "
            "one of sounds, see `ae-zoo list`."
        )
    return sounds.spectrograms([sounds.read_wave(path)], shape)[0]


def _read_text(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    from ae_zoo.data import texts

    if shape[1:] != (len(texts.ALPHABET),):
        raise InputError(
            f"{path} is text, but the model takes examples of shape {shape}: choose "
            "one of text, see `ae-zoo list`."
        )
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read {path} as UTF-8: {error}.") from error
    if not lines:
        raise InputError(f"{path} is empty: it needs a sentence a line.")
    return scale(texts.one_hot(lines, shape[0]))


def _from_dataset(dataset, shape, rows) -> Iterator[np.ndarray]:
    if int(dataset.cardinality()) == -1:  # tf.data.INFINITE_CARDINALITY
        raise InputError("The dataset repeats for ever: remove its repeat().")
    empty = True
    for element in dataset.as_numpy_iterator():
        x = _examples_of(element)
        if x.shape in (shape, shape[:-1] if shape[-1] == 1 else shape):
            raise InputError("The dataset is not batched: use dataset.batch(256).")
        yield from _from_array(x, shape, rows)
        empty = False
    if empty:
        raise InputError("The dataset is empty: it needs at least one batch.")


def _examples_of(element) -> np.ndarray:
    """The examples in a tf.data element: x, (x, y) or {'image': x, ...}."""
    if isinstance(element, tuple):
        element = element[0]
    if isinstance(element, dict):
        element = element[_example_key(list(element), "the dataset")]
    return np.asarray(element)


def _example_key(keys: list[str], owner) -> str:
    """Which of the arrays called `keys` holds the examples."""
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


def _as_array(source) -> np.ndarray:
    try:
        return np.asarray(source)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"A {type(source).__name__} like this is no array ({error}): pass an "
            "array, images, paths, or a list of them."
        ) from error


def _from_array(x: np.ndarray, shape, rows) -> Iterator[np.ndarray]:
    batch = as_batch(x, shape)
    for start in range(0, len(batch), rows):
        yield scale(batch[start : start + rows])


def as_batch(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """View of `x` as `(n, *shape)`, n at least 1."""
    batch = x
    if shape[-1] == 1 and x.shape[-len(shape) + 1 :] == shape[:-1]:
        batch = batch[..., None]
    if batch.shape == shape:
        batch = batch[None]
    if batch.shape[1:] != shape:
        raise InputError(_misfit(x, shape))
    if len(batch) == 0:
        raise InputError("The array is empty: pass at least one example.")
    return batch


def _misfit(x: np.ndarray, shape: tuple[int, ...]) -> str:
    fits = ", ".join(map(str, shape))
    message = f"The model takes arrays of shape (n, {fits})"
    if len(shape) == 3 and shape[-1] == 1:
        message += f" or (n, {fits.removesuffix(', 1')})"
    message += f" but received {x.shape}: "
    if x.ndim == 2 and x.shape[1] == math.prod(shape):
        return message + f"reshape it with x.reshape(-1, {fits})."
    if len(shape) == 3:
        return message + "resize or convert it, or pass images, which are fitted."
    return message + "choose a model of this shape."


def _deep_pixels(image: Image.Image) -> np.ndarray:
    """The grey values of a 16-bit or float image, in a dtype that tells the range."""
    pixels = np.asarray(image)
    if image.mode == "F":
        return pixels
    if pixels.min() < 0 or pixels.max() > _WHITE_LEVEL["uint16"]:
        raise InputError(
            "Its 32-bit integers have no agreed range: save it with 8 or 16 bits."
        )
    return pixels.astype("uint16")


def scale(x: np.ndarray) -> np.ndarray:
    """Converts values to float32 in [0, 1] by what their dtype means."""
    white = _WHITE_LEVEL.get(x.dtype.name)
    if white is not None:
        return x.astype("float32") / np.float32(white)
    if not np.issubdtype(x.dtype, np.floating):
        raise InputError(
            f"Values of dtype {x.dtype} have no agreed range: pass uint8 (0 to 255), "
            "uint16 (0 to 65535) or floats in [0, 1]."
        )
    low, high = x.min(), x.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(
            "The array holds NaN or infinite values: replace them or drop the examples."
        )
    if low < -_TOLERANCE or high > 1 + _TOLERANCE:
        raise InputError(_out_of_range(float(low), float(high)))
    return x.astype("float32")


def _out_of_range(low: float, high: float) -> str:
    message = "The model takes floats in [0, 1] but received values "
    if low < -_TOLERANCE:
        return f"{message}from {low:.6g} to {high:.6g}: rescale them to [0, 1]."
    for dtype, bits in (("uint8", 8), ("uint16", 16)):
        white = _WHITE_LEVEL[dtype]
        if high <= white:
            return (
                f"{message}up to {round(high, 4)}: divide by {white} or pass {dtype} "
                f"if they are {bits}-bit, else rescale them to [0, 1]."
            )
    return f"{message}up to {high:.6g}: rescale them to [0, 1]."
