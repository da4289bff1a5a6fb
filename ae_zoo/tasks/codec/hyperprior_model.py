"""The entropy model of `hyperprior_ae`: its `Prediction`, computed exactly."""

import operator
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ae_zoo.tasks.codec.entropy_models import EXPECTED, FactorizedEntropyModel
from ae_zoo.tasks.codec.range_coder import Tables

# Resolution and limit of the network's weights, and limit of its activations, which
# have the same resolution: sums of 2^16 products fit into the 53 bits of float64.
FINEST, LARGEST, LIMIT = 2.0**-12, 2.0**3, 2.0**10
SIDE = 4  # rows (columns) of the code for one row (column) of the side code
WINDOW = 64, 128  # rows and columns of the code to compute at once
MOST_VALUES = 2**21  # of a band, unless SIDE rows have more

# Of a value of the last code: also a value that was known before, at the same place.
EXPECTED_LAST = np.dtype([*EXPECTED.descr, ("early", "float32")])


@dataclass(frozen=True, eq=False)
class Networks:
    """Weights of a `Prediction`, float64, as `HyperpriorBottleneck.finish` leaves them.

    Args:
        synthesis, first, context, second: kernel `(k, k, in, out)` and bias of each
            convolution. A rectifier follows it, except at the end of `first` and
            `second`, which output means, then levels.
        factors, side_factors: factor of latent values and of the side code's values for
            each quality, `(qualities, channels)`.
        shifts: level for an output of 0, `(qualities, channels)`.
        step: change of level for an output of 1.
    """

    synthesis: list[tuple[np.ndarray, np.ndarray]]
    first: list[tuple[np.ndarray, np.ndarray]]
    context: list[tuple[np.ndarray, np.ndarray]]
    second: list[tuple[np.ndarray, np.ndarray]]
    factors: np.ndarray
    side_factors: np.ndarray
    shifts: np.ndarray
    step: float


