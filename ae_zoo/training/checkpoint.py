"""Checkpoints: everything a training needs to go on as if nothing had happened."""

import json
import os
import struct
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from ae_zoo._files import complete_file
from ae_zoo.errors import TrainingError
from ae_zoo.training.signals import Signals

STATE = "state"
# What NumPy and zipfile raise where a byte of an .npz file is wrong.
DAMAGE = (
    *(OSError, ValueError, KeyError, EOFError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)


@dataclass
class Kept:
    """The content of a checkpoint.

    Attributes:
        path: of its file.
        state: plain values.
        arrays: of the variables, in order.
    """

    path: Path
    state: dict
    arrays: list[np.ndarray]

    def restore(self, variables: list) -> None:
        """Assigns the arrays to the variables that `write_checkpoint` got.

        Raises:
            TrainingError: the checkpoint is of another model.
        """
        shapes = [tuple(variable.shape) for variable in variables]
        if [array.shape for array in self.arrays] != shapes:
            raise TrainingError(
                f"{self.path} is of another model: choose another folder, or remove it."
            )
        for variable, array in zip(variables, self.arrays, strict=True):
            variable.assign(array)


def write_checkpoint(path: Path, variables: list, state: dict) -> None:
    """Writes variables and a JSON state into one file, all of it or nothing.

    The file that was there becomes `previous_checkpoint(path)`.
    """
    arrays = {
        f"{i} {variable.path}": keras.ops.convert_to_numpy(variable)
        for i, variable in enumerate(variables)
    }
    content = {STATE: state, "arrays": list(arrays)}
    text = np.frombuffer(json.dumps(content).encode(), dtype="uint8")
    with complete_file(path) as temporary:
        with open(temporary, "wb") as file:
            np.savez(file, **{STATE: text}, **arrays)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            path.replace(previous_checkpoint(path))


def previous_checkpoint(path: Path) -> Path:
    """The file that keeps the checkpoint before the one at `path`."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def read_checkpoint(path: Path) -> Kept | None:
    """The checkpoint at `path`, or the one before where it is damaged.

    Returns:
        Its content; None where there is no checkpoint.

    Raises:
        TrainingError: both are damaged.
    """
    damaged = []
    for file in (path, previous_checkpoint(path)):
        if not file.exists():
            continue
        try:
            kept = _read(file)
        except DAMAGE as error:
            damaged.append(f"{file} is damaged ({error})")
            continue
        if damaged:
            print(
                f"{damaged[0]}: the training goes on from {file}, the one before.",
                file=sys.stderr,
            )
        return kept
    if damaged:
        raise TrainingError(f"{', and '.join(damaged)}: remove it to start again.")
    return None


def _read(path: Path) -> Kept:
    with zipfile.ZipFile(path) as file:
        if name := file.testzip():
            raise ValueError(f"wrong checksum of {name!r}")
    with np.load(path, allow_pickle=False) as file:
        content = json.loads(file[STATE].tobytes())
        if file.files != [STATE, *content["arrays"]]:
            raise ValueError("arrays are missing")
        return Kept(path, content[STATE], [file[name] for name in content["arrays"]])


class Checkpoint(keras.callbacks.Callback):
    """Writes a checkpoint after every epoch, and where a signal ends the training.

    It comes last of the callbacks, so that they have done their part of the epoch.

    Args:
        path: the file.
        where: this phase of the training, and the logs of the earlier ones.
        variables: kept beside the callbacks' states.
        callbacks: those whose `state` is kept.
        chief: whether this worker writes.
        steps: of an epoch.
        sums: of the epoch so far, see `ae_zoo.training.sums`.
        signals: which end the training.
    """

    def __init__(
        self,
        path: Path,
        where: dict,
        variables: list,
        callbacks: list,
        chief: bool,
        steps: int,
        sums,
        signals: Signals,
    ):
        super().__init__()
        self.path, self.where, self.chief = path, where, chief
        self.variables, self.stateful = variables, stateful(callbacks)
        self.steps, self.sums, self.signals = steps, sums, signals

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        done = batch + 1
        if not self.signals.due or done == self.steps:
            return  # after its last step, the epoch itself is finished
        self.model  # noqa: B018 - Keras brings the variables of JAX up to date
        for callback in self.stateful.values():
            callback.pause()
        self._write(self.epoch, step=done, sums=self.sums.values)
        self.signals.end(f"step {done} of epoch {self.epoch + 1}")

    def on_epoch_end(self, epoch, logs=None):
        self._write(epoch + 1, step=0, sums=[])
        if self.signals.due:
            self.signals.end(f"epoch {epoch + 1}")

    def _write(self, epoch: int, **inside) -> None:
        if not self.chief:
            return
        states = {name: callback.state for name, callback in self.stateful.items()}
        state = {**self.where, "epoch": epoch, **inside, "callbacks": states}
        write_checkpoint(self.path, self.variables, state)


class Stateful(keras.callbacks.Callback):
    """A callback that remembers something, which the checkpoint keeps.

    Attributes:
        state: a plain dictionary.
    """

    state: dict

    def pause(self) -> None:
        """Brings `state` up to date inside an epoch."""


def stateful(callbacks: list) -> dict[str, Stateful]:
    """The callbacks with a state, by the name of their class."""
    return {type(c).__name__: c for c in callbacks if isinstance(c, Stateful)}
