"""A model measured on examples of the user's own, by the questions without labels.

There is nothing of theirs to fit a baseline to but the same examples. PCA is therefore
fitted to one half of them and measured on the other, in turn, so that it has seen
examples of their kind, which the model has not.
"""

import json
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from ae_zoo.autoencoder import Autoencoder
from ae_zoo.data.arrays import ARRAY_SUFFIXES, read_array
from ae_zoo.data.files import list_files
from ae_zoo.data.images import read_image
from ae_zoo.data.sources import Table, open_source
from ae_zoo.data.values import as_batch, from_floats, scale
from ae_zoo.errors import InputError
from ae_zoo.evaluation.measured import Measured, Photographs
from ae_zoo.evaluation.questions import ask, find_model

MOST_EXAMPLES = 10_000
MOST_VALUES = 2**25  # of all examples together, 128 MB
MOST_PICTURES = 100
SIDE = 512  # to which larger pictures are cut
BLOCKS = 50  # in which examples are read, each a step of the progress
SEED = 0


def evaluate_data(
    model_or_name: Autoencoder | str | os.PathLike,
    data: str | os.PathLike,
    progress: Callable[[str, float], None] | None = None,
) -> dict:
    """Measures a model on the examples of a folder or file.

    The metrics are those of `evaluate` that need no labels; labels in a file do not
    count. PCA is fitted to one half of the examples and measured on the other, in turn.
    Of more than 10,000 examples or 2^25 values, a random sample is measured; of
    pictures of any size, at most 100, of each the middle 512 x 512 pixels.

    Args:
        model_or_name: as of `evaluate`.
        data: a folder of images or sounds, or an `.npy`, `.npz` or `.csv` file. A
            table has the scale of the model's training, if the training's folder says
            so, else that of its own smallest and largest values.
        progress: called with what is done at the moment, and the share of it that is
            done.

    Returns:
        `{"name": str, "data": str, "examples": int, "available": int, "metrics": {key:
        float}, "baselines": {key: float}, "notes": [str]}`. The notes say what the
        data were measured as.

    Raises:
        InputError: the data do not fit the model, or nothing that can be measured
            without labels applies to it.
        UnknownNameError: no such model.
        DownloadError: the weights cannot be downloaded.
    """
    report = progress or (lambda what, share: None)
    entry, model = find_model(model_or_name)
    kind = OwnPictures if None in model.input_shape[1:] else OwnExamples
    table_scale = _scale_of_training(model_or_name)
    subject = kind(model, data, table_scale, lambda share: report("reading", share))
    asked = []

    def next_question(name: str) -> None:
        asked.append(name)
        report(name, 0.0)

    subject.report = lambda share: report(asked[-1], share)
    found = ask(subject, next_question)
    if not asked:
        raise InputError(
            f"{entry['name']!r} has no metric without labels: measure it on its own "
            "data set, without --data."
        )
    finite = {
        kind: {key: value for key, value in values.items() if np.isfinite(value)}
        for kind, values in found.items()
    }
    return {
        "name": entry["name"],
        "data": os.fspath(data),
        "examples": subject.examples,
        "available": subject.available,
        **finite,
        "notes": subject.notes,
    }


def _scale_of_training(model_or_name) -> SimpleNamespace | None:
    """Smallest and largest values of the columns that a training has noted, if any."""
    if isinstance(model_or_name, Autoencoder):
        return None
    path = Path(model_or_name).expanduser().parent / "scaling.json"
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        low, high = (np.array(content[key], "float64") for key in ("low", "high"))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path} does not hold the scale of a table: remove it, or train again."
        ) from error
    return SimpleNamespace(low=low, high=high)


def _sample(available: int, most: int) -> np.ndarray:
    """Indices of all examples in order, or of a random sample."""
    if available <= most:
        return np.arange(available)
    rng = np.random.default_rng(SEED)
    return np.sort(rng.choice(available, max(1, most), replace=False))


