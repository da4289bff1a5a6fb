"""Sources of training examples: objects with a length and random access.

A source returns the examples at any indices as float32. Training can take them in any
order, and only the examples it takes are read.
"""

import os
from pathlib import Path

import numpy as np

from ae_zoo.data.arrays import ARRAY_SUFFIXES, read_array
from ae_zoo.data.files import file_suffixes, list_files
from ae_zoo.data.inputs import to_inputs
from ae_zoo.data.tables import read_frame
from ae_zoo.data.texts import TEXT_SUFFIXES
from ae_zoo.data.values import as_batch, scale
from ae_zoo.errors import InputError


class Arrays:
    """Examples of an array in memory.

    Args:
        array: `(n, *input_shape)`; integers or floats that `to_inputs` accepts.
        input_shape: shape of one example.

    Raises:
        InputError: the array is empty or has another shape.
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

    They are read, not mapped: the system maps many pages around each example and
    counts them as memory of this process.

    Args:
        path: the file.
        input_shape: shape of one example.

    Raises:
        InputError: as `Arrays`; also, the file is in Fortran order, or has become
            shorter since it was opened.
    """

    def __init__(self, path: str | os.PathLike, input_shape: tuple[int, ...]):
        mapped = read_array(path)[0]
        if not mapped.flags.c_contiguous:
            raise InputError(
                f"{path} is in Fortran order, which scatters each example over the "
                "file: save np.ascontiguousarray(x)."
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
    """Images or sounds of a folder and its subfolders, read when they are taken.

    Args:
        folder: the folder.
        input_shape: shape of one example; it decides between images and sounds.

    Raises:
        InputError: the folder has no such files.
    """

    def __init__(self, folder: str | os.PathLike, input_shape: tuple[int, ...]):
        self.paths = list_files(folder, file_suffixes(input_shape))
        self.input_shape = tuple(input_shape)

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The files at `indices`, `(len(indices), *input_shape)`, float32 in [0, 1]."""
        return to_inputs([self.paths[i] for i in indices], self.input_shape)


class Table:
    """Rows of a table, each column scaled from its smallest to its largest value.

    Args:
        path: a CSV file of numbers, with or without a line of column names.
        input_shape: `(columns,)`.
        like: another table, or its `low` and `high`, to be used instead.

    Attributes:
        low: smallest value of each column.
        high: largest value of each column.

    Raises:
        InputError: the file is not such a table, or a value is missing.
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
                f"shape {tuple(input_shape)}: give another table, or to train a model "
                f"set model.input_shape to [{rows.shape[1]}]."
            )
        known = like is not None
        self.low = like.low if known else rows.min(axis=0)
        self.high = like.high if known else rows.max(axis=0)
        span = np.where(self.high > self.low, self.high - self.low, 1.0)
        self.rows = ((rows - self.low) / span).astype("float32")

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The rows at `indices`, `(len(indices), columns)`, float32.

        They are in [0, 1], unless another table has set the scale.
        """
        return self.rows[indices]


class Part:
    """Some examples of another source.

    Args:
        source: the other source.
        indices: which of its examples.
    """

    def __init__(self, source, indices: np.ndarray):
        self.source, self.indices = source, indices

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The examples at `indices` of this part, as the source returns them."""
        return self.source.take(self.indices[indices])


def open_source(path: str | os.PathLike, input_shape: tuple[int, ...], like=None):
    """The source of a folder, or of an `.npy`, `.npz`, `.csv` or `.txt` file.

    An `.npy` file and the files of a folder stay on disk until they are needed.

    Args:
        path: the folder or file.
        input_shape: shape of one example of the model.
        like: for validation data, the source of the training data: a table is scaled
            like that one.

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
        if isinstance(array, np.memmap):  # the content decides, whatever the ending
            return NpyFile(path, input_shape)
        return Arrays(array, input_shape)
    problem = "Cannot read" if path.exists() else "There is no file or folder"
    raise InputError(
        f"{problem} {path}: give a folder of images or sounds, or an .npy, .npz, "
        ".csv or .txt file."
    )


def hold_out(source, fraction: float, seed: int) -> tuple[Part, Part]:
    """Splits a source at random into training and validation data.

    Args:
        source: the source to split.
        fraction: the share of the examples to hold out; at least one is held out.
        seed: the same seed holds out the same examples.

    Returns:
        The training data and the validation data.

    Raises:
        InputError: no training data would be left.
    """
    held = max(1, round(fraction * len(source)))
    if held >= len(source):
        raise InputError(
            f"Holding out {held} of {len(source)} examples leaves none to train on."
        )
    order = np.random.default_rng(seed).permutation(len(source))
    return Part(source, np.sort(order[held:])), Part(source, np.sort(order[:held]))
