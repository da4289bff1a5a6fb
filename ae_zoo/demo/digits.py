"""scikit-learn's handwritten digits, made to look like MNIST's."""

import numpy as np
from scipy import ndimage
from skimage.transform import resize

SIDE = 28  # of MNIST's images
HEIGHT = 20  # of MNIST's digits
# Ink levels that become 0 and 1, which sharpens strokes after enlarging. Of the levels
# tried, nearest neighbours among MNIST's digits recognise these best.
INK = (0.4, 0.7)


def load_digits() -> tuple[np.ndarray, np.ndarray]:
    """Loads the 1,797 digits of the UCI test set, by other writers than MNIST's.

    Returns:
        Images `(1797, 28, 28, 1)`, float32 in [0, 1], and labels `(1797,)`.
    """
    from sklearn.datasets import load_digits as load_small

    small = load_small()
    images = np.stack([_like_mnist(image / 16) for image in small.images])
    return images[..., None], small.target


def _like_mnist(small: np.ndarray) -> np.ndarray:
    """Enlarges and sharpens an 8 x 8 digit in [0, 1], centred by mass in 28 x 28."""
    low, high = INK
    large = resize(small, (HEIGHT, HEIGHT), order=3)
    image = np.pad(np.clip((large - low) / (high - low), 0, 1), (SIDE - HEIGHT) // 2)
    offset = (SIDE - 1) / 2 - np.array(ndimage.center_of_mass(image))
    return np.clip(ndimage.shift(image, offset, order=1), 0, 1).astype("float32")