class OwnExamples(Measured):
    """Examples of one size, read from a folder or file.

    Args:
        model: the `Autoencoder`.
        data: the folder or file.
        table_scale: `low` and `high` of a table's columns; None for its own.
        report: called with the share that is read.

    Attributes:
        examples, available: how many are measured, and how many there are.
        notes: sentences that say what they were measured as.

    Raises:
        InputError: the data do not fit the model.
    """

    def __init__(self, model, data, table_scale, report):
        shape, path = model.input_shape[1:], Path(data).expanduser()
        is_table = path.suffix.lower() == ".csv"
        source = (
            Table(path, shape, table_scale) if is_table else open_source(path, shape)
        )
        self.available = len(source)
        most = min(MOST_EXAMPLES, MOST_VALUES // int(np.prod(shape)))
        chosen = _sample(self.available, most)
        self.examples = len(chosen)
        test = np.empty((len(chosen), *shape), "float32")
        blocks = np.array_split(np.arange(len(chosen)), min(BLOCKS, len(chosen)))
        for number, block in enumerate(blocks, 1):
            test[block] = source.take(chosen[block])
            report(number / len(blocks))
        super().__init__(model, (test[:0], None, None), (test, None, None))
        self.train = None
        self.notes = self._notes(is_table, table_scale is not None)

    def _notes(self, is_table: bool, known_scale: bool) -> list[str]:
        notes = []
        if self.examples < self.available:
            notes.append(
                f"measured on a random sample of {self.examples:,} of the "
                f"{self.available:,} examples"
            )
        if is_table:
            whose = "in the training" if known_scale else "of this table itself"
            notes.append(
                f"each column is scaled by its smallest and largest value {whose}"
            )
        if self._enough:
            notes.append(
                "pca is fitted to one half of these examples and measured on the "
                "other, in turn, while the model is not fitted to any of them"
            )
        else:
            notes.append(
                f"there is no pca: with a code of {self._components} values it needs "
                f"more than {2 * self._components + 1:,} examples"
            )
        return notes

    @property
    def _components(self) -> int:
        return min(self.model.code.size, int(np.prod(self.test.shape[1:])))

    @property
    def _enough(self) -> bool:
        """Whether half of the examples determine as many directions as the code has."""
        return self.examples // 2 > self._components

    @cached_property
    def pca_reconstruction(self) -> np.ndarray | None:
        """The examples reconstructed by the PCA of the other half; None if too few."""
        if not self._enough:
            return None
        order = np.random.default_rng(SEED).permutation(self.examples)
        halves = order[::2], order[1::2]
        rebuilt = np.empty_like(self.test)
        for fitted, held in (halves, halves[::-1]):
            parts = ((self.test[half], None, None) for half in (fitted, held))
            rebuilt[held] = Measured(self.model, *parts).pca_reconstruction
        return rebuilt


class OwnPictures(Photographs):
    """Pictures of any size, read from a folder or an array file.

    Arguments, attributes and errors are those of `OwnExamples`.
    """

    def __init__(self, model, data, table_scale, report):
        super().__init__(model)
        path, channels = Path(data).expanduser(), model.output_shape[-1]
        self.available, read = _open_pictures(path, channels)
        chosen = _sample(self.available, MOST_PICTURES)
        self.examples, self.own, cut = len(chosen), [], 0
        for number, index in enumerate(chosen, 1):
            picture = from_floats(read(index), "uint8")
            middle = _middle(picture)
            cut += middle.shape != picture.shape
            self.own.append(middle)
            report(number / len(chosen))
        self.notes = []
        if self.examples < self.available:
            self.notes.append(
                f"measured on a random sample of {self.examples:,} of the "
                f"{self.available:,} pictures"
            )
        if cut:
            self.notes.append(
                f"{cut} of the pictures are cut to their middle {SIDE} x {SIDE} pixels"
            )

    def sets(self, names):
        """The user's pictures are the only set, without a name."""
        return ("",)

    def pictures(self, name, split, every=1):
        """All of the user's pictures, `(height, width, channels)`, uint8."""
        return self.own


def _open_pictures(path: Path, channels: int) -> tuple[int, Callable]:
    """The number of pictures, and the function that reads one by its number."""
    if path.is_dir():
        paths = list_files(path)
        return len(paths), lambda i: read_image(paths[i], (None, None, channels))
    if path.suffix.lower() in ARRAY_SUFFIXES:
        array = _as_pictures(read_array(path)[0], channels)
        return len(array), lambda i: scale(array[i])
    missing = "" if path.exists() else "there is no such file: "
    raise InputError(
        f"Cannot read pictures from {path}: {missing}give a folder of images, or an "
        ".npy or .npz file."
    )


def _as_pictures(array: np.ndarray, channels: int) -> np.ndarray:
    """`(n, height, width, channels)`; InputError for what is no such array."""
    has_channels = array.ndim in (3, 4) and array.shape[-1] == channels
    if not has_channels and not (channels == 1 and array.ndim in (2, 3)):
        raise InputError(
            f"The model takes pictures (n, height, width, {channels}) but received "
            f"{array.shape}: convert them, or pass a folder of images."
        )
    sides = array.shape[-3:-1] if has_channels else array.shape[-2:]
    return as_batch(array, (*sides, channels))


def _middle(picture: np.ndarray) -> np.ndarray:
    """The middle of a picture, at most `SIDE` pixels high and wide."""
    top, left = (max(0, side - SIDE) // 2 for side in picture.shape[:2])
    return picture[top : top + SIDE, left : left + SIDE]
