"""Rows of a table, or windows of a time series, as inputs of a model."""

import math
from dataclasses import dataclass

import numpy as np

from ae_zoo.data import categories
from ae_zoo.data.inputs import to_inputs
from ae_zoo.errors import InputError

# In standard deviations from the mean; values beyond count as this far.
FARTHEST = categories.UNKNOWN

_TINY = 1e-12


@dataclass(frozen=True)
class Windows:
    """Makes the inputs of a model from rows.

    Attributes:
        size: rows in a window; 1 for tables, whose rows have no order.
        mean, scale: of each number, for standardised inputs; None for the values of
            the rows as they are.
    """

    size: int
    mean: np.ndarray | None = None
    scale: np.ndarray | None = None

    @classmethod
    def standardising(cls, size: int, rows: np.ndarray) -> "Windows":
        """Windows with the mean and the standard deviation of `rows`."""
        mean, scale = rows.mean(axis=0), rows.std(axis=0)
        return cls(size, mean, np.where(scale > _TINY * np.abs(mean), scale, 1.0))

    def of(self, X: np.ndarray) -> np.ndarray:
        """The windows of rows without gaps; of a time series, a view.

        Raises:
            InputError: there are fewer rows than a window has.
        """
        if len(X) < self.size:
            raise InputError(
                f"{len(X)} rows are fewer than the window of {self.size}: give more "
                "rows, or a smaller window."
            )
        if self.mean is not None:
            X = ((X - self.mean) / self.scale).astype("float32")
            if self.size == 1:  # how far a time series drifts is news
                X = np.clip(X, -FARTHEST, FARTHEST)
        if self.size > 1:
            X = np.lib.stride_tricks.sliding_window_view(X, self.size, axis=0)
            X = X.swapaxes(1, 2)
        return X

    def by_row(self, values: np.ndarray) -> np.ndarray:
        """Values of windows as values of rows.

        A row has the value of the window that ends with it, the rows before the end of
        the first window have the value of the first.
        """
        return np.concatenate([np.repeat(values[:1], self.size - 1, axis=0), values])


def to_examples(windows: np.ndarray, model) -> np.ndarray:
    """Windows of raw values in the shape that a pretrained model takes.

    Raises:
        InputError: they have another number of values, or values out of range.
    """
    shape = model.input_shape[1:]
    if math.prod(windows.shape[1:]) != math.prod(shape):
        raise InputError(
            f"{model.name!r} takes {math.prod(shape)} values, flattened examples of "
            f"shape {shape}, not {math.prod(windows.shape[1:])}: resize them."
        )
    return to_inputs(windows.reshape(-1, *shape), shape)
