"""Where training examples come from: anything with a length and random access.

A source gives the examples at any indices as float32, so that training can take them
in whatever order it likes, and only those it needs are ever read.
"""

import functools
import os
from pathlib import Path

import numpy as np

from ae_zoo.data.inputs import (
    ARRAY_SUFFIXES,
    TEXT_SUFFIXES,
    as_batch,
    file_suffixes,
    list_files,
    read_array,
    scale,
    to_inputs,
)
from ae_zoo.data.pictures import picture_size, read_picture, to_channels
from ae_zoo.data.tables import read_frame
from ae_zoo.errors import InputError


class Arrays:
    """Examples of an array in memory.

    Args:
        array: `(n, *input_shape)`; integers and floats as `to_inputs` takes them.
        input_shape: shape of one example.
    """

    def __init__(self, array: np.ndarray, input_shape: tuple[int, ...]):
        self.array = as_batch(array, tuple(input_shape))

    def __len__(self) -> int:
        return len(self.array)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The examples at `indices`, `(len(indices), *input_shape)`, float32."""
        return scale(self.array[indices])


class NpyFile:
    """Examples of an `.npy` file, which may be larger than memory.

    They are read, not mapped: the system would map much around each one and count it
    as this process's memory.

    Args as `Arrays`, with the file's path.

    Raises:
        InputError: besides what `Arrays` refuses, the file is in Fortran order, or has
            become shorter since.
    """

    def __init__(self, path: str | os.PathLike, input_shape: tuple[int, ...]):
        mapped = read_array(path)[0]
        if not mapped.flags.c_contiguous:
            raise InputError(
                f"{path} is in Fortran order, so that its examples lie scattered: save "
                "np.ascontiguousarray(x)."
            )
        self.path, self.input_shape = path, tuple(input_shape)
        self.size = len(as_batch(mapped, self.input_shape))
        self.dtype, self.offset = mapped.dtype, mapped.offset

    def __len__(self) -> int:
        return self.size

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The examples at `indices`, `(len(indices), *input_shape)`, float32."""
        examples = np.empty((len(indices), *self.input_shape), self.dtype)
        with open(self.path, "rb", buffering=0) as file:
            for index, example in zip(indices, examples, strict=True):
                file.seek(self.offset + int(index) * example.nbytes)
                if file.readinto(example) != example.nbytes:
                    raise InputError(f"{self.path} has become shorter: write it again.")
        return scale(examples)


class Folder:
    """The images, or sounds, of a folder and those below it, read when needed."""

    def __init__(self, folder: str | os.PathLike, input_shape: tuple[int, ...]):
        self.paths = list_files(folder, file_suffixes(input_shape))
        self.input_shape = tuple(input_shape)

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The files at `indices`, fitted to the model, float32 in [0, 1]."""
        return to_inputs([self.paths[i] for i in indices], self.input_shape)


class Windows:
    """Square windows of photographs of any size, at every 8th pixel.

    Args:
        pictures: uint8 arrays `(height, width, channels)`, or `PictureFile`s; those too
            small for a window are left out.
        side: of the windows, in pixels.
        stride: pixels from one window to the next.

    Raises:
        InputError: no picture is large enough.
    """

    def __init__(self, pictures: list, side: int, stride: int = 8):
        self.side, self.stride = side, stride
        self.pictures = [p for p in pictures if min(p.shape[:2]) >= side]
        if not self.pictures:
            raise InputError(
                f"No picture has {side} x {side} pixels: lower data.window."
            )
        self.rows, self.columns = np.transpose(
            [(np.array(p.shape[:2]) - side) // stride + 1 for p in self.pictures]
        )
        self.ends = np.cumsum(self.rows * self.columns)

    def __len__(self) -> int:
        return int(self.ends[-1])

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The windows at `indices`, `(len(indices), side, side, channels)`, float32."""
        return scale(np.stack([self._window(int(i)) for i in indices]))

    def _window(self, index: int) -> np.ndarray:
        i = int(np.searchsorted(self.ends, index, side="right"))
        within = index - (int(self.ends[i - 1]) if i else 0)
        row, column = divmod(within, int(self.columns[i]))
        top, left = row * self.stride, column * self.stride
        return self.pictures[i][top : top + self.side, left : left + self.side]


