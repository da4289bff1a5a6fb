"""Table files with named columns and times: CSV, Parquet and NumPy arrays."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ae_zoo._files import check_regular
from ae_zoo.data.arrays import ARRAY_SUFFIXES, read_array
from ae_zoo.data.categories import text as text_of
from ae_zoo.errors import InputError

SUFFIXES = (".csv", ".parquet", *ARRAY_SUFFIXES)
TIME_NAMES = ("time", "timestamp", "datetime", "date")
_DELIMITERS = ",;\t|"
_MISSING = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "?"]


@dataclass(frozen=True)
class Frame:
    """A table of numbers and, on request, categories.

    Attributes:
        names: names of the columns.
        values: `(rows, columns)`, float64, NaN where a value is missing. With
            categories, an array of objects; missing categories are ''.
        times: the time of each row as text, or None.
        time_name: name of the column of times, or None.
    """

    names: list[str]
    values: np.ndarray
    times: list[str] | None = None
    time_name: str | None = None

    def __len__(self) -> int:
        return len(self.values)

    def select(self, names: Sequence[str]) -> "Frame":
        """The columns with the given names, in the given order.

        Raises:
            InputError: a column is missing.
        """
        if missing := [name for name in names if name not in self.names]:
            raise InputError(
                f"Column{'s' * (len(missing) > 1)} {', '.join(missing)} missing: the "
                f"detector was trained on {', '.join(names)}."
            )
        places = [self.names.index(name) for name in names]
        return Frame(list(names), self.values[:, places], self.times, self.time_name)


def read_frame(
    path: str | os.PathLike,
    ignore: Sequence[str] = (),
    categories: Sequence[str] = (),
) -> Frame:
    """Reads a table.

    In CSV the first line names the columns, unless it holds numbers only; the separator
    (comma, semicolon, tab or bar) is detected. One column may hold times: the first one
    of dates, or one named time, timestamp, datetime or date. True and false become 1
    and 0.

    Args:
        path: a `.csv`, `.parquet`, `.npy` or `.npz` file.
        ignore: names of columns to leave out.
        categories: names of columns to read as text; any other text is an error.

    Raises:
        InputError: the file is not such a table, lacks a column, has no rows or no
            columns of numbers, or holds text or infinite values; the message names the
            place.
    """
    path = Path(path)
    check_regular(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"Cannot read {path}: give one of {', '.join(SUFFIXES)}.")
    if suffix in ARRAY_SUFFIXES:
        frame = _from_array(path)
    else:
        table = _read_arrow(path, suffix)
        try:
            frame = _from_arrow(table, path, ignore, categories)
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is not UTF-8: save it in UTF-8.") from error
    if not len(frame):
        raise InputError(f"{path} has no rows.")
    infinite = np.isin(frame.values, [np.inf, -np.inf])
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise InputError(
            f"{path} has an infinite value in row {row + 1}, column "
            f"{frame.names[column]!r}: correct it or leave it empty."
        )
    return frame


def _from_array(path: Path) -> Frame:
    values, _ = read_array(path)
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.dtype.kind not in "fiub":
        raise InputError(
            f"{path} holds {values.dtype} of shape {values.shape}: give numbers, "
            "(rows, columns)."
        )
    names = [str(i) for i in range(1, values.shape[1] + 1)]
    return Frame(names, np.asarray(values, "float64"))


def _read_arrow(path: Path, suffix: str):
    import pyarrow as pa

    try:
        if suffix == ".parquet":
            from pyarrow import parquet

            return parquet.read_table(path)
        from pyarrow import csv as arrow_csv

        delimiter, names = _layout(path)
        return arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(column_names=names),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter),
            convert_options=arrow_csv.ConvertOptions(
                null_values=_MISSING, strings_can_be_null=True
            ),
        )
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a table: {error}") from error


def _layout(path: Path) -> tuple[str, list[str] | None]:
    """The separator of a CSV file, and column names if the file has none."""
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        first = file.readline().strip()
    if not first:
        raise InputError(f"{path} is empty: it has no rows.")
    try:
        delimiter = csv.Sniffer().sniff(first, _DELIMITERS).delimiter
    except csv.Error:
        delimiter = ","  # one column
    cells = first.split(delimiter)
    if not all(map(_reads_as_number, cells)):
        return delimiter, None
    return delimiter, [str(i) for i in range(1, len(cells) + 1)]


def _reads_as_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _from_arrow(
    table, path: Path, ignore: Sequence[str], categories: Sequence[str]
) -> Frame:
    import pyarrow as pa

    names = [name.lstrip("\ufeff") for name in table.column_names]
    if unknown := [name for name in ignore if name not in names]:
        raise InputError(f"{path} has no column {', '.join(unknown)} to leave out.")
    if unknown := [name for name in categories if name not in names]:
        raise InputError(f"{path} has no column {', '.join(unknown)} of categories.")
    numbers, kept, times, time_name = [], [], None, None
    for name, column in zip(names, table.columns, strict=True):
        if name in ignore:
            continue
        kind = column.type
        if name in categories:
            numbers.append(np.array(text_of(column.to_pylist()), object))
            kept.append(name)
            continue
        is_time = pa.types.is_temporal(kind) or name.lower() in TIME_NAMES
        if is_time and times is None:
            times = [str(value) for value in column.to_pylist()]
            time_name = name
        elif pa.types.is_boolean(kind) or pa.types.is_null(kind) or _is_number(kind):
            values = column.cast(pa.float64())
            numbers.append(values.to_numpy(zero_copy_only=False))
            kept.append(name)
        else:
            raise InputError(_text(path, name, column))
    if not numbers:
        raise InputError(f"{path} has no columns of numbers.")
    return Frame(kept, np.stack(numbers, axis=1), times, time_name)


def _is_number(kind) -> bool:
    import pyarrow as pa

    types = pa.types
    return types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)


def _text(path: Path, name: str, column) -> str:
    """The message for a column that holds text."""
    for row, value in enumerate(column.to_pylist(), 1):
        if value is not None and not _reads_as_number(str(value)):
            return (
                f"{path} has {str(value)[:40]!r} in row {row} of column {name!r}, "
                "which is not a number: correct it, or name the column in --categories "
                "or --ignore."
            )
    return f"Column {name!r} of {path} has no numbers: leave it out with --ignore."
