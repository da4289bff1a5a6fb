"""Arrays that are computed from top to bottom, a few rows at a time."""

from collections.abc import Iterable

import numpy as np


class Bands:
    """An array of which only the rows that were last asked for are in memory.

    It is read by slices of rows and columns. A slice of rows begins no higher than the
    slice before it, since the rows above are dropped, and no lower than its end.

    Args:
        shape: `(rows, columns, channels)`.
        blocks: the rows in order, arrays `(some, columns, channels)` of any heights,
            taken when they are needed.
    """

    def __init__(self, shape: tuple[int, int, int], blocks: Iterable[np.ndarray]):
        self.shape = shape
        self._blocks = iter(blocks)
        self._first, self._kept = 0, ()  # number of the first row that is kept

    def __getitem__(self, part: tuple[slice, slice]) -> np.ndarray:
        rows, columns = part
        kept = self._kept[rows.start - self._first :]
        parts, count = [kept] if len(kept) else [], len(kept)
        while count < rows.stop - rows.start:
            parts.append(next(self._blocks))
            count += len(parts[-1])
        self._kept = parts[0] if len(parts) == 1 else np.concatenate(parts)
        self._first = rows.start
        return self._kept[: rows.stop - rows.start, columns]
