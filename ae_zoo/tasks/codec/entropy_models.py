"""Entropy models: the codes in `.aez` files and their probability tables.

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
    """

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
        self, known: list[np.ndarray], shape: tuple[int, int, int]
    ) -> Iterator[np.ndarray]:
        """What to expect of the code of this shape that comes after the `known`.

        Yields:
            Bands of rows from top to bottom, `(some, columns, channels)` of `EXPECTED`.
        """
        expected = np.zeros(shape[-1], EXPECTED)
        expected["table"] = np.arange(shape[-1])
        yield np.broadcast_to(expected, shape)


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
    WINDOW = 16, 32  # rows and columns of the side code to compute at once
    MOST_VALUES = 2**22  # of a band, unless a row of the side code has more
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
        code, done = np.empty(latents.shape, "int32"), 0
        for band in self.expect(side, latents.shape):
            rows = slice(done, done + len(band))
            code[rows] = np.rint(latents[rows] - band["mean"])
            done = rows.stop
        return [*side, code]

    def shapes(self, rows: int, columns: int) -> list[tuple[int, int, int]]:
        """Shapes of the codes for latent values of `rows` and `columns`."""
        channels = self._layers[-1][1].size // 2
        small = (-(-size // self.SIDE) for size in (rows, columns))
        return [*self._side.shapes(*small), (rows, columns, channels)]

    def tables(self, number: int, quality: int) -> Tables:
        """Tables of a code, given by its number from 0."""
        return self._tables if number else self._side.tables(number, quality)

    def expect(
        self, known: list[np.ndarray], shape: tuple[int, int, int]
    ) -> Iterator[np.ndarray]:
        """What to expect of the code of this shape that comes after the `known`.

        Yields:
            Bands of rows from top to bottom, `(some, columns, channels)` of `EXPECTED`.
        """
        if not known:
            yield from self._side.expect(known, shape)
            return
        side, (height, width, channels) = known[0], shape
        row = self.SIDE * width * channels
        step = max(1, min(self.WINDOW[0], self.MOST_VALUES // row))
        for top in range(0, len(side), step):
            rows = slice(top, min(top + step, len(side)))
            last = min(self.SIDE * rows.stop, height)
            band = np.empty((last - self.SIDE * top, width, channels), EXPECTED)
            for left in range(0, side.shape[1], self.WINDOW[1]):
                columns = slice(left, min(left + self.WINDOW[1], side.shape[1]))
                part = band[:, self.SIDE * left : self.SIDE * columns.stop]
                outputs = self._network(side, rows, columns)
                outputs = outputs[: len(part), : part.shape[1]]
                part["mean"], part["table"] = self._split(outputs, channels)
            yield band

    def _split(
        self, outputs: np.ndarray, channels: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Means and levels from the network's output."""
        start, step = self._levels
        levels = np.clip(
            start + step * outputs[..., channels:], 0, len(self._tables.lows) - 1
        )
        return outputs[..., :channels], np.rint(levels, out=levels)

    def _network(self, side: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
        """Output of the network for a window, of four times its height and width."""
        # The receptive field is one more row and column on each side.
        parts = (rows, columns)
        first = [max(0, part.start - 1) for part in parts]
        x = side[first[0] : rows.stop + 1, first[1] : columns.stop + 1]
        x = x.clip(-self.LARGEST, self.LARGEST).astype("float64")
        for kernel, bias in self._layers[:-1]:
            x = x.repeat(2, axis=0).repeat(2, axis=1)
            x = np.clip(_convolve(x, kernel) + bias, 0, self.LARGEST)
            x = np.rint(x * 2.0**12) / 2.0**12
        inner = tuple(
            slice(self.SIDE * (part.start - begin), self.SIDE * (part.stop - begin))
            for part, begin in zip(parts, first, strict=True)
        )
        kernel, bias = self._layers[-1]
        return x[inner] @ kernel[0, 0] + bias


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
