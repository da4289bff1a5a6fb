"""Inference on arrays: examples are checked, and go through one compiled function.

Keras's `predict` computes the same, but sets up a pipeline of data at each call, which
takes a hundred times as long as the network itself for one small picture.
"""

import keras
import numpy as np
from keras import tree

from ae_zoo.data.values import WHITE_LEVEL
from ae_zoo.errors import InputError

LARGEST = 10.0  # noise does not carry values of [0, 1] so far; those of 0..255 go on


def run(model: keras.Model, x, batch_size: int):
    """Outputs of `model` for all examples.

    Args:
        model: its outputs may be nested in lists.
        x: an array `(n, ...)`, or a list of arrays for a model with several inputs.
        batch_size: number of examples at a time.

    Returns:
        Arrays with n rows, nested as the model's outputs.

    Raises:
        InputError: `batch_size` is no integer above 0.
    """
    check_count("batch_size", batch_size)
    _notice_quantised_layers(model)
    arrays = x if isinstance(x, list) else [x]
    blocks = [
        _run_batch(model, [array[i : i + batch_size] for array in arrays])
        for i in range(0, len(arrays[0]), batch_size)
    ]
    if not blocks:
        return tree.map_structure(_empty, model.output)
    if len(blocks) == 1:
        return blocks[0]
    return tree.map_structure(lambda *parts: np.concatenate(parts), *blocks)


def _notice_quantised_layers(model: keras.Model) -> None:
    """Has the model compiled again if layers were quantised, which adds weights.

    Keras does so for the model whose `quantize` was called only, and not for others
    with the same layers, which would go on with the former weights.
    """
    count = len(model.weights)
    if getattr(model, "weights_compiled", count) != count:
        model.predict_function = None
    model.weights_compiled = count


def check_count(name: str, value) -> None:
    """Raises an InputError unless the argument `name` is an integer above 0."""
    if not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(f"{name} must be an integer above 0, not {value!r}.")


def _empty(tensor) -> np.ndarray:
    return np.zeros([side or 0 for side in tensor.shape], tensor.dtype)


def _run_batch(model: keras.Model, arrays: list[np.ndarray]):
    n = len(arrays[0])
    if keras.backend.backend() == "jax":  # which compiles again for each size
        more = (1 << (n - 1).bit_length()) - n
        arrays = [np.pad(a, [(0, more)] + [(0, 0)] * (a.ndim - 1)) for a in arrays]
    outputs = model.predict_on_batch(arrays if len(arrays) > 1 else arrays[0])
    return tree.map_structure(lambda array: array[:n], outputs)


def check_examples(x, shape: tuple[int | None, ...], bounded: bool) -> np.ndarray:
    """Examples as a float32 array.

    Args:
        x: array or tensor `(n, *shape)`.
        shape: shape of one example; None along axes of any size.
        bounded: whether the model takes values in [0, 1], with or without noise.

    Raises:
        InputError: the array has another shape, is of 8-bit or 16-bit integers, holds
            NaN or infinite values, or values far outside [0, 1].
    """
    x = _as_array(x)
    if x.ndim != len(shape) + 1 or any(
        wanted not in (None, side)
        for side, wanted in zip(x.shape[1:], shape, strict=True)
    ):
        raise InputError(_misfit(x.shape, shape))
    if white := WHITE_LEVEL.get(x.dtype.name):
        raise InputError(
            f"The model takes floats in [0, 1] but received {x.dtype}: divide by "
            f"{white}, or use ae_zoo.tasks, which converts by dtype."
        )
    if x.size == 0:
        return x
    low, high = float(x.min()), float(x.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(
            "The examples hold NaN or infinite values: replace them or drop the "
            "examples."
        )
    if bounded and max(-low, high) > LARGEST:
        raise InputError(
            f"The model takes values in [0, 1] but received {low:.6g} to {high:.6g}: "
            "divide 8-bit values by 255, or rescale them."
        )
    return x


def as_example(x, shape: tuple[int | None, ...]) -> np.ndarray:
    """One example as an array; `check_examples` checks its sizes and values.

    Raises:
        InputError: it has more or fewer axes than `shape`, as a batch has.
    """
    x = _as_array(x)
    if x.ndim == len(shape) + 1:
        raise InputError(
            f"One example is wanted here but received a batch of shape {x.shape}: pass "
            "x[0]."
        )
    if x.ndim != len(shape):
        raise InputError(
            f"The model takes examples of shape ({_sides(shape)}) but received "
            f"{x.shape}: reshape or resize it."
        )
    return x


def _as_array(x) -> np.ndarray:
    if hasattr(x, "element_spec"):
        raise InputError(
            "A tf.data.Dataset is no array: pass its batches one at a time, or use "
            "model.code_encoder().predict(dataset)."
        )
    try:
        x = keras.ops.convert_to_numpy(x) if hasattr(x, "shape") else np.stack(x)
        if x.dtype.kind == "c":
            raise TypeError("complex numbers")
        return x if x.dtype.name in WHITE_LEVEL else x.astype("float32", copy=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            "The model takes an array of real numbers: stack examples of one size with "
            "np.stack."
        ) from error


def _misfit(received: tuple[int, ...], shape: tuple[int | None, ...]) -> str:
    message = f"The model takes arrays of shape (n, {_sides(shape)}) but received "
    message += f"{received}: "
    if len(received) == len(shape):
        return message + "add the axis of the batch with x[None] to one example."
    return message + "reshape or resize the examples, or use ae_zoo.tasks."


def _sides(shape: tuple[int | None, ...]) -> str:
    return ", ".join("any" if side is None else str(side) for side in shape)
