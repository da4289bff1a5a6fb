"""Checks of arguments, which answer a wrong type or value with one sentence."""

import math
import numbers
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ae_zoo._files import check_path, is_path
from ae_zoo.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from ae_zoo.autoencoder import Autoencoder


def as_integer(name: str, value: object, low: int = 1) -> int:
    """An argument that is an integer of at least `low`.

    Raises:
        InputError: it is not.
    """
    if not isinstance(value, numbers.Integral) or value < low:
        raise InputError(f"{name} must be an integer above {low - 1}, not {value!r}.")
    return int(value)


def check_positive(name: str, value: object) -> None:
    """Raises an `InputError` unless an argument is a finite number above 0."""
    if not isinstance(value, numbers.Real) or not 0 < value < math.inf:
        raise InputError(f"{name} must be a number above 0, not {value!r}.")


def check_names(name: str, value: object) -> None:
    """Raises an `InputError` unless an argument is None or a list of columns."""
    if value is not None and (
        isinstance(value, (str, bytes)) or not isinstance(value, Iterable)
    ):
        raise InputError(f"{name} must be a list of columns, not {value!r}.")


def check_pixels(pixels: object) -> None:
    """Raises an `InputError` unless pixels are an array as in a `Picture`."""
    shape = pixels.shape if isinstance(pixels, np.ndarray) else ()
    if len(shape) != 3 or shape[-1] not in (1, 3):
        raise InputError(
            "pixels must be an array (height, width, 1 or 3), not "
            f"{type(pixels).__name__} of shape {np.shape(pixels)}."
        )


def as_path(name: str, value: object) -> Path:
    """An argument that is the path of a file or folder.

    Raises:
        InputError: it is neither a string nor a `Path`.
    """
    check_path(name, value)
    return Path(value)


def as_model(value: object) -> "Autoencoder":
    """An argument that is an `Autoencoder`, or a name or path for `ae_zoo.load`.

    Raises:
        InputError: it is neither.
        AeZooError: as `ae_zoo.load`.
    """
    if is_path(value):
        from ae_zoo.zoo.loader import load

        return load(value)
    check_model(value)
    return value


def check_model(value: object) -> None:
    """Raises an `InputError` unless a value is an `Autoencoder`, a name or a path."""
    if is_path(value):
        return
    from ae_zoo.autoencoder import Autoencoder

    if not isinstance(value, Autoencoder):
        raise InputError(
            f"model is a {type(value).__name__}: pass the name or path of a "
            "pretrained weight, or an Autoencoder."
        )


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """Raises an `UnknownNameError` unless an argument is one of the `choices`."""
    if value not in list(choices):
        raise UnknownNameError(
            f"Unknown {name} {value!r}; choose one of {', '.join(choices)}."
        )
