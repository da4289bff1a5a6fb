"""Columns of text in tables: found, and written as columns of 0 and 1."""

from collections.abc import Iterable, Sequence

import numpy as np

from ae_zoo.errors import InputError

UNKNOWN = 10  # what tells a value that was not there in training, in place of 1
_MOST = 1000  # different values of a column
_MISSING = ("", "nan", "NaN", "None", "<NA>")  # all of them one value, ''

Categories = dict[int, list[str]]  # of a column by its number from 0: its values


def find(X, chosen: Sequence[str | int] | None, names=None) -> Categories:
    """The columns of text and the values of each in training, sorted.

    Args:
        X: a table, an array or a data frame.
        chosen: names or numbers from 0; None for a data frame's columns of the type
            'category', and those of text without any number.
        names: of the columns, by default a data frame's.

    Raises:
        InputError: there is no such column, or it has too many values.
    """
    if not chosen and not hasattr(X, "columns"):
        return {}
    if np.ndim(X) != 2:
        return {}  # which fit refuses
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
    """The table with a column for each value of a category, and one for all others.

    Args:
        X: `(n, columns)`.
        categories: what `find` found.
        names: of the columns, for messages.

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
                f"Column {_name(column, names)} is one of numbers ({error}): correct "
                "it, or name it in categories."
            ) from error
    return np.concatenate(parts, axis=1, dtype="float64")


def widths(columns: int, categories: Categories) -> list[int]:
    """How many columns `encode` makes of each."""
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
    """Values of a category as text: 1.0 is '1', and what is missing ''."""
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
