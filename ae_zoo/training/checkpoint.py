"""Checkpoints: everything a training needs to go on as if nothing had happened."""

import json
import os
import zipfile
from pathlib import Path

import keras
import numpy as np

from ae_zoo._files import complete_file
from ae_zoo.errors import TrainingError

STATE = "state"


def write_checkpoint(path: Path, variables: list, state: dict) -> None:
    """Writes variables and a JSON state into one file, all of it or nothing."""
    arrays = {
        f"{i} {variable.path}": keras.ops.convert_to_numpy(variable)
        for i, variable in enumerate(variables)
    }
    text = np.frombuffer(json.dumps(state).encode(), dtype="uint8")
    with complete_file(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **{STATE: text}, **arrays)
        file.flush()
        os.fsync(file.fileno())


def read_state(path: Path) -> dict | None:
    """The JSON state of a checkpoint; None where there is none.

    Raises:
        TrainingError: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as content:
            return json.loads(content[STATE].tobytes())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise TrainingError(
            f"{path} is damaged ({error}): remove it to start again."
        ) from error


def restore_variables(path: Path, variables: list) -> None:
    """Assigns the values that `write_checkpoint` kept to the same variables.

    Raises:
        TrainingError: the checkpoint is of another model.
    """
    with np.load(path, allow_pickle=False) as content:
        arrays = [content[name] for name in content.files if name != STATE]
    if [a.shape for a in arrays] != [tuple(variable.shape) for variable in variables]:
        raise TrainingError(
            f"{path} is of another model: choose another folder, or remove it."
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


class Checkpoint(keras.callbacks.Callback):
    """Writes a checkpoint at the end of every epoch.

    Args:
        path: the file.
        where: this phase of the training, and the logs of the earlier ones.
        variables: kept beside the callbacks' states.
        callbacks: those whose `state` is kept.
        chief: whether this worker writes.
    """

    def __init__(
        self, path, where: dict, variables: list, callbacks: list, chief: bool
    ):
        super().__init__()
        self.path, self.where, self.chief = path, where, chief
        self.variables, self.stateful = variables, stateful(callbacks)

    def on_epoch_end(self, epoch, logs=None):
        if not self.chief:
            return
        states = {name: callback.state for name, callback in self.stateful.items()}
        state = {**self.where, "epoch": epoch + 1, "callbacks": states}
        write_checkpoint(self.path, self.variables, state)


class Stateful(keras.callbacks.Callback):
    """A callback that remembers something, which the checkpoint keeps.

    Attributes:
        state: a plain dictionary.
    """

    state: dict


def stateful(callbacks: list) -> dict[str, Stateful]:
    """The callbacks with a state, by the name of their class."""
    return {type(c).__name__: c for c in callbacks if isinstance(c, Stateful)}