class HyperpriorEntropyModel:
    """A side code, by a factorised model, and two codes whose tables depend on it.

    Of the latent values times their factors, the first of the two codes has those that
    `Prediction` knows first: half of the channels, the lower half where row and column
    add to an even number. The second has the others, and depends on the first. The
    difference from the mean is rounded; the level is the number of its table.

    Weights and activations of the networks are rounded to multiples of 2^-12 and
    bounded, so that float64 adds them exactly in any order, and every machine gets the
    same result.

    Qualities between whole ones have the side code of the nearest.

    Args:
        side: entropy model of the side code.
        tables: tables of a latent value, one for each level.
        analyse: function from latent values, `(1, rows, columns, channels)`, rows and
            columns multiples of 4, and the quality, to the side code before rounding.
        networks: the networks.
    """

    steps = 16

    def __init__(
        self, side: FactorizedEntropyModel, tables: Tables, analyse, networks: Networks
    ):
        self._side, self._tables = side, tables
        self._analyse, self._networks = analyse, networks
        # Writing small codes asks again for what rounding them has asked for.
        self._recent: dict[int, tuple] = {}

    def quantise(self, latents: np.ndarray, quality: float) -> list[np.ndarray]:
        """Rounds latent values, without factors, to the three codes, int32."""
        ends = [(0, -size % SIDE) for size in latents.shape[:2]]
        padded = np.pad(latents, (*ends, (0, 0)), mode="edge")
        whole = _nearest(quality)
        codes = self._side.quantise(self._analyse(padded[None], whole)[0], whole)
        factors = _between(self._networks.factors, quality)
        half = latents.shape[-1] // 2
        for part in (slice(half), slice(half, None)):
            code, top = np.empty((*latents.shape[:2], half), "int32"), 0
            for band in self.expect(codes, code.shape, quality):
                rows = slice(top, top + len(band))
                values = swap_halves(latents[rows] * factors, top)[..., part]
                code[rows] = np.rint(values - band["mean"])
                top = rows.stop
            codes = [*codes, code]
        return codes

    def shapes(self, rows: int, columns: int) -> list[tuple[int, int, int]]:
        """Shapes of the codes for latent values of `rows` and `columns`."""
        half = self._networks.factors.shape[-1] // 2
        small = (-(-size // SIDE) for size in (rows, columns))
        return [*self._side.shapes(*small), *2 * [(rows, columns, half)]]

    def tables(self, number: int, quality: float) -> Tables:
        """Tables of a code, given by its number from 0."""
        if number:
            return self._tables
        return self._side.tables(number, _nearest(quality))

    def expect(
        self, known: list[np.ndarray], shape: tuple[int, int, int], quality: float
    ) -> Iterator[np.ndarray]:
        """What to expect of the code of this shape that comes after the `known`.

        Yields:
            Bands of rows from top to bottom, `(some, columns, channels)` of `EXPECTED`.
        """
        if not known:
            yield from self._side.expect(known, shape, quality)
            return
        height, width, half = shape
        most = MOST_VALUES // (SIDE * width * half) * SIDE
        step = max(SIDE, min(WINDOW[0], most))
        if height > step:
            for top in range(0, height, step):
                rows = slice(top, min(top + step, height))
                yield self._expect(known, shape, quality, rows)
            return
        asked, before, band = self._recent.get(len(known), ((), None, None))
        same = len(asked) == len(known) and all(map(operator.is_, asked, known))
        if not same or before != quality:
            band = self._expect(known, shape, quality, slice(0, height))
            self._recent[len(known)] = known[:], quality, band
        yield band

    def _expect(self, known: list, shape: tuple, quality: float, rows: slice):
        """What to expect of rows of a code."""
        _, width, half = shape
        window = _Window(self._networks, known[0], quality, shape)
        kind = EXPECTED if len(known) == 1 else EXPECTED_LAST
        band = np.empty((rows.stop - rows.start, width, half), kind)
        for left in range(0, width, WINDOW[1]):
            columns = slice(left, min(left + WINDOW[1], width))
            part = band[:, columns]
            if len(known) == 1:
                window.expect_first(rows, columns, part)
            else:
                window.expect_second(rows, columns, known[1], part)
        band["table"] = band["table"].clip(0, len(self._tables.lows) - 1)
        band.flags.writeable = False
        return band

    def restore(self, values: np.ndarray, expected: np.ndarray, top: int) -> np.ndarray:
        """Latent values times factors, float32, from rows of the last code.

        Args:
            values: integers of the rows.
            expected: what was to expect of them.
            top: number of the first row.
        """
        late = values + expected["mean"]
        both = np.concatenate([expected["early"], late], axis=-1, dtype="float32")
        return swap_halves(both, top)


class _Window:
    """What to expect of values in a part of the code.

    Args:
        networks: as for `HyperpriorEntropyModel`.
        side: the side code.
        quality: quality of the codes.
        shape: rows, columns, and half of the channels of the latent values.
    """

    def __init__(self, networks: Networks, side: np.ndarray, quality: float, shape):
        self._networks = networks
        self._side, self._size, self._half = side, shape[:2], shape[2]
        self._factors = _between(networks.factors, quality)
        self._side_factors = networks.side_factors[_nearest(quality)]
        self._shifts = _between(networks.shifts, quality)

    def expect_first(self, rows: slice, columns: slice, out: np.ndarray) -> None:
        """Writes what to expect of the first code into `out`."""
        outputs = _compute(self._features(rows, columns), self._networks.first)
        self._write(outputs, rows.start + columns.start, slice(self._half), out)

    def expect_second(
        self, rows: slice, columns: slice, first: np.ndarray, out: np.ndarray
    ) -> None:
        """Writes what to expect of the second code, of which `first` is the first."""
        networks, half = self._networks, self._half
        parts = (rows, columns)
        # The context of a value reaches one position farther on each side.
        wide = tuple(
            slice(max(0, part.start - 1), min(part.stop + 1, size))
            for part, size in zip(parts, self._size, strict=True)
        )
        inner = tuple(
            slice(part.start - outer.start, part.stop - outer.start)
            for part, outer in zip(parts, wide, strict=True)
        )
        parity = wide[0].start + wide[1].start
        features = self._features(*wide)
        outputs = _compute(features, networks.first)
        means = swap_halves(outputs[..., : 2 * half] * self._factors, parity)[
            ..., :half
        ]
        latents = means.astype("float32") + first[wide].astype("float64")
        early = np.zeros((*latents.shape[:2], 2 * half))
        early[..., :half] = latents
        known = _round(swap_halves(early, parity) / self._factors, -LIMIT)
        context = known
        for layer in networks.context:
            context = _round(_convolve(context, layer), 0)
        x = np.concatenate([features[inner], context[inner]], axis=-1)
        outputs = outputs[inner] + _compute(x, networks.second)
        self._write(outputs, rows.start + columns.start, slice(half, None), out)
        out["early"] = latents[inner]

    def _write(self, outputs, parity: int, part: slice, out: np.ndarray) -> None:
        """Writes means and tables of one of the two codes, from a network's output."""
        means, levels = np.split(outputs, 2, axis=-1)
        levels = self._networks.step * levels + self._shifts
        out["mean"] = swap_halves(means * self._factors, parity)[..., part]
        out["table"] = swap_halves(np.rint(levels), parity)[..., part]

    def _features(self, rows: slice, columns: slice) -> np.ndarray:
        """Features of a part of the code, from the side code around it."""
        # Twice a convolution of 3 x 3 follows a doubling.
        first = [max(0, ((p.start - 1) // 2 - 1) // 2) for p in (rows, columns)]
        last = [(p.stop // 2 + 1) // 2 + 1 for p in (rows, columns)]
        x = self._side[first[0] : last[0], first[1] : last[1]]
        x = _round(x * self._side_factors, -LIMIT)
        for layer in self._networks.synthesis:
            x = x.repeat(2, axis=0).repeat(2, axis=1)
            x = _round(_convolve(x, layer), 0)
        inner = tuple(
            slice(part.start - SIDE * begin, part.stop - SIDE * begin)
            for part, begin in zip((rows, columns), first, strict=True)
        )
        return x[inner]


def _nearest(quality: float) -> int:
    """The nearest whole quality, halves upwards."""
    return int(quality + 0.5)


def _between(rows: np.ndarray, quality: float) -> np.ndarray:
    """The row of a quality; between whole ones it changes linearly."""
    low, part = int(quality), quality % 1
    high = min(low + 1, len(rows) - 1)
    return (1 - part) * rows[low] + part * rows[high]


def _compute(x: np.ndarray, layers: list) -> np.ndarray:
    """Output of layers of 1 x 1, with rectifiers between them."""
    *hidden, last = layers
    for layer in hidden:
        x = _round(_convolve(x, layer), 0)
    return _convolve(x, last)


def _round(x: np.ndarray, least: float) -> np.ndarray:
    """Activations from the least to the limit, as multiples of 2^-12."""
    x = np.clip(x, least, LIMIT, out=x)
    x /= FINEST
    return np.multiply(np.rint(x, out=x), FINEST, out=x)


def swap_halves(x: np.ndarray, parity: int) -> np.ndarray:
    """Swaps the halves of the channels where row + column + parity is odd, in place."""
    halves = x.reshape(*x.shape[:2], 2, -1)
    for row in (0, 1):
        odd = halves[row::2, 1 - (row + parity) % 2 :: 2]
        odd[:] = odd[:, :, ::-1].copy()
    return x


def _convolve(x: np.ndarray, layer: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Convolves `(h, w, in)` with a kernel, padded with zeros, and adds a bias."""
    kernel, bias = layer
    (height, width, _), size = x.shape, len(kernel)
    margin = size // 2
    padded = np.pad(x, ((margin, size), (margin, margin), (0, 0))) if margin else x
    # Rows lie one after the other, so that a tap is one product of large matrices.
    stride = width + 2 * margin
    flat = padded.reshape(-1, x.shape[2])
    out = flat[: height * stride] @ kernel[0, 0] + bias
    for tap in range(1, size**2):
        i, j = divmod(tap, size)
        first = i * stride + j
        out += flat[first : first + len(out)] @ kernel[i, j]
    return out.reshape(height, stride, -1)[:, :width]
