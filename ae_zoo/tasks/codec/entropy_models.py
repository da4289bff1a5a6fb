"""Entropy models: the codes in `.aez` files and their probability tables.

Here the simple one; that of `hyperprior_ae` is in `hyperprior_model.py`.

An entropy model converts the latent values of one picture, `(rows, columns, channels)`,
to codes of integers, and says what to expect of each integer. Codes are written in
order, so that the tables of a code may depend on earlier codes. All computations are in
NumPy, because machines must agree on the tables to the last bit.
"""

from collections.abc import Iterator

import numpy as np

from ae_zoo.tasks.codec.range_coder import Tables

# Of a value of a code: the number of its table, and what to add to it for the decoder.
EXPECTED = np.dtype([("table", "int32"), ("mean", "float32")])


class FactorizedEntropyModel:
    """One code, the rounded latent values, with a table for each channel.

    Args:
        tables: tables of each quality, lowest first.

    Attributes:
        steps: number of qualities from one whole number to the next.
    """

    steps = 1

    def __init__(self, tables: list[Tables]):
        self._tables = tables

    def quantise(self, latents: np.ndarray, quality: int) -> list[np.ndarray]:
        """Rounds latent values to codes, int32."""
        return [np.rint(latents).astype("int32")]

    def shapes(self, rows: int, columns: int) -> list[tuple[int, int, int]]:
        """Shapes of the codes for latent values of `rows` and `columns`."""
        return [(rows, columns, len(self._tables[0].lows))]

    def tables(self, number: int, quality: int) -> Tables:
        """Tables of a code, given by its number from 0."""
        return self._tables[quality]

    def expect(
        self, known: list[np.ndarray], shape: tuple[int, int, int], quality: int
    ) -> Iterator[np.ndarray]:
        """What to expect of the code of this shape that comes after the `known`.

        Yields:
            Bands of rows from top to bottom, `(some, columns, channels)` of `EXPECTED`.
        """
        expected = np.zeros(shape[-1], EXPECTED)
        expected["table"] = np.arange(shape[-1])
        yield np.broadcast_to(expected, shape)

    def restore(self, values: np.ndarray, expected: np.ndarray, top: int) -> np.ndarray:
        """Latent values for the decoder, float32, from rows of the last code.

        Args:
            values: integers of the rows.
            expected: what was to expect of them.
            top: number of the first row.
        """
        return values.astype("float32")
