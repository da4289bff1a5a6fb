"""The folder of a saved detector: Keras's files and one of JSON, no code."""

import json
import tempfile
from pathlib import Path

import numpy as np

from ae_zoo.errors import InputError
from ae_zoo.tasks.detector.columns import Columns
from ae_zoo.tasks.detector.rebuilding import Rebuilding
from ae_zoo.tasks.detector.scoring import Scoring
from ae_zoo.tasks.detector.windows import Windows
from ae_zoo.tasks.fitting import is_family

STATE = "detector.json"
MODEL = "model"

_ARRAYS = ("mean_", "scale_", "fill_", "unit_", "centre_", "precision_", "part_units_")


def write_detector(detector, folder: Path) -> None:
    """Writes a fitted `AnomalyDetector` into a new folder, all of it or nothing.

    Raises:
        InputError: `folder` exists.
    """
    from ae_zoo.zoo.folder import save

    if folder.exists():
        raise InputError(f"{folder} exists: choose a new folder.")
    text = json.dumps(_state(detector), indent=1)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        fresh = Path(temporary, "fresh")
        save(detector.model_, fresh / MODEL)
        (fresh / STATE).write_text(text, encoding="utf-8")
        fresh.rename(folder)


def _state(detector) -> dict:
    parameters = detector.get_params()
    if not is_family(detector.model):
        parameters["model"] = None
    if not isinstance(detector.random_state, int):
        parameters["random_state"] = None
    windows, scoring = detector.rebuilding_.windows, detector.scoring_
    learned = {
        "mean_": windows.mean,
        "scale_": windows.scale,
        "fill_": detector.fill_,
        "unit_": scoring.unit,
        "combine_": scoring.combine,
        "centre_": scoring.centre,
        "precision_": scoring.precision,
        "part_units_": scoring.part_units,
        "offset_": detector.offset_,
        "loss_curve_": detector.loss_curve_,
    }
    return {
        "parameters": parameters,
        "names": detector.names_,
        "categories": detector.categories_,
        "learned": {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in learned.items()
        },
    }


def read_detector(kind: type, folder: Path):
    """The detector of class `kind` that `write_detector` wrote.

    Raises:
        InputError: the folder holds no detector.
        IntegrityError, ManifestError: the model in it is damaged.
    """
    from ae_zoo.zoo.folder import load_folder

    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        detector = kind(**state["parameters"])
        learned = dict(state["learned"])
        for name in _ARRAYS:
            value = learned[name]
            learned[name] = None if value is None else np.array(value)
        columns = Columns(
            list(state["names"]),
            {int(column): values for column, values in state["categories"].items()},
            learned["fill_"],
        )
        windows = Windows(detector.window, learned["mean_"], learned["scale_"])
        detector.scoring_ = Scoring(
            detector.measure,
            learned["combine_"],
            learned["unit_"],
            learned["centre_"],
            learned["precision_"],
            learned["part_units_"],
        )
        detector.offset_ = learned["offset_"]
        detector.loss_curve_ = learned["loss_curve_"]
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise InputError(
            f"{folder} holds no detector: give a folder that save wrote ({error})."
        ) from error
    model = load_folder(folder / MODEL)
    with_codes = detector.measure != "error"
    detector.rebuilding_ = Rebuilding(model, columns, windows, with_codes)
    detector.n_features_in_ = len(columns.names)
    return detector
