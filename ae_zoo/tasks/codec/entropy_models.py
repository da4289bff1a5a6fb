"""Entropy models: the codes in `.aez` files and their probability tables.

An entropy model converts the latent values of one picture, `(rows, columns, channels)`,
to codes of integers and back. Codes are written in order, so that the tables of a code
may depend on earlier codes. All computations are in NumPy, because machines must agree
on the tables to the last bit.
"""

from collections.abc import Iterator

import numpy as np

from ae_zoo.tasks.codec.range_coder import Tables


class FactorizedEntropyModel:
    """One code, the rounded latent values, with a table for each channel.

    Args:
        tables: tables of each quality, lowest first.
    """

    def __init__(self, tables: list[Tables]):
        self._tables = tables

    def quantise(self, latents: np.ndarray, quality: int) -> list[np.ndarray]:
        """Rounds latent values to codes, int32."""
        return [np.rint(latents).astype("int32")]

    def restore(self, codes: list[np.ndarray], quality: int) -> np.ndarray:
        """Converts codes to the latent values that the decoder takes, float32."""
        return codes[0].astype("float32")

    def shapes(self, rows: int, columns: int) -> list[tuple[int, int, int]]:
        """Shapes of the codes for latent values of `rows` and `columns`."""
        return [(rows, columns, len(self._tables[0].lows))]

    def tables(
        self, known: list[np.ndarray], quality: int, shape: tuple[int, int, int]
    ) -> tuple[Tables, np.ndarray]:
        """Tables, and the table number of each value of the code after the `known`."""
        which = np.arange(shape[-1], dtype="int32")
        return self._tables[quality], np.broadcast_to(which, shape)


class HyperpriorEntropyModel:
    """A side code, by a factorised model, and a code whose tables depend on it.

    A network computes the mean and the level of each latent value from the side code.
    The difference from the mean is rounded; the level is the number of its table. The
    network's weights and activations are rounded to multiples of 2^-12 and bounded, so
    that float64 adds them exactly in any order, and every machine gets the same result.

    Args:
        side: entropy model of the side code.
        tables: tables of a latent value, one for each level.
        analyse: network from latent values, `(1, rows, columns, channels)`, rows and
            columns multiples of 4, to the side code before rounding.
        layers: kernels `(k, k, in, out)` and biases of the network from the side code.
            Before each of the first two, rows and columns are doubled; after each
            follows a rectifier. The last outputs means, then levels.
        levels: level for an output of 0, and change of level for an output of 1.
    """

    SIDE = 4  # rows (columns) of the code for one row (column) of the side code
    BAND = 16  # rows of the side code to compute at once
    LARGEST = 2.0**10  # largest activation

    def __init__(self, side, tables, analyse, layers, levels):
        self._side, self._tables = side, tables
        self._analyse = analyse
        self._layers = [[weight.astype("float64") for weight in w] for w in layers]
        self._levels = levels

    def quantise(self, latents: np.ndarray, quality: int) -> list[np.ndarray]:
        """Rounds latent values to the side code and the code, int32."""
        ends = [(0, -size % self.SIDE) for size in latents.shape[:2]]
        padded = np.pad(latents, (*ends, (0, 0)), mode="edge")
        side = self._side.quantise(self._analyse(padded[None])[0], quality)
        code = np.empty(latents.shape, "int32")
        for rows, means, _ in self._expect(side[0], latents.shape):
            code[rows] = np.rint(latents[rows] - means)
        return [*side, code]

    def restore(self, codes: list[np.ndarray], quality: int) -> np.ndarray:
        """Converts codes to the latent values that the decoder takes, float32."""
        side, code = codes
        latents = np.empty(code.shape, "float32")
        for rows, means, _ in self._expect(side, code.shape):
            latents[rows] = code[rows] + means
        return latents

    def shapes(self, rows: int, columns: int) -> list[tuple[int, int, int]]:
        """Shapes of the codes for latent values of `rows` and `columns`."""
        channels = self._layers[-1][1].size // 2
        small = (-(-size // self.SIDE) for size in (rows, columns))
        return [*self._side.shapes(*small), (rows, columns, channels)]

    def tables(
        self, known: list[np.ndarray], quality: int, shape: tuple[int, int, int]
    ) -> tuple[Tables, np.ndarray]:
        """Tables, and the table number of each value of the code after the `known`."""
        if not known:
            return self._side.tables(known, quality, shape)
        which = np.empty(shape, "int32")
        for rows, _, levels in self._expect(known[0], shape):
            which[rows] = levels
        return self._tables, which

    def _expect(self, side, shape) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Yields rows of the code, with the means and levels of their latent values."""
        start, step = self._levels
        for first in range(0, len(side), self.BAND):
            # The receptive field is one more row on each side.
            above = min(first, 1)
            told = self._network(side[first - above : first + self.BAND + 1])
            rows = slice(self.SIDE * first, self.SIDE * (first + self.BAND))
            begin, count = self.SIDE * above, len(range(shape[0])[rows])
            told = told[begin : begin + count, : shape[1]]
            levels = start + step * told[..., shape[2] :]
            levels = np.rint(np.clip(levels, 0, len(self._tables.lows) - 1))
            yield rows, told[..., : shape[2]].astype("float32"), levels

    def _network(self, side: np.ndarray) -> np.ndarray:
        """Output of the network for some rows, of four times their height and width."""
        x = side.clip(-self.LARGEST, self.LARGEST).astype("float64")
        for kernel, bias in self._layers[:-1]:
            x = x.repeat(2, axis=0).repeat(2, axis=1)
            x = np.clip(_convolve(x, kernel) + bias, 0, self.LARGEST)
            x = np.rint(x * 2.0**12) / 2.0**12
        kernel, bias = self._layers[-1]
        return x @ kernel[0, 0] + bias


def _convolve(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolves `(h, w, in)` with `(k, k, in, out)`, padded with zeros."""
    size, height, width = len(kernel), *x.shape[:2]
    margin = size // 2
    x = np.pad(x, ((margin, margin), (margin, margin), (0, 0)))
    return sum(
        x[i : i + height, j : j + width] @ kernel[i, j]
        for i in range(size)
        for j in range(size)
    )
