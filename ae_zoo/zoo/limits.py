"""Limits of what a config may ask for, so that a file of a stranger stays cheap."""

import contextlib
import math
import threading
from collections import Counter

LONGEST = 10_000  # values in a list or a dictionary
LARGEST = 2**63  # of a number
MOST_AXES = 8  # of an example
LONGEST_SIDE = 2**24  # of an example
MOST_VALUES = 2**28  # of an example: 1 GB

_one_at_a_time = threading.RLock()


def check_arguments(arguments: dict) -> None:
    """Checks how long and large the values of a config are.

    Raises:
        ValueError: a list is too long, a number too large or not finite, or examples
            too large; the message names it.
    """
    todo = [arguments]
    while todo:
        value = todo.pop()
        if isinstance(value, (list, tuple, dict)):
            if len(value) > LONGEST:
                raise ValueError(f"a list of {len(value)} values")
            todo += value.values() if isinstance(value, dict) else value
        elif isinstance(value, (int, float)) and not abs(value) <= LARGEST:
            raise ValueError("a number that is not finite, or beyond 2^63")
    shape = arguments.get("input_shape")
    if isinstance(shape, (list, tuple)):
        sizes = [size for size in shape if isinstance(size, int)]
        if (
            len(shape) > MOST_AXES
            or max(sizes, default=0) > LONGEST_SIDE
            or math.prod(sizes) > MOST_VALUES
        ):
            raise ValueError(f"examples of shape {shape!r:.80}")


class WeightError(ValueError):
    """A layer adds a weight that was not allowed."""


@contextlib.contextmanager
def allow_weights(shapes: Counter):
    """Lets layers that are built inside have weights of these shapes only.

    Keras allocates a weight as soon as a layer adds it, and has no hook to ask before.
    Inside, `keras.Layer.add_weight` is therefore replaced, for this thread.

    Args:
        shapes: how many weights of each shape may be added.

    Raises:
        WeightError: a layer adds a weight of another shape, or one too many.
    """
    import keras

    left, refused = Counter(shapes), []
    thread, add_weight = threading.get_ident(), keras.Layer.add_weight

    def guarded(layer, *args, **kwargs):
        if threading.get_ident() == thread:
            shape = args[0] if args else kwargs.get("shape")
            shape = () if shape is None else tuple(shape)
            if not left[shape]:
                refused.append(shape)
                raise WeightError
            left[shape] -= 1
        return add_weight(layer, *args, **kwargs)

    with _one_at_a_time:
        keras.Layer.add_weight = guarded
        try:
            yield
        except Exception as error:
            if not refused:
                raise
            # Keras adds paragraphs to an error of a layer, or makes it another one.
            raise WeightError(f"too few arrays of shape {refused[0]}") from error
        finally:
            keras.Layer.add_weight = add_weight
