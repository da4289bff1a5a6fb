"""Batches of a `tf.data.Dataset`, read without importing TensorFlow."""

from collections.abc import Iterator

import numpy as np

from ae_zoo.data.arrays import example_key
from ae_zoo.errors import InputError

_INFINITE = -1  # tf.data.INFINITE_CARDINALITY


def is_dataset(source: object) -> bool:
    """Whether `source` is a `tf.data.Dataset`."""
    return hasattr(source, "as_numpy_iterator") and hasattr(source, "cardinality")


def read_dataset(dataset, input_shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """The examples of each element of a batched data set.

    Args:
        dataset: its elements are x, (x, y) or dictionaries such as {'image': x}.
        input_shape: shape of one example of the model.

    Yields:
        The arrays as they are stored, `(some, ...)`; at least one.

    Raises:
        InputError: the data set is empty, endless or not batched, or an element does
            not make clear which array holds the examples.
    """
    if int(dataset.cardinality()) == _INFINITE:
        raise InputError("The dataset repeats for ever: remove its repeat().")
    without_channel = input_shape[:-1] if input_shape[-1] == 1 else input_shape
    empty = True
    for element in dataset.as_numpy_iterator():
        x = _examples(element)
        if x.shape in (input_shape, without_channel):
            raise InputError("The dataset is not batched: use dataset.batch(256).")
        yield x
        empty = False
    if empty:
        raise InputError("The dataset is empty: it needs at least one batch.")


def _examples(element) -> np.ndarray:
    if isinstance(element, tuple):
        element = element[0]
    if isinstance(element, dict):
        element = element[example_key(list(element), "the dataset")]
    return np.asarray(element)
