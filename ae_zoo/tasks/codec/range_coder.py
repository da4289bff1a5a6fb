"""Range coder: integers to as few bytes as their probabilities allow, and back.

A range coder spends about -log2(p) bits on a value of probability p. The probabilities
are tables that encoder and decoder share, one for each kind of value. `docs/aez.md`
specifies the bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from constriction import stream

from ae_zoo.errors import CodecError, InputError

SMALLEST = 2.0**-20
"""The smallest probability of a table, so that every value can be coded."""
MOST_COLUMNS = 4096
"""Limit by which the smallest probabilities sum to at most 0.4% of a table."""

INT32 = np.iinfo(np.int32)
LONGEST = 33  # bits of twice the distance of two int32
LENGTHS = np.float32(1) / np.float32([n * (n + 1) for n in range(1, LONGEST + 1)])
LENGTH = stream.model.Categorical(LENGTHS, perfect=False)
BIT = stream.model.Uniform(2)

DAMAGED = "The coded values are damaged: copy the file again."


@dataclass(frozen=True, eq=False)
class Tables:
    """The probabilities of consecutive integers, a table for each kind of value.

    Args:
        probabilities: `(tables, symbols + 1)`, float32, of the values `lows[t]` to
            `lows[t] + symbols - 1`, and last of the escape, which stands for all other
            values. None is below `SMALLEST`, and each row sums to 1.
        lows: lowest value of each table, `(tables,)`, int32.

    Raises:
        InputError: the arrays have another shape, dtype or range.
    """

    probabilities: np.ndarray
    lows: np.ndarray

    def __post_init__(self):
        p, lows = self.probabilities, self.lows
        if p.dtype != np.float32 or lows.dtype != np.int32:
            raise InputError(
                "Tables are float32 probabilities and int32 lows, not "
                f"{p.dtype} and {lows.dtype}: convert them."
            )
        if p.ndim != 2 or lows.shape != p.shape[:1] or not len(p):
            raise InputError(
                f"Probabilities of shape {p.shape} and lows of shape {lows.shape} are "
                "no tables: give (tables, symbols + 1) and (tables,)."
            )
        if not 2 <= p.shape[1] <= MOST_COLUMNS:
            raise InputError(
                f"Tables have 2 to {MOST_COLUMNS} columns, not {p.shape[1]}: leave "
                "rare values to the escape."
            )
        # The first comparison is false for NaN as well.
        if not (p >= SMALLEST).all() or (abs(p.sum(1, np.float64) - 1) > 1e-4).any():
            raise InputError(
                "Each row of the tables must sum to 1 with no probability below 2^-20: "
                "make them with Tables.from_probabilities."
            )
        if lows.max() > INT32.max - self.symbols + 1:
            raise InputError("Tables reach beyond int32: choose smaller lows.")

    @classmethod
    def from_probabilities(cls, probabilities: np.ndarray, lows: np.ndarray) -> Self:
        """Makes tables; the escape gets the difference of the sum of a row from 1.

        Args:
            probabilities: `(tables, symbols)`, floats, of the values from `lows[t]` on;
                each row sums to at most 1.
            lows: lowest value of each table, `(tables,)`, integers.

        Raises:
            InputError: the probabilities are invalid, or the tables too large.
        """
        p = np.asarray(probabilities, np.float64)
        lows = _int32(lows, "Lows")
        if p.ndim != 2 or not (p >= 0).all() or (p.sum(1) > 1.001).any():
            raise InputError(
                "Probabilities must be (tables, symbols), at least 0, and sum to at "
                "most 1 in each row: divide each row by its sum."
            )
        p = p / np.maximum(p.sum(1, keepdims=True), 1)
        p = np.hstack([p, np.maximum(1 - p.sum(1, keepdims=True), 0)])
        p = SMALLEST + (1 - SMALLEST * p.shape[1]) * p
        return cls(p.astype(np.float32), lows)

    @property
    def symbols(self) -> int:
        """Number of values of a table; also the index of the escape."""
        return self.probabilities.shape[1] - 1


def encode(values: np.ndarray, which: np.ndarray, tables: Tables) -> bytes:
    """Compresses integers.

    Args:
        values: `(n,)`, any int32. A value outside of its table costs more bits the
            farther away it is.
        which: `(n,)`, number of the table of each value.
        tables: tables, which the decoder must have too.

    Raises:
        InputError: the arrays do not fit each other or the tables.
    """
    values, which = _check(values, which, tables)
    order = np.argsort(which, kind="stable")
    symbols, escapes = _split(values[order], which[order], tables)
    coder = stream.queue.RangeEncoder()
    for model, part in _groups(which, tables):
        coder.encode(symbols[part], model)
    lengths = _lengths(escapes)
    coder.encode(lengths - 1, LENGTH)
    for bit in range(LONGEST - 1):
        bits = escapes[lengths > bit + 1] >> bit & 1
        coder.encode(bits.astype(np.int32), BIT)
    return coder.get_compressed().astype("<u4").tobytes()


def decode(data: bytes, which: np.ndarray, tables: Tables) -> np.ndarray:
    """Decompresses integers, `(len(which),)`, int32.

    `which` and `tables` must be those of `encode`.

    Raises:
        CodecError: no values encode to `data`. Damage is not always detected, since
            other values may encode to the damaged data.
        InputError: as `encode`.
    """
    which = _check_which(which, tables)
    if len(data) % 4:
        raise CodecError(DAMAGED)
    coder = stream.queue.RangeDecoder(np.frombuffer(data, "<u4").astype(np.uint32))
    symbols = np.empty(len(which), np.int32)
    try:
        for model, part in _groups(which, tables):
            symbols[part] = coder.decode(model, part.stop - part.start)
        escapes = _decode_escapes(coder, np.count_nonzero(symbols == tables.symbols))
    except AssertionError as error:  # constriction met a word that no encoder writes
        raise CodecError(DAMAGED) from error
    order = np.argsort(which, kind="stable")
    values = np.empty(len(which), np.int64)
    values[order] = _merge(symbols, escapes, tables.lows[which[order]], tables.symbols)
    beyond = (values < INT32.min) | (values > INT32.max)
    # The decoder reads zeros past the end: the values must encode to `data` again.
    if beyond.any() or encode(values, which, tables) != data:
        raise CodecError(DAMAGED)
    return values.astype(np.int32)


def information(values: np.ndarray, which: np.ndarray, tables: Tables) -> float:
    """Bits that `values` need, escapes included; arguments as for `encode`."""
    values, which = _check(values, which, tables)
    symbols, escapes = _split(values, which, tables)
    lengths = _lengths(escapes)
    bits = -np.log2(tables.probabilities[which, symbols]).sum(dtype=np.float64)
    p = LENGTHS / LENGTHS.sum()
    return float(bits + (lengths - 1 - np.log2(p[lengths - 1])).sum(dtype=np.float64))


def _groups(which: np.ndarray, tables: Tables) -> Iterator[tuple[Any, slice]]:
    """Yields the model of each table in use and the slice of its sorted values."""
    ends = np.cumsum(np.bincount(which, minlength=len(tables.lows)))
    start = 0
    for row, end in zip(tables.probabilities, ends.tolist(), strict=True):
        if end > start:
            model = stream.model.Categorical(np.ascontiguousarray(row), perfect=False)
            yield model, slice(start, end)
        start = end


def _split(values, which, tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    """The column of each value, and the number of each escape.

    Values above the table have the numbers 1, 3, 5, ..., those below it 2, 4, 6, ...,
    nearest first.
    """
    lows = tables.lows[which].astype(np.int64)
    symbols = values - lows
    outside = (symbols < 0) | (symbols >= tables.symbols)
    past = symbols[outside]
    escapes = np.where(past < 0, -2 * past, 1 + 2 * (past - tables.symbols))
    symbols[outside] = tables.symbols
    return symbols.astype(np.int32), escapes


def _merge(symbols, escapes, lows, escape: int) -> np.ndarray:
    """The inverse of `_split`, int64."""
    steps = escapes >> 1
    symbols = symbols.astype(np.int64)
    symbols[symbols == escape] = np.where(escapes & 1, escape + steps, -steps)
    return lows + symbols


def _decode_escapes(coder: stream.queue.RangeDecoder, count: int) -> np.ndarray:
    lengths = coder.decode(LENGTH, count) + 1
    escapes = np.int64(1) << (lengths - 1).astype(np.int64)
    for bit in range(LONGEST - 1):
        longer = lengths > bit + 1
        bits = coder.decode(BIT, np.count_nonzero(longer))
        escapes[longer] |= bits.astype(np.int64) << bit
    return escapes


def _lengths(numbers: np.ndarray) -> np.ndarray:
    """Number of binary digits of each number, int32."""
    return np.frexp(numbers.astype(np.float64))[1].astype(np.int32)


def _check(values, which, tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    values, which = _int32(values, "Values"), _check_which(which, tables)
    if values.shape != which.shape:
        raise InputError(
            f"{len(values)} values have {len(which)} tables: give one for each."
        )
    return values, which


def _check_which(which, tables: Tables) -> np.ndarray:
    which = _int32(which, "Tables of values")
    if len(which) and (which.min() < 0 or which.max() >= len(tables.lows)):
        raise InputError(
            f"Values have the tables 0 to {len(tables.lows) - 1}, but {which.min()} to "
            f"{which.max()} were asked for: give those of this weight."
        )
    return which


def _int32(numbers, name: str) -> np.ndarray:
    numbers = np.asarray(numbers)
    whole = numbers.dtype.kind in "iu" and numbers.ndim == 1
    if whole and numbers.dtype != np.int32 and len(numbers):
        whole = numbers.min() >= INT32.min and numbers.max() <= INT32.max
    if not whole:
        raise InputError(f"{name} must be (n,) integers of 32 bits: round and ravel().")
    return numbers.astype(np.int32, copy=False)
