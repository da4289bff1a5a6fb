"""The folder of a saved detector: Keras's files and one of JSON, no code."""

import json
import tempfile
from pathlib import Path

import numpy as np

from ae_zoo._files import check_regular
from ae_zoo.errors import InputError
from ae_zoo.tasks.detector.rebuilding import Rebuilding
from ae_zoo.tasks.detector.schema import check_model, parse_state
from ae_zoo.tasks.fitting import is_family

STATE = "detector.json"
MODEL = "model"

_LARGEST = 2**28  # bytes


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
        state = _read_json(folder / STATE)
        detector, columns, windows, scoring = parse_state(kind, state)
    except (OSError, ValueError, RecursionError) as error:
        raise _no_detector(folder, error) from error
    model = load_folder(folder / MODEL)
    try:
        check_model(model, detector.measure, columns, windows, scoring)
    except ValueError as error:
        raise _no_detector(folder, error) from error
    with_codes = detector.measure != "error"
    detector.rebuilding_ = Rebuilding(model, columns, windows, with_codes)
    detector.scoring_ = scoring
    detector.n_features_in_ = len(columns.names)
    return detector


def _read_json(path: Path) -> object:
    check_regular(path)
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"{path.name} has more than {_LARGEST:,} bytes")
    return json.loads(path.read_text(encoding="utf-8"))


def _no_detector(folder: Path, error: Exception) -> InputError:
    reason = str(error).removesuffix(".")
    return InputError(
        f"{folder} holds no detector: give a folder that save wrote ({reason})."
    )
