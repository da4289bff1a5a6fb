"""Pictures of examples and reconstructions, for cards, logs and the command line."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ae_zoo._files import complete_file

if TYPE_CHECKING:
    from PIL import Image


def reconstruction_rows(model, images: np.ndarray) -> np.ndarray:
    """Stacks images, corrupted copies if the model corrupts, and reconstructions.

    Returns:
        `(2n or 3n, height, width, channels)`.
    """
    from keras import ops

    rows, inputs = [images], images
    if model.corruption is not None:
        inputs = ops.convert_to_numpy(model.corruption.corrupt(images, 0))
        damaged = inputs[..., : images.shape[-1]]  # without a map
        if not np.array_equal(damaged, images):
            rows.append(damaged)
    # `predict` would wait for the other workers of a training.
    rows.append(ops.convert_to_numpy(model(inputs, training=False)))
    return np.concatenate(rows)


def image_grid(
    images: np.ndarray, columns: int | None = None, gap: int = 0, scale: int = 1
) -> np.ndarray:
    """Images side by side as one picture, on white.

    Args:
        images: `(n, height, width, channels)`, values in [0, 1].
        columns: images in a row; by default about as many as rows.
        gap: pixels between images.
        scale: factor by which each image is enlarged, without smoothing.

    Returns:
        `(height, width, channels)`, of the images' dtype.
    """
    n, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    height, width = height * scale, width * scale
    size = (rows * (height + gap) - gap, columns * (width + gap) - gap, channels)
    grid = np.ones(size, images.dtype)
    for i, image in enumerate(images):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        large = image.repeat(scale, axis=0).repeat(scale, axis=1)
        grid[top : top + height, left : left + width] = large
    return grid


def to_pillow(image: np.ndarray) -> "Image.Image":
    """`(height, width, 1 or 3)` in [0, 1], clipped, as a picture of 8 bits."""
    from PIL import Image

    pixels = np.rint(np.clip(image, 0, 1) * 255).astype("uint8")
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def save_png(image: np.ndarray, path: Path, scale: int = 2) -> None:
    """Saves `(height, width, 1 or 3)` in [0, 1], enlarged, all of it or nothing."""
    picture = to_pillow(image_grid(image[None], scale=scale))
    with complete_file(path) as temporary:
        picture.save(temporary, format="PNG")
