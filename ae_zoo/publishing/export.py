"""Writes a network to a file that needs neither Keras nor ae_zoo, and checks it."""

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ae_zoo._files import check_path, is_path
from ae_zoo.errors import (
    AeZooError,
    ExportError,
    InputError,
    UnknownNameError,
    first_line,
)
from ae_zoo.publishing import formats

if TYPE_CHECKING:
    import keras

PARTS = ("whole", "encoder", "decoder")
TOLERANCE = 1e-4  # of the largest output, or of 1 where all are smaller
SEEDS = range(5)  # further ones only for codes of integers


@dataclass(frozen=True)
class Exported:
    """An exported network.

    Attributes:
        path: the file, or the folder of a SavedModel.
        format, part: as `export` took them.
        bytes: size of the file or of all files of the folder.
        inputs, outputs: shapes by name, None along axes of any size.
        difference: largest absolute difference between its outputs and the model's for
            the same examples; None if this machine cannot run it.
        tolerance: largest difference that is accepted.
        flex_ops: operations that only a LiteRT interpreter with the Flex delegate has.
    """

    path: Path
    format: str
    part: str
    bytes: int
    inputs: dict[str, tuple[int | None, ...]]
    outputs: dict[str, tuple[int | None, ...]]
    difference: float | None
    tolerance: float
    flex_ops: tuple[str, ...] = ()


def export(
    model: "keras.Model | str | os.PathLike",
    path: str | os.PathLike,
    format: str = "onnx",
    part: str = "whole",
) -> Exported:
    """Exports a model for programs without Keras, and runs what it has written.

    The outputs of the exported network for a few examples are compared with those of
    the model. Any number of examples goes through it at once, of any size where the
    model takes any size.

    Args:
        model: what `ae_zoo.load` takes, or a model; with `part="whole"` any Keras model
            whose inputs are known, such as a classifier on `model.code_encoder()`.
        path: a new file, or for a SavedModel a new folder.
        format: 'onnx', 'litert' (.tflite) or 'saved_model'.
        part: 'whole' for the reconstruction of an input, 'encoder' for its code, as
            `encode` gives it, or 'decoder' for the reconstruction of a code.

    Returns:
        What was written, with the largest difference.

    Raises:
        UnknownNameError: there is no such format, part or model.
        InputError: `path` exists or has the ending of another format, or the model has
            no such part.
        ExportError: a package is missing, the backend of Keras is not TensorFlow, the
            network cannot be converted, or its outputs differ from the model's; nothing
            is left at `path`.

    Example:

        ae_zoo.export("conv_ae.mnist", "encoder.onnx", part="encoder")
    """
    path = check_request(path, format, part)
    _check_backend()
    from ae_zoo.publishing import network
    from ae_zoo.zoo.loader import load

    model = load(model) if is_path(model) else model
    built = network.build(model, part)
    module = formats.get(format).module
    prefix = f".{path.name}."
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=prefix) as temporary:
        fresh = Path(temporary, path.name)
        with _one_sentence(f"{model.name!r} cannot be exported as {format}"):
            module.write(built, fresh)
        with _one_sentence(f"What was exported as {format} cannot be run"):
            difference, tolerance = _compare(model, part, built, module, fresh)
        flex_ops = module.flex_ops(fresh) if format == "litert" else ()
        fresh.rename(path)
    return Exported(
        path=path,
        format=format,
        part=part,
        bytes=_size(path),
        inputs={x.name: tuple(x.shape) for x in built.inputs},
        outputs={name: tuple(y.shape) for name, y in built.output.items()},
        difference=difference,
        tolerance=tolerance,
        flex_ops=tuple(flex_ops),
    )


def check_request(path: str | os.PathLike, format: str, part: str) -> Path:
    """Checks the arguments of `export` before anything slow happens.

    Returns:
        The path.

    Raises:
        UnknownNameError, InputError, ExportError: as for `export`.
    """
    chosen = formats.get(format)
    if part not in PARTS:
        raise UnknownNameError(
            f"Unknown part {part!r}; choose one of {', '.join(PARTS)}."
        )
    check_path("path", path)
    path = Path(path).expanduser()
    chosen.check_path(path)
    if os.path.lexists(path):
        raise InputError(f"{path} exists: choose a new name, or remove it first.")
    if not path.parent.is_dir():
        raise InputError(
            f"{path} cannot be written: make the folder {path.parent} first."
        )
    chosen.check_packages()
    return path


def _check_backend() -> None:
    import keras

    if (backend := keras.backend.backend()) != "tensorflow":
        raise ExportError(
            f"Export works with Keras's TensorFlow backend, not with {backend}: set "
            "KERAS_BACKEND=tensorflow, and save a model of your own with ae_zoo.save "
            "before."
        )


def _compare(model, part, built, module, path: Path) -> tuple[float | None, float]:
    """The largest difference between the model and what `path` holds; the tolerance.

    A code of integers may differ by 1 where a value lies between two of them, so that
    it has another try with other examples.

    Raises:
        ExportError: the difference is above the tolerance.
    """
    import numpy as np

    from ae_zoo.publishing import network

    for seed in SEEDS if network.rounds(model) else SEEDS[:1]:
        inputs = network.examples(model, part, seed)
        expected = network.outputs(model, part, inputs)
        tolerance = TOLERANCE * max(1.0, *(float(np.abs(y).max()) for y in expected))
        names = [x.name for x in built.inputs]
        found = module.run(path, dict(zip(names, inputs, strict=True)))
        if found is None:
            return None, tolerance
        pairs = zip(built.output, expected, strict=True)
        difference = max(_difference(found[name], y) for name, y in pairs)
        if difference <= tolerance:
            return difference, tolerance
    raise ExportError(
        f"The exported {part} differs from the model by {difference:.3g}, more than "
        f"{tolerance:.3g}: it was removed; try another format."
    )


def _difference(found, expected) -> float:
    import numpy as np

    if found.shape != expected.shape:
        raise ExportError(
            f"An exported output has the shape {found.shape}, the model's "
            f"{expected.shape}: the file was removed; try another format."
        )
    return float(np.nan_to_num(np.abs(found - expected), nan=np.inf).max())


@contextlib.contextmanager
def _one_sentence(what: str) -> Iterator[None]:
    """Turns errors of converters and their runtimes into one of ours."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries among themselves
            yield
    except (AeZooError, OSError):
        raise
    except Exception as error:
        raise ExportError(
            f"{what} ({first_line(error)}): try another format."
        ) from error


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
