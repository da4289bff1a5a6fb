"""The values that the arguments of `AnomalyDetector` may have."""

from ae_zoo.errors import InputError
from ae_zoo.tasks.arguments import as_integer, check_names, check_positive, is_number
from ae_zoo.tasks.detector.thresholds import RULES
from ae_zoo.tasks.fitting import check_training, is_family

COMBINES = ("mahalanobis", "mean", "max")

_CHOICES = {
    "measure": ("error", "latent", "both"),
    "combine": ("auto", *COMBINES),
    "threshold": tuple(RULES),
}


def check_arguments(detector) -> None:
    """Refuses arguments of an `AnomalyDetector` that are out of range.

    Raises:
        InputError: names the argument and the values it may have.
    """
    for name, values in _CHOICES.items():
        value = getattr(detector, name)
        if not isinstance(value, str) or value not in values:
            raise InputError(
                f"{name} must be one of {', '.join(values)}, not {value!r}."
            )
    share = detector.contamination
    is_auto = isinstance(share, str) and share == "auto"
    if not is_auto and not _between(share, 0, 0.5):
        raise InputError(
            f"contamination must be 'auto', or above 0 and at most 0.5, not {share!r}."
        )
    for name in ("alarm_rate", "holdout"):
        if not _between(getattr(detector, name), 0, 1) or getattr(detector, name) == 1:
            raise InputError(
                f"{name} must be between 0 and 1, not {getattr(detector, name)!r}."
            )
    check_training(detector)
    as_integer("window", detector.window)
    check_names("categories", detector.categories)
    if not is_number(detector.trim) or detector.trim != 0:
        _check_trim(detector)
    check_positive("margin", detector.margin)


def _check_trim(detector) -> None:
    if not _between(detector.trim, 0, 0.5):
        raise InputError(f"trim must be from 0 to 0.5, not {detector.trim!r}.")
    if detector.window > 1:
        raise InputError(
            f"trim is for tables, not for windows of {detector.window} rows: give fit "
            "a normal stretch of the time series, or leave out trim."
        )
    if not is_family(detector.model):
        raise InputError(
            "trim trains again, but the model is pretrained: leave out trim."
        )


def _between(value, low: float, high: float) -> bool:
    """Whether `value` is a number above `low` and at most `high`."""
    return is_number(value) and low < value <= high
