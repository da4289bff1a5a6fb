"""Videos of moving, bouncing digits, made from MNIST by a seeded generator."""

import numpy as np

from ae_zoo.datasets.tfds import Examples, prepare, read_images
from ae_zoo.errors import InputError

INPUT = {"channels": "grey"}
DIGITS = 2  # per video
VIDEOS = {"train": 20_000, "test": 2_000}
_SEEDS = {"train": 1, "test": 2}


def load(name: str, split: str, data_dir, shape: tuple[int, ...]) -> Examples:
    """Videos of two digits from the same split of MNIST, without labels.

    After Srivastava et al., 2015, arXiv:1502.04681, at half the size.

    Args:
        name: 'bouncing_mnist'.
        split: 'train' or 'test'.
        data_dir: folder of TFDS.
        shape: `(frames, height, width, 1)`.

    Returns:
        uint8 `(videos, *shape)`.

    Raises:
        InputError: there is no such split.
    """
    if split not in VIDEOS:
        raise InputError(f"{name}:{split} has no such split: choose train or test.")
    images = read_images(prepare("mnist", data_dir), split).x
    rng = np.random.default_rng(_SEEDS[split])
    chosen = rng.integers(0, len(images), (VIDEOS[split], DIGITS))
    return Examples(bounce(images, chosen, shape, rng))


def bounce(
    images: np.ndarray,
    chosen: np.ndarray,
    shape: tuple[int, ...],
    rng: np.random.Generator,
) -> np.ndarray:
    """Images at half their size that move in straight lines between the walls.

    Args:
        images: `(n, height, width, 1)`, uint8.
        chosen: indices of the images of each video, `(videos, digits)`.
        shape: `(frames, height, width, 1)`.
        rng: draws positions and speeds, up to 3 pixels per frame.

    Returns:
        `(videos, *shape)`, uint8; where digits overlap, the brighter pixel is shown.
    """
    frames, height, width, _ = shape
    n, side = len(images), images.shape[1] // 2
    small = images.reshape(n, side, 2, side, 2).mean(axis=(2, 4)).astype("uint8")
    room = np.array([height - side, width - side])
    start = rng.uniform(0, room, (*chosen.shape, 2))
    speed = rng.uniform(-3, 3, (*chosen.shape, 2))
    videos = np.zeros((len(chosen), *shape), "uint8")
    rows, columns = np.arange(side)[:, None], np.arange(side)
    each = np.arange(len(chosen))[:, None, None]
    for frame in range(frames):
        way = np.mod(start + frame * speed, 2 * room)
        place = np.rint(np.minimum(way, 2 * room - way)).astype(int)
        for digit in range(chosen.shape[1]):
            top, left = (x[:, None, None] for x in place[:, digit].T)
            where = (each, frame, top + rows, left + columns, 0)
            videos[where] = np.maximum(videos[where], small[chosen[:, digit]])
    return videos
