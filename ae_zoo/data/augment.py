"""Random transforms of training batches.

Each takes a batch `(n, height, width, channels)`, float32 in [0, 1], and a NumPy
generator, and returns a batch of the same shape and range.
"""

import numpy as np

LUMA = np.float32([0.299, 0.587, 0.114])  # of ITU-R BT.601, as Pillow has it


def binarize(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws each value from a Bernoulli distribution with that mean; any shape."""
    return (rng.random(x.shape, dtype="float32") < x).astype("float32")


def flip(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirrors each image from left to right with probability 1/2."""
    chosen = rng.random(len(x)) < 0.5
    return np.where(chosen[:, None, None, None], x[:, :, ::-1], x)


def grey(x: np.ndarray, rng: np.random.Generator, share: float) -> np.ndarray:
    """Replaces a share of the colour images by their brightness in all channels."""
    if x.shape[-1] == 1:
        return x
    chosen = rng.random((len(x), 1, 1, 1)) < share
    return np.where(chosen, x @ LUMA[:, None], x)


def turn(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rotates each square image by 0, 90, 180 or 270 degrees."""
    quarters = rng.integers(0, 4, len(x))
    return np.stack([np.rot90(one, k) for one, k in zip(x, quarters, strict=True)])


def shift(x: np.ndarray, rng: np.random.Generator, pixels: int) -> np.ndarray:
    """Shifts each image in both directions; its edge pixels fill the gap.

    Args:
        x: the batch.
        rng: the generator.
        pixels: the largest shift.
    """
    height, width = x.shape[1:3]
    frame = ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0))
    padded = np.pad(x, frame, mode="edge")
    down, right = rng.integers(0, 2 * pixels + 1, (2, len(x), 1, 1))
    rows = down + np.arange(height)[None, :, None]
    columns = right + np.arange(width)[None, None, :]
    return padded[np.arange(len(x))[:, None, None], rows, columns]
