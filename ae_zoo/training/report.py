"""The files that describe a finished training."""

import json
import os
import platform
from pathlib import Path

import keras

from ae_zoo._files import write_text
from ae_zoo.training.callbacks import Patience
from ae_zoo.training.logs import Log


def make_report(log: Log, patience: Patience | None, pretraining: dict) -> dict:
    """The content of `history.json`: seconds, hardware, rows of the log, best epoch.

    Args:
        log: of the training of the whole model.
        patience: the callback that watched the validation loss, or None.
        pretraining: rows of the log of each phase before.
    """
    report = {
        "seconds": round(log.state["seconds"], 1),
        "hardware": _hardware(),
        "keras": keras.__version__,
        "pretraining": pretraining,
        "history": log.state["rows"],
    }
    if patience is not None:
        best = patience.state["best_epoch"]
        report["best_epoch"] = None if best is None else best + 1
        report["converged"] = patience.plateau and patience.state["ended"]
    return report


def write_json(path: Path, content: dict) -> None:
    """Writes a JSON file, all of it or nothing."""
    write_text(path, json.dumps(content, indent=1))


def _hardware() -> str:
    if gpus := _gpus():
        return f"{gpus} GPUs"
    return f"{os.cpu_count()} CPU cores ({platform.machine()})"


def _gpus() -> int:
    if keras.backend.backend() == "torch":  # for which Keras lists no devices
        import torch

        return min(1, torch.cuda.device_count())  # a training takes one
    return sum(not d.startswith("cpu") for d in keras.distribution.list_devices())
