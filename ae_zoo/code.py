"""Shape and kind of a code, and its tensors in a model's graph.

NumPy is imported by the methods that compute, so that `ae-zoo list` can describe codes
without it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ae_zoo.errors import InputError

if TYPE_CHECKING:
    import numpy as np

KINDS = {1: "vector", 2: "tokens"}  # by axes of an example; with more it is a grid
SMALLEST_SINE = 1e-6  # of an angle between codes that determines an arc


@dataclass(frozen=True)
class Code:
    """The shape and kind of a code.

    A code is one array, or for a pyramid a list of arrays, each `(n, *shape)`.

    Attributes:
        shapes: shape of each array without the batch; None along axes of any size.
        kind: 'vector' `(d,)`, 'tokens' `(length, d)`, 'grid' `(height, width, d)` or
            more axes, or 'pyramid', several arrays.
        levels: number of possible indices of a discrete code; None for a continuous
            code.

    Example:

        Code(((7, 7, 4),), "grid", levels=1000)
    """

    shapes: tuple[tuple[int | None, ...], ...]
    kind: str
    levels: int | None = None

    @classmethod
    def of(cls, z, levels: int | None = None) -> "Code":
        """Shape and kind of the code `z`, a tensor or array, or a list of them."""
        shapes = tuple(tuple(part.shape[1:]) for part in parts_of(z))
        kind = "pyramid" if len(shapes) > 1 else KINDS.get(len(shapes[0]), "grid")
        return cls(shapes, kind, levels)

    @property
    def size(self) -> int | None:
        """Number of values of an example's code; None if it depends on the input."""
        if any(side is None for shape in self.shapes for side in shape):
            return None
        return sum(math.prod(shape) for shape in self.shapes)

    def flatten(self, z) -> "np.ndarray":
        """All values of each example in a row, `(n, size)`."""
        import numpy as np

        return np.concatenate([x.reshape(len(x), -1) for x in self.check(z)], axis=1)

    def unflatten(self, rows: "np.ndarray"):
        """The code with the values in `rows`, the inverse of `flatten`.

        Raises:
            InputError: the rows have another length, or the code has no fixed size.
        """
        import numpy as np

        if self.size is None or rows.shape[1:] != (self.size,):
            raise InputError(
                f"The code has {self.size} values an example but received "
                f"{rows.shape}: pass rows that flatten returned."
            )
        ends = np.cumsum([math.prod(shape) for shape in self.shapes])[:-1]
        split = np.split(rows, ends, axis=1)
        z = [x.reshape(-1, *s) for x, s in zip(split, self.shapes, strict=True)]
        return z if self.kind == "pyramid" else z[0]

    def mean(self, z) -> "np.ndarray":
        """The mean over the positions of each channel, `(n, channels)`.

        A vector has one position. The channels of a pyramid's arrays are concatenated.
        """
        import numpy as np

        means = [
            x.mean(axis=tuple(range(1, x.ndim - 1))) if x.ndim > 2 else x
            for x in self.check(z)
        ]
        return np.concatenate(means, axis=1)

    def lerp(self, z, steps: int):
        """Codes on a straight line from the first example of `z` to the second.

        Args:
            z: the codes of two examples.
            steps: number of codes, both ends included.

        Returns:
            A code of `steps` examples.
        """
        return self._mix(z, steps, lambda x, t: (1 - t, t))

    def slerp(self, z, steps: int):
        """Codes on an arc around 0 from the first example of `z` to the second.

        The angle grows evenly, and the length changes as the ends' do, so that codes
        between two typical Gaussian ones have a typical length. Each array of a pyramid
        has its own arc; between codes of one direction, or of opposite ones, it is a
        straight line. Arguments and result are those of `lerp`.

        Reference: White, 2016, arXiv:1609.04468.
        """
        import numpy as np

        def shares(x, t):
            first, second = x.reshape(2, -1).astype("float64")
            length = np.linalg.norm(first) * np.linalg.norm(second)
            cosine = np.clip(first @ second / length, -1, 1) if length else 1.0
            angle = np.arccos(cosine)
            if np.sin(angle) < SMALLEST_SINE:
                return 1 - t, t
            return [np.sin(share * angle) / np.sin(angle) for share in (1 - t, t)]

        return self._mix(z, steps, shares)

    def _mix(self, z, steps: int, shares):
        """Sums of two examples, each with its share at steps from 0 to 1."""
        import numpy as np

        path = []
        for x in self.check(z):
            t = np.linspace(0.0, 1.0, steps, dtype=x.dtype)
            t = t.reshape(-1, *[1] * (x.ndim - 1))
            first, second = shares(x, t)
            path.append((first * x[0] + second * x[1]).astype(x.dtype))
        return path if self.kind == "pyramid" else path[0]

    def traverse(self, z, dims: Sequence[int], values: "np.ndarray", replace: bool):
        """Copies of a code of one array, each with one channel changed.

        Args:
            z: the code of one example.
            dims: numbers of the channels.
            values: the values of each channel in turn, `(steps,)`.
            replace: whether they replace the channel's, or are added to them; at all
                positions alike.

        Returns:
            A code of `len(dims) * steps` examples, those of the first channel first.
        """
        import numpy as np

        (x,) = self.check(z)
        copies = np.repeat(x, len(dims) * len(values), axis=0)
        rows = copies.reshape(len(dims), len(values), *x.shape[1:])
        change = np.reshape(values, (-1, *[1] * (x.ndim - 2)))
        for row, dim in zip(rows, dims, strict=True):
            row[..., dim] = change + (0 if replace else row[..., dim])
        return copies

    def check(self, z) -> "list[np.ndarray]":
        """The arrays of `z`, tensors converted.

        Raises:
            InputError: they are no code of this shape.
        """
        from keras import ops

        arrays = [ops.convert_to_numpy(part) for part in parts_of(z)]
        fits = len(arrays) == len(self.shapes) and all(
            x.ndim == len(shape) + 1
            and all(b in (None, a) for a, b in zip(x.shape[1:], shape, strict=True))
            for x, shape in zip(arrays, self.shapes, strict=True)
        )
        if not fits:
            raise InputError(
                f"The code is a {self.kind} of shape {self._words()}, but received "
                f"{', '.join(str(x.shape) for x in arrays)}."
            )
        return arrays

    def describe(self) -> str:
        """Describes the shape, such as '7 x 7 x 4' or 'pyramid of 3'."""
        if self.kind == "pyramid":
            return f"pyramid of {len(self.shapes)}"
        return " x ".join("any" if d is None else str(d) for d in self.shapes[0])

    def _words(self) -> str:
        shapes = [("n", *("any" if d is None else d for d in s)) for s in self.shapes]
        return ", ".join(f"({', '.join(map(str, shape))})" for shape in shapes)


def parts_of(z) -> list:
    """The arrays or tensors of a code as a list."""
    return list(z) if isinstance(z, (list, tuple)) else [z]


# Ways to reduce the code of each example to a row.
POOLS = {"flatten": Code.flatten, "mean": Code.mean}


@dataclass(frozen=True)
class Views:
    """Symbolic Keras tensors of a model's graph.

    Attributes:
        code: the deterministic code, a tensor or a list of tensors.
        indices: the integers of a discrete code; None for a continuous one.
        posterior: mean and log variance of q(z|x), each of the code's shape; None if
            the code has no distribution.
        inner: inner layers that are useful as features, by name.
    """

    code: Any
    indices: Any = None
    posterior: Sequence | None = None
    inner: dict[str, Any] = field(default_factory=dict)
