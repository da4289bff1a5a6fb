"""Estimation of the noise level by principal components of flat patches.

Liu, Tanaka and Okutomi, 2013, doi:10.1109/TIP.2013.2283400: a patch without texture
varies by noise alone, equally in every direction, so the smallest eigenvalue of the
covariance of such patches is the variance of the noise. The choice of flat patches
depends on the noise level, so the two are estimated in turn.
"""

import numpy as np
from scipy.ndimage import uniform_filter
from scipy.stats import gamma

PATCH = 7  # side, in pixels
ROUNDS = 5
# Probability with which noise alone exceeds the texture of a flat patch.
RARE = 1e-6
SETTLED = 0.002  # relative change below which the iteration ends
# Number and side of the windows, evenly spaced, that are used for larger pictures.
WINDOWS, SIDE = 16, 256


def estimate_noise(pixels: np.ndarray) -> float:
    """Standard deviation of the white Gaussian noise in a picture.

    Args:
        pixels: `(height, width, channels)`, float32.

    Returns:
        The mean over the channels, in the units of `pixels`; 0 if the picture has too
        few pixels for an estimate.
    """
    channels = range(pixels.shape[-1])
    return float(np.mean([_estimate(_windows(pixels[..., c])) for c in channels]))


def _windows(channel: np.ndarray) -> list[np.ndarray]:
    height, width = channel.shape
    if channel.size <= WINDOWS * SIDE**2:
        return [channel]
    # As many rows as columns of windows, or fewer if a side is short.
    rows, columns = (
        np.linspace(0, max(n - SIDE, 0), round(WINDOWS**0.5)).astype(int)
        for n in (height, width)
    )
    return [channel[y : y + SIDE, x : x + SIDE] for y in rows for x in columns]


def _estimate(windows: list[np.ndarray]) -> float:
    if any(min(window.shape) < PATCH for window in windows):
        return 0.0
    patches = np.concatenate([_patches(window) for window in windows])
    texture = np.concatenate([_texture(window) for window in windows])
    # Expected sum of squared differences of pure noise of variance 1.
    expected = 4 * PATCH * (PATCH - 1)
    shape = PATCH**2 / 2
    quantile = gamma.isf(RARE, shape, scale=expected / shape)
    sigma = _smallest_deviation(patches)
    for _ in range(ROUNDS):
        flat = patches[texture <= quantile * sigma**2]
        if len(flat) < 4 * PATCH**2:
            break
        before, sigma = sigma, _smallest_deviation(flat)
        if abs(sigma - before) < SETTLED * before:
            break
    return sigma


def _patches(window: np.ndarray) -> np.ndarray:
    """Every patch as a row, `(n, PATCH²)`."""
    views = np.lib.stride_tricks.sliding_window_view(window, (PATCH, PATCH))
    return views.reshape(-1, PATCH**2)


def _texture(window: np.ndarray) -> np.ndarray:
    """Sum of the squared differences of neighbours in every patch, `(n,)`."""
    total = 0.0
    for axis in (0, 1):
        squares = np.square(np.diff(window, axis=axis))
        sides = [PATCH, PATCH]
        sides[axis] -= 1
        sums = uniform_filter(squares, sides, mode="constant") * np.prod(sides)
        starts = [side // 2 for side in sides]
        shape = [n - PATCH + 1 for n in window.shape]
        total = (
            total
            + sums[starts[0] : starts[0] + shape[0], starts[1] : starts[1] + shape[1]]
        )
    return total.ravel()


def _smallest_deviation(patches: np.ndarray) -> float:
    centred = patches - patches.mean(axis=0)
    variances = np.linalg.eigvalsh(centred.T @ centred / (len(patches) - 1))
    return float(np.sqrt(max(variances[0], 0.0)))
