"""Columns of text in tables, found and encoded as columns of 0 and 1."""

from collections.abc import Iterable, Sequence

import numpy as np

from ae_zoo.errors import InputError

UNKNOWN = 10  # marks a value that training did not have; known values are marked by 1
_MOST = 1000  # different values of a column
_MISSING = ("", "nan", "NaN", "None", "<NA>")  # all are read as one value, ''

Categories = dict[int, list[str]]  # column number from 0 -> values of the column


def find(X, chosen: Sequence[str | int] | None, names=None) -> Categories:
    """The columns of text in the training data, and the sorted values of each.

    Args:
        X: a table, an array or a data frame.
        chosen: column names, or numbers from 0. None chooses, in a data frame, the
            columns of type 'category' and the columns of text without any number.
        names: column names, by default those of the data frame.

    Raises:
        InputError: there is no such column, or it has too many values.
    """
    if (chosen is None or not len(chosen)) and not hasattr(X, "columns"):
        return {}
    if np.ndim(X) != 2:
        return {}  # `fit` refuses the table
    if names is None:
        names = getattr(X, "columns", ())
    names = [str(name) for name in names]
    if chosen is not None:
        columns = [_number(column, names, np.shape(X)[1]) for column in chosen]
    else:
        columns = _columns_of_text(X)
    if not columns:
        return {}
    table = np.asarray(X, dtype=object)
    found = {column: sorted(set(text(table[:, column]))) for column in columns}
    for column, values in found.items():
        if len(values) > _MOST:
            raise InputError(
                f"Column {_name(column, names)} has {len(values)} different values: "
                "leave it out."
            )
    return found


def encode(X, categories: Categories, names=None) -> np.ndarray:
    """The table with its categories one-hot encoded.

    Each column of text becomes one column per known value, and one for all other
    values.

    Args:
        X: `(n, columns)`.
        categories: the result of `find`.
        names: column names, for messages.

    Returns:
        `(n, sum(widths(columns, categories)))`, float64, NaN where a number is missing.

    Raises:
        InputError: there is text in a column of numbers.
    """
    table = np.asarray(X, dtype=object)
    parts = []
    for column, values in enumerate(table.T):
        if column in categories:
            known = np.array(categories[column])
            is_value = np.array(text(values))[:, None] == known
            is_other = ~is_value.any(axis=1, keepdims=True)
            parts += [is_value, UNKNOWN * is_other]
            continue
        try:
            parts.append(values.astype("float64")[:, None])
        except (TypeError, ValueError) as error:
            raise InputError(
                f"Column {_name(column, names)} must hold numbers ({error}): correct "
                "it, or name it in categories."
            ) from error
    return np.concatenate(parts, axis=1, dtype="float64")


def widths(columns: int, categories: Categories) -> list[int]:
    """The number of columns that `encode` makes of each column."""
    return [len(categories[i]) + 1 if i in categories else 1 for i in range(columns)]


def _columns_of_text(frame) -> list[int]:
    types = list(frame.dtypes)
    columns = [i for i, kind in enumerate(types) if getattr(kind, "kind", "") == "O"]
    if not columns:
        return []
    table = np.asarray(frame, dtype=object)
    return [
        i
        for i in columns
        if str(types[i]) == "category"
        or (any(text(table[:, i])) and not any(map(_is_number, table[:, i])))
    ]


def _number(column: str | int, names: list[str], columns: int) -> int:
    if isinstance(column, str) and column in names:
        return names.index(column)
    if isinstance(column, (int, np.integer)) and 0 <= column < columns:
        return int(column)
    raise InputError(
        f"categories has {column!r}: give names of columns, or numbers from 0 to "
        f"{columns - 1}."
    )


def text(values: Iterable) -> list[str]:
    """Values of a category as text: 1.0 becomes '1', and a missing value ''."""
    words = [
        str(int(value))
        if isinstance(value, (bool, float)) and value == value // 1
        else str(value)
        for value in values
    ]
    return ["" if word in _MISSING else word for word in words]


def _name(column: int, names: Iterable | None) -> str | int:
    return dict(enumerate(() if names is None else names)).get(column, column)


def _is_number(value) -> bool:
    try:
        return float(value) == float(value)
    except (TypeError, ValueError):
        return False
