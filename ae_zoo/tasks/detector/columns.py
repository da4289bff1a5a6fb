"""The columns of a detector's table: names, categories, and how gaps are filled."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ae_zoo.data import categories
from ae_zoo.errors import InputError


@dataclass(frozen=True)
class Columns:
    """The columns of the table that a detector was fitted on.

    A column of categories has one number for each of its values in a row of numbers,
    any other column has one number.

    Attributes:
        names: of the columns.
        categories: the values of each column of categories, by its number from 0.
        fill: the value that replaces missing ones, `(numbers,)`.
    """

    names: list[str]
    categories: dict[int, list[str]]
    fill: np.ndarray

    @classmethod
    def learn(
        cls, X: np.ndarray, names: Sequence, values: dict[int, list[str]]
    ) -> "Columns":
        """Learns the medians, and warns of missing values and of constant columns.

        Args:
            X: `(rows, numbers)`, float64, NaN where a value is missing.
            names: of the columns.
            values: of the columns of categories.

        Raises:
            InputError: a column has no values at all.
        """
        starts = _starts(len(names), values)

        def listed(which: np.ndarray) -> str:
            """Columns in words, '' for none; of categories, the first value decides."""
            chosen = [names[i] for i in np.flatnonzero(which[starts])]
            plural = "s" * (len(chosen) > 1)
            return f"column{plural} {', '.join(chosen)}" if chosen else ""

        missing = np.isnan(X)
        if empty := listed(missing.all(axis=0)):
            raise InputError(f"There is no value in {empty}: leave that out.")
        fill = np.nanmedian(X, axis=0)
        if gaps := listed(missing.any(axis=0)):
            warnings.warn(f"Missing values in {gaps} became the median.", stacklevel=3)
        if still := listed(np.nanmax(X, axis=0) == np.nanmin(X, axis=0)):
            warnings.warn(
                f"The values of {still} never change: any change will count in the "
                "unit of the data.",
                stacklevel=3,
            )
        return cls(list(names), values, fill)

    def filled(self, X: np.ndarray) -> np.ndarray:
        """`X` with the medians in the place of missing values."""
        return np.where(np.isnan(X), self.fill, X)

    def errors_by_column(self, errors: np.ndarray) -> np.ndarray:
        """One error for each column, from those of the numbers.

        The error of a category is the length of the vector of its values' errors.
        """
        if not self.categories:
            return errors
        starts = _starts(len(self.names), self.categories)
        chosen = list(self.categories)
        lengths = np.sqrt(np.add.reduceat(np.square(errors), starts, axis=1))
        errors = errors[:, starts]
        errors[:, chosen] = lengths[:, chosen]
        return errors


def _starts(n: int, values: dict[int, list[str]]) -> np.ndarray:
    """Where the numbers of each of `n` columns begin."""
    return np.cumsum([0, *categories.widths(n, values)[:-1]])
