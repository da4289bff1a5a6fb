"""What the file of a saved detector must hold: names, types, shapes and ranges."""

import math

import numpy as np

from ae_zoo.data import categories
from ae_zoo.tasks.arguments import is_number
from ae_zoo.tasks.detector.arguments import COMBINES, check_arguments
from ae_zoo.tasks.detector.columns import Columns
from ae_zoo.tasks.detector.scoring import Scoring
from ae_zoo.tasks.detector.windows import Windows


def parse_state(kind: type, state: object):
    """The parts of a detector that are not its model.

    Args:
        kind: class of the detector.
        state: the content of the file.

    Returns:
        A detector with its parameters, and its `Columns`, `Windows` and `Scoring`.

    Raises:
        ValueError: a value is missing, or has a wrong type, shape or range.
    """
    parameters, learned = (_get(state, key, dict) for key in ("parameters", "learned"))
    if unknown := parameters.keys() - kind().get_params():
        raise ValueError(f"there is no parameter {min(unknown)!r}")
    detector = kind(**parameters)
    if not isinstance(detector.model, (str, type(None))):
        raise ValueError("model is no name")
    check_arguments(detector)
    names = _texts("names", _get(state, "names", list))
    values = {
        _column(key, len(names)): _texts("categories", value)
        for key, value in _get(state, "categories", dict).items()
    }
    numbers = sum(categories.widths(len(names), values))

    mean, scale = (_array(learned, name, (numbers,)) for name in ("mean_", "scale_"))
    if (mean is None) is not (scale is None):
        raise ValueError("mean_ and scale_ do not fit each other")
    _check_positive("scale_", scale)
    fill = _array(learned, "fill_", (numbers,), required=True)
    columns = Columns(names, values, fill)
    windows = Windows(detector.window, mean, scale)
    scoring = _scoring(detector.measure, learned, len(names))
    detector.offset_ = float(_array(learned, "offset_", (), required=True))
    detector.loss_curve_ = _losses(learned.get("loss_curve_"))
    return detector, columns, windows, scoring


def check_model(
    model, measure: str, columns: Columns, windows: Windows, scoring: Scoring
):
    """Raises a `ValueError` if a saved detector and its model do not fit."""
    shape = model.input_shape[1:]
    values = windows.size * len(columns.fill)
    if None in shape or math.prod(shape) != values:
        raise ValueError(f"its model takes {shape} and not {values} values")
    if scoring.centre is None:
        return
    size = 0 if measure == "error" else model.code.size
    if measure != "latent" and scoring.combine == "mahalanobis":
        size += len(columns.names)
    if len(scoring.centre) != size:
        raise ValueError(f"centre_ has {len(scoring.centre)} values and not {size}")


def _scoring(measure: str, learned: dict, columns: int) -> Scoring:
    combine = learned.get("combine_")
    if combine not in COMBINES:
        raise ValueError(f"combine_ is none of {', '.join(COMBINES)}")
    centre = _array(learned, "centre_", (None,))
    size = None if centre is None else len(centre)
    precision = _array(learned, "precision_", (size, size), required=bool(size))
    parts = int(measure != "latent" and combine != "mahalanobis") + bool(size)
    unit = _array(learned, "unit_", (columns,), required=True)
    part_units = _array(learned, "part_units_", (parts,), required=True)
    for name, values in (("unit_", unit), ("part_units_", part_units)):
        _check_positive(name, values)
    if not parts:
        raise ValueError("there is nothing to measure")
    return Scoring(measure, combine, unit, centre, precision, part_units)


def _get(state: object, key: str, kind: type):
    if not isinstance(state, dict) or not isinstance(state.get(key), kind):
        raise ValueError(f"{key} is missing or no {kind.__name__}")
    return state[key]


def _texts(name: str, values: object) -> list[str]:
    if not isinstance(values, list) or not values:
        raise ValueError(f"{name} has no list")
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"{name} holds something else than text")
    return values


def _column(key: str, columns: int) -> int:
    if key not in map(str, range(columns)):
        raise ValueError(f"categories has the column {key!r}")
    return int(key)


def _array(
    learned: dict, name: str, shape: tuple, required: bool = False
) -> np.ndarray | None:
    """Finite numbers of a shape, in which None stands for any length."""
    value = learned.get(name)
    if value is None:
        if required:
            raise ValueError(f"{name} is missing")
        return None
    array = np.array(value)
    fits = array.ndim == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise ValueError(f"{name} is not finite numbers of shape {shape}")
    return array.astype("float64")


def _losses(values: object) -> list[float] | None:
    is_list = isinstance(values, list) and all(map(is_number, values))
    if values is not None and not is_list:
        raise ValueError("loss_curve_ is no list of numbers")
    return values


def _check_positive(name: str, values: np.ndarray | None) -> None:
    if values is not None and not (values > 0).all():
        raise ValueError(f"{name} is not above 0")
