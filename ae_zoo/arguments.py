"""Arguments of families: checked, and as plain values, before a model is built.

A config holds plain values only, so that a saved model can be built again from JSON.
"""

import inspect
import math
import re
import types
from typing import Any

from ae_zoo.errors import InputError

# Keys of a dictionary from which Keras would build an object.
_REVIVED = {"class_name", "module", "registered_name", "config", "fn"}
_DEEPEST = 8  # lists and dictionaries in each other
# Sizes by the names that families and backbones give them, each with an example.
_SIZES = {
    "latent_dim": 32,
    "kernel_size": 3,
    "blocks": 2,
    "side": 32,
    "filters": (32, 64),
    "hidden": (512,),
    "units": (128,),
    "dilations": (1, 2),
    "levels": (8, 5, 5, 5),
}
_REGISTERED = re.compile(r"[\w.-]+>[\w.-]+")  # package>name
_MOST = 100  # in a list of sizes; Keras fails to connect a thousand layers in a row


def bind(family: str, signature: inspect.Signature, args, kwargs) -> dict[str, Any]:
    """All arguments of a call by name, defaults included, as plain values.

    NumPy's numbers and arrays become Python's; a function becomes the name by which
    Keras knows it.

    Raises:
        InputError: the family has no such argument, it cannot be saved, it is no
            possible size or shape, or Keras is set to channels first.
    """
    check_layout()
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise InputError(
            f"{family} {error}: it takes {', '.join(signature.parameters)}."
        ) from error
    bound.apply_defaults()
    given = bound.kwargs | dict(zip(signature.parameters, bound.args, strict=False))
    given = {name: _plain(name, value) for name, value in given.items()}
    defaults = {name: each.default for name, each in signature.parameters.items()}
    for name, value in given.items():
        default = defaults.get(name, inspect.Parameter.empty)
        if name == "input_shape":
            _check_shape(family, value, default)
        elif name in _SIZES and value != default:
            _check_size(name, value, default)
    return given


def with_functions(value):
    """Plain values with the functions that their names stand for.

    Only for functions of `keras.saving.register_keras_serializable`: Keras's layers
    know its own by name.

    Raises:
        InputError: no function is registered by such a name.
    """
    if isinstance(value, str) and _REGISTERED.fullmatch(value):
        import keras

        found = keras.saving.get_registered_object(value)
        if not isinstance(found, types.FunctionType):
            raise InputError(
                f"No function is registered as {value!r}: import the module that "
                "registers it with Keras first."
            )
        return found
    if isinstance(value, dict):
        return {key: with_functions(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(with_functions, value))
    return value


def check_layout() -> None:
    """Raises InputError if Keras is set to images with the channels first."""
    import keras

    if keras.config.image_data_format() != "channels_last":
        raise InputError(
            "Models take images with the channels last: call "
            "keras.config.set_image_data_format('channels_last') first."
        )


def _plain(name: str, value, depth: int = 0):
    """`value` as a config stores it; InputError names the argument `name`."""
    for method in ("tolist", "as_list"):  # of NumPy, and of TensorFlow's shapes
        if hasattr(value, method):
            value = getattr(value, method)()
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return value
    if depth < _DEEPEST and isinstance(value, (list, tuple)):
        each = [_plain(name, item, depth + 1) for item in value]
        return each if isinstance(value, list) else tuple(each)
    if depth < _DEEPEST and isinstance(value, dict) and _has_plain_keys(value):
        return {key: _plain(name, item, depth + 1) for key, item in value.items()}
    if isinstance(value, types.FunctionType) and (known := _name_of(value)):
        return known
    raise InputError(
        f"{name} holds {_short(value)}, which no config can store: give finite "
        "numbers, strings, lists and dictionaries of them, or a function that is "
        "registered with keras.saving.register_keras_serializable."
    )


def _has_plain_keys(value: dict) -> bool:
    return all(isinstance(key, str) for key in value) and not _REVIVED & set(value)


def _name_of(function: types.FunctionType) -> str | None:
    """The name by which Keras finds the function again, None if there is none."""
    import keras

    name = keras.saving.get_registered_name(function)
    if _REGISTERED.fullmatch(name):
        return name
    try:
        return name if keras.activations.get(name) is function else None
    except ValueError:
        return None


def _check_shape(family: str, shape, default) -> None:
    """Raises unless `shape` is one that an example of the family can have.

    The default says where a size may be None: anywhere but in the channels if it has
    a None, and in the channels as well if they are None. Without a default, anywhere.
    """
    example = default if isinstance(default, (list, tuple)) and default else (None,)
    free = None in example
    *sides, channels = shape if isinstance(shape, (list, tuple)) and shape else (0,)
    if not (
        all(_is_size(side) or (free and side is None) for side in sides)
        and (_is_size(channels) or (channels is None and example[-1] is None))
    ):
        raise InputError(
            f"{family} has no examples of input_shape={_short(shape)}: give a tuple of "
            f"whole numbers of at least 1{', or None for any size' if free else ''}, "
            f"such as {tuple(example)}."
        )


def _check_size(name: str, value, default) -> None:
    """Raises unless `value` is a whole number or a list of them, as the default is."""
    has_default = default is not inspect.Parameter.empty and default
    example = default if has_default else _SIZES[name]
    if _is_size(example):
        fits, wanted = _is_size(value), "a whole number"
    elif isinstance(example, (list, tuple)) and all(map(_is_size, example)):
        fits = isinstance(value, (list, tuple)) and all(map(_is_size, value))
        fits = fits and len(value) <= _MOST
        wanted = f"a list of up to {_MOST} whole numbers"
    else:
        return  # a family of another package means something else by this name
    if not fits:
        raise InputError(
            f"{name} cannot be {_short(value)}: give {wanted} of at least 1, such as "
            f"{example}."
        )


def _short(value) -> str:
    return " ".join(repr(value).split())[:80]


def _is_size(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
