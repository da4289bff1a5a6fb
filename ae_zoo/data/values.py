"""The meaning of array values: the range of each dtype, and the shape of a batch."""

import math

import numpy as np
from numpy.typing import DTypeLike

from ae_zoo.errors import InputError

WHITE_LEVEL = {"uint8": 255, "uint16": 65535}  # the integer that stands for 1
TOLERANCE = 1e-6  # how far rounding may carry a float out of [0, 1]


def as_floats(values: np.ndarray) -> np.ndarray:
    """Integers as floats in [0, 1]; floats keep their values.

    Args:
        values: any shape. uint8 and uint16 are divided by 255 and 65535; bool becomes
            0 and 1. The values of floats are not checked.

    Returns:
        float32 of the same shape; the array itself if it is float32 already.
    """
    white = WHITE_LEVEL.get(values.dtype.name)
    if white is None:
        return values.astype("float32", copy=False)
    return values / np.float32(white)


def from_floats(values: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """Floats in [0, 1] as integers, clipped and rounded; the inverse of `as_floats`.

    Every 8-bit and 16-bit level survives the round trip exactly.

    Args:
        values: floats of any shape.
        dtype: uint8 or uint16; for a float dtype the values stay as they are.
    """
    white = WHITE_LEVEL.get(np.dtype(dtype).name)
    if white is None:
        return values.astype(dtype, copy=False)
    levels = np.clip(values, 0, 1) * np.float32(white)
    return np.rint(levels, out=levels).astype(dtype)


def scale(x: np.ndarray) -> np.ndarray:
    """Model inputs from values of any accepted dtype.

    Args:
        x: uint8, uint16, bool, or floats in [0, 1]; any shape.

    Returns:
        A float32 copy in [0, 1], of the same shape.

    Raises:
        InputError: the dtype has no agreed range, or floats are outside [0, 1].
    """
    if x.dtype.name in WHITE_LEVEL or x.dtype == bool:
        return as_floats(x)
    if not np.issubdtype(x.dtype, np.floating):
        raise unknown_range(x.dtype)
    if limits := limits_outside(x):
        raise InputError(_out_of_range(*limits))
    return x.astype("float32")


def unknown_range(dtype: np.dtype) -> InputError:
    """The error for a dtype without an agreed range of values."""
    return InputError(
        f"Values of dtype {dtype} have no agreed range: pass uint8 (0 to 255), uint16 "
        "(0 to 65535) or floats in [0, 1]."
    )


def limits_outside(x: np.ndarray) -> tuple[float, float] | None:
    """The smallest and largest value if floats leave [0, 1], else None.

    NaN counts as outside, and both limits are then NaN.
    """
    low, high = float(x.min()), float(x.max())
    if low >= -TOLERANCE and high <= 1 + TOLERANCE:
        return None
    return low, high


def _out_of_range(low: float, high: float) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return (
            "The array holds NaN or infinite values: replace them or drop the examples."
        )
    message = "The model takes floats in [0, 1] but received values "
    if low < -TOLERANCE:
        return f"{message}from {low:.6g} to {high:.6g}: rescale them to [0, 1]."
    for dtype, white in WHITE_LEVEL.items():
        if high <= white:
            return (
                f"{message}up to {round(high, 4)}: divide by {white} or pass {dtype} "
                f"if they are {white.bit_length()}-bit, else rescale them to [0, 1]."
            )
    return f"{message}up to {high:.6g}: rescale them to [0, 1]."


def as_batch(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """An array as a batch of examples; missing axes are added.

    Args:
        x: a batch or one example; with one channel, the channel axis may be missing.
        shape: shape of one example of the model.

    Returns:
        A view of `x`, `(n, *shape)` with n at least 1.

    Raises:
        InputError: the array is empty or has another shape.
    """
    batch = x
    if shape[-1] == 1 and x.shape[-len(shape) + 1 :] == shape[:-1]:
        batch = batch[..., None]
    if batch.shape == shape:
        batch = batch[None]
    if batch.shape[1:] != shape:
        raise InputError(_misfit(x, shape))
    if len(batch) == 0:
        raise InputError("The array is empty: pass at least one example.")
    return batch


def _misfit(x: np.ndarray, shape: tuple[int, ...]) -> str:
    fits = ", ".join(map(str, shape))
    message = f"The model takes arrays of shape (n, {fits})"
    if len(shape) == 3 and shape[-1] == 1:
        message += f" or (n, {fits.removesuffix(', 1')})"
    message += f" but received {x.shape}: "
    if x.ndim == 2 and x.shape[1] == math.prod(shape):
        return message + f"reshape it with x.reshape(-1, {fits})."
    if len(shape) == 3:
        return message + "resize or convert it, or pass images, which are fitted."
    return message + "choose a model of this shape."
