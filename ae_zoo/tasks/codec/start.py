"""The linear transform that a codec starts from: optimal for blocks of a plain model.

A network that starts at random takes most of its training to become nearly invertible.
Here its strided convolutions start as the Karhunen-Loève transform, in stages, of a
random field that resembles photographs. It needs no data.
"""

import functools

import numpy as np

NEAR = 0.95  # correlation of neighbouring pixels; exponential in their distance
COLOURS = 0.9  # correlation of two colours of a pixel
SPREAD = 0.25  # standard deviation of pixels in [0, 1]


@functools.lru_cache(maxsize=8)
def transforms(
    channels: int, widths: tuple[int, ...]
) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Orthonormal transforms of 2 x 2 positions, each of the last one's outputs.

    Args:
        channels: channels of the picture.
        widths: most outputs of each transform; there are no more than inputs.

    Returns:
        For each width a matrix `(2, 2, inputs, outputs)`, outputs of most variance
        first; and standard deviations of the last outputs for pixels in [0, 1].
    """
    basis, found = np.eye(channels).reshape(1, 1, channels, channels), []
    for width in widths:
        side, inputs = len(basis), basis.shape[-1]
        wide = np.zeros((2, side, 2, side, channels, 2, 2, inputs))
        for i, j in np.ndindex(2, 2):
            wide[i, :, j, :, :, i, j] = basis
        wide = wide.reshape(4 * side**2, channels, 4 * inputs)
        seen = np.tensordot(_distances(2 * side), wide, 1)
        # The covariance of pixels is the product of those of places and of colours.
        seen = (1 - COLOURS) * seen + COLOURS * seen.sum(axis=1, keepdims=True)
        covariance = np.tensordot(wide, seen, ([0, 1], [0, 1]))
        variances, vectors = np.linalg.eigh(covariance)
        vectors = vectors[:, ::-1][:, :width]
        found.append(vectors.reshape(2, 2, inputs, -1))
        basis = (wide @ vectors).reshape(2 * side, 2 * side, channels, -1)
    return tuple(found), SPREAD * np.sqrt(variances[::-1][:width])


def begin(
    kernel: np.ndarray, transform: np.ndarray, transposed: bool = False
) -> np.ndarray:
    """The kernel of a strided convolution, changed to a transform or its inverse.

    Channels that the transform lacks stay functions of the others, and have no effect
    on them.

    Args:
        kernel: `(k, k, at least inputs, at least outputs)`, k 4 or 5.
        transform: `(2, 2, inputs, outputs)`.
        transposed: whether the convolution is transposed, for the inverse.
    """
    inputs, outputs = transform.shape[2:]
    kernel = kernel.copy()
    if transposed:
        kernel[:, :, :inputs] = 0
    else:
        kernel[..., :outputs] = 0
    kernel[1:3, 1:3, :inputs, :outputs] = transform
    return kernel


def _distances(side: int) -> np.ndarray:
    """Correlation of each two places of a square."""
    places = np.stack(np.meshgrid(*[np.arange(side)] * 2, indexing="ij"), -1)
    places = places.reshape(-1, 2)
    return NEAR ** np.linalg.norm(places[:, None] - places[None], axis=-1)
