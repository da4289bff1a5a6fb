"""Checks of arguments, which answer a wrong type or value with one sentence."""

import math
import numbers
from collections.abc import Collection
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
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_integer or value < low:
        raise InputError(f"{name} must be an integer above {low - 1}, not {value!r}.")
    return int(value)


def is_number(value: object) -> bool:
    """Whether a value is a real number; true and false are none."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def check_positive(name: str, value: object) -> None:
    """Raises an `InputError` unless an argument is a finite number above 0."""
    if not is_number(value) or not 0 < value < math.inf:
        raise InputError(f"{name} must be a number above 0, not {value!r}.")


def check_names(name: str, value: object) -> None:
    """Raises an `InputError` unless an argument is None or a list of columns."""
    if value is not None and (
        isinstance(value, (str, bytes)) or not isinstance(value, Collection)
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
    check_model(value)
    if not is_path(value):
        return value
    from ae_zoo.zoo.loader import load

    return load(value)


def check_model(value: object) -> None:
    """Raises an `InputError` unless a value is an `Autoencoder`, a name or a path.

    There may be no such name or path.
    """
    if is_path(value):
        check_path("model", value)
        return
    from ae_zoo.autoencoder import Autoencoder

    if not isinstance(value, Autoencoder):
        raise InputError(
            f"model is a {type(value).__name__}: pass the name or path of a model, or "
            "an Autoencoder."
        )


def check_key(key: object) -> None:
    """Raises an `InputError` unless the name of a layer is text or None."""
    if not isinstance(key, (str, type(None))):
        raise InputError(
            f"key must be one of the model's feature_keys, or None, not {key!r}."
        )


def check_table(X: object) -> None:
    """Raises an `InputError` for what cannot be a table, such as a dictionary."""
    is_array = hasattr(X, "shape") or hasattr(X, "__array__")
    if not is_array and not isinstance(X, (list, tuple)):
        raise InputError(
            f"A {type(X).__name__} is no table: pass an array, a data frame or a list "
            "of rows."
        )


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """Raises an `UnknownNameError` unless an argument is one of the `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise UnknownNameError(
            f"Unknown {name} {value!r}; choose one of {', '.join(choices)}."
        )
