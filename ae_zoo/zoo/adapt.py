"""A loaded model built again: of other size, channels or types, or untrained."""

import math
from typing import TYPE_CHECKING

import numpy as np

from ae_zoo import registry
from ae_zoo.errors import InputError

if TYPE_CHECKING:
    from ae_zoo.autoencoder import Autoencoder


def rebuild(
    model: "Autoencoder",
    input_shape: tuple[int, ...] | None = None,
    weights: bool = True,
    dtype: str | None = None,
) -> "Autoencoder":
    """The same architecture with changes.

    Args:
        model: of a registered family.
        input_shape: shape of one example; None leaves it as it is.
        weights: whether to take over the weights; else they are random.
        dtype: Keras's name of a policy, such as 'mixed_float16'; None leaves it.

    Raises:
        InputError: the family has no such shape, there is no such policy, or the
            weights do not fit another size.
    """
    import keras

    config = model.get_config()
    if input_shape is not None:
        config["input_shape"] = input_shape
    if dtype is not None:
        try:
            config["dtype_policy"] = keras.dtype_policies.get(dtype).name
        except (ValueError, AttributeError) as error:
            raise InputError(
                f"There is no dtype policy {dtype!r}: use 'float32', 'float16', "
                "'bfloat16', 'mixed_float16' or 'mixed_bfloat16'."
            ) from error
    built = registry.from_config(config)
    if weights:
        built.set_weights(_adapted(model, built))
    return built


def _adapted(model: "Autoencoder", built: "Autoencoder") -> list[np.ndarray]:
    """The weights of `model` in the shapes of `built`.

    Between grey and RGB, a picture with equal channels keeps its code, and is decoded
    to equal channels.
    """
    before, after = model.output_shape[-1], built.output_shape[-1]
    inside = {id(variable) for variable in model.encoder.weights}
    adapted = []
    for old, new in zip(model.weights, built.weights, strict=True):
        values = np.asarray(old)
        if values.shape != tuple(new.shape):
            axis = _channel_axis(values.shape, tuple(new.shape), before, after)
            if axis is None or model.takes_map:
                raise InputError(
                    f"The weights of {model.name!r} for examples "
                    f"{model.input_shape[1:]} do not fit {built.input_shape[1:]}: "
                    "resize the examples, or pass weights=False and train it."
                )
            values = _convert(values, axis, before, after, id(old) in inside)
        adapted.append(values)
    return adapted


def _channel_axis(old: tuple, new: tuple, before: int, after: int) -> int | None:
    """The one axis whose length differs as the number of channels, 1 or 3, does."""
    if {before, after} != {1, 3} or len(old) != len(new):
        return None
    changed = [i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
    if len(changed) != 1:
        return None
    (axis,) = changed
    return axis if old[axis] * after == new[axis] * before else None


def _convert(values, axis: int, before: int, after: int, reads: bool) -> np.ndarray:
    """Values for `after` channels instead of `before`, which lie inside `axis`.

    Args:
        reads: whether the channels are summed, as in the encoder, or written.
    """
    shape = values.shape
    values = values.reshape(*shape[:axis], -1, before, *shape[axis + 1 :])
    if after > before:
        values = np.repeat(values, after, axis=axis + 1)
        values = values / after if reads else values
    else:
        reduce = np.sum if reads else np.mean
        values = reduce(values, axis=axis + 1, keepdims=True)
    length = math.prod(values.shape[axis : axis + 2])
    return values.reshape(*shape[:axis], length, *shape[axis + 1 :])
