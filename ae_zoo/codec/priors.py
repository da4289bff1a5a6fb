"""What codes a family writes into `.aez` files, and by which probability tables.

A prior turns the latents of one picture, `(rows, columns, channels)`, into codes of
integers and back. Codes are written in order, so that the tables of one may depend on
those before it. All of this is NumPy: machines must agree on tables to the last bit.
"""

import numpy as np

from ae_zoo.codec.entropy import Tables


class FactorizedPrior:
    """One code, the rounded latents, with a table for each channel.

    Args:
        tables: of each quality, lowest first.
    """

    def __init__(self, tables: list[Tables]):
        self._tables = tables

    def quantise(self, latents: np.ndarray, quality: int) -> list[np.ndarray]:
        """The codes of latents, int32."""
        return [np.rint(latents).astype("int32")]

    def restore(self, codes: list[np.ndarray], quality: int) -> np.ndarray:
        """The latents that the decoder takes for codes, float32."""
        return codes[0].astype("float32")

    def shapes(self, rows: int, columns: int) -> list[tuple[int, int, int]]:
        """Of the codes of latents with so many rows and columns."""
        return [(rows, columns, len(self._tables[0].lows))]

    def tables(
        self, known: list[np.ndarray], quality: int, shape: tuple[int, int, int]
    ) -> tuple[Tables, np.ndarray]:
        """Tables, and which of them each value of the code after the `known` has."""
        which = np.arange(shape[-1], dtype="int32")
        return self._tables[quality], np.broadcast_to(which, shape)