class PictureFile:
    """A photograph on disk, read when a part of it is asked for.

    Args:
        path: of a format that Pillow reads.
        channels: 1 for grey or 3 for RGB, to which it is converted.
    """

    def __init__(self, path: Path, channels: int):
        self.path, self.channels = path, channels
        self.shape = (*picture_size(path), channels)

    def __getitem__(self, part) -> np.ndarray:
        return _read_pixels(self.path, self.channels)[part]


@functools.lru_cache(maxsize=500)  # so many photographs stay in memory
def _read_pixels(path: Path, channels: int) -> np.ndarray:
    return to_channels(read_picture(path).pixels, channels)


class Table:
    """Rows of a CSV file, each column scaled from its smallest to its largest value.

    Args:
        path: a file of numbers, with or without a line of column names.
        input_shape: `(columns,)`.
        like: another table whose smallest and largest values to take.

    Attributes:
        low, high: smallest and largest value of each column.
    """

    def __init__(self, path, input_shape: tuple[int, ...], like: "Table | None" = None):
        frame = read_frame(path)
        rows = frame.values
        if np.isnan(rows).any():
            row, column = np.argwhere(np.isnan(rows))[0]
            raise InputError(
                f"{path} has no value in row {row + 1} of column "
                f"{frame.names[column]!r}: fill or drop such rows."
            )
        if rows.shape[1:] != tuple(input_shape):
            raise InputError(
                f"{path} has {rows.shape[1]} columns but the model takes inputs of "
                f"shape {tuple(input_shape)}: set model.input_shape to "
                f"[{rows.shape[1]}]."
            )
        known = like is not None
        self.low = like.low if known else rows.min(axis=0)
        self.high = like.high if known else rows.max(axis=0)
        span = np.where(self.high > self.low, self.high - self.low, 1.0)
        self.rows = ((rows - self.low) / span).astype("float32")

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The rows at `indices`, `(len(indices), columns)`, float32 in [0, 1]."""
        return self.rows[indices]


class Part:
    """Some of the examples of another source."""

    def __init__(self, source, indices: np.ndarray):
        self.source, self.indices = source, indices

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, indices: np.ndarray) -> np.ndarray:
        return self.source.take(self.indices[indices])


def open_source(path: str | os.PathLike, input_shape: tuple[int, ...], like=None):
    """The source of a folder, or of an `.npy`, `.npz`, `.csv` or `.txt` file.

    An `.npy` file and what is in a folder stay on disk until they are needed.

    Args:
        path: the folder or file.
        input_shape: shape of one example of the model.
        like: the source that the model is trained on, where this one validates it:
            a table is scaled as that one.

    Raises:
        InputError: there is nothing at `path`, or it does not fit the model.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        return Folder(path, input_shape)
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return Table(path, input_shape, like if isinstance(like, Table) else None)
    if suffix in TEXT_SUFFIXES:
        return Arrays(to_inputs(path, input_shape), input_shape)
    if suffix in ARRAY_SUFFIXES:
        array, _ = read_array(path)
        if isinstance(array, np.memmap):  # by its content, whatever its name ends with
            return NpyFile(path, input_shape)
        return Arrays(array, input_shape)
    raise InputError(
        f"Cannot train on {path}: give a folder of images or sounds, or an .npy, .npz, "
        ".csv or .txt file."
    )


def hold_out(source, fraction: float, seed: int):
    """Splits a source into what to train on and what to validate on, by chance.

    Args:
        source: what to split.
        fraction: of the examples that are held out, at least one.
        seed: the same seed holds out the same examples.

    Returns:
        The larger source, and the one held out.

    Raises:
        InputError: nothing would be left to train on.
    """
    held = max(1, round(fraction * len(source)))
    if held >= len(source):
        raise InputError(
            f"Holding out {held} of {len(source)} examples leaves none to train on."
        )
    order = np.random.default_rng(seed).permutation(len(source))
    return Part(source, np.sort(order[held:])), Part(source, np.sort(order[:held]))
