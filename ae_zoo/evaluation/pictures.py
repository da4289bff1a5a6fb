"""Pictures of a model's outputs, for cards and logs."""

from pathlib import Path

import numpy as np

from ae_zoo._files import complete_file


def reconstruction_rows(model, images: np.ndarray) -> np.ndarray:
    """Stacks images, corrupted copies if the model corrupts, and reconstructions.

    Returns:
        `(2n or 3n, height, width, channels)`.
    """
    rows, inputs = [images], images
    if model.corruption is not None:
        inputs = np.asarray(model.corruption.corrupt(images, 0))
        damaged = inputs[..., : images.shape[-1]]  # without a map
        if not np.array_equal(damaged, images):
            rows.append(damaged)
    # `predict` would wait for the other workers of a training.
    rows.append(np.asarray(model(inputs, training=False)))
    return np.concatenate(rows)


def tile(images: np.ndarray, columns: int) -> np.ndarray:
    """Arranges images `(n, h, w, c)` in one image, with `columns` in a row."""
    rows = [images[i : i + columns] for i in range(0, len(images), columns)]
    return np.concatenate([np.concatenate(list(row), axis=1) for row in rows])


def save_png(image: np.ndarray, path: Path, scale: int = 2) -> None:
    """Saves `(h, w, 1 or 3)` in [0, 1], clipped and enlarged, atomically."""
    from PIL import Image

    pixels = (np.clip(image, 0, 1) * 255).astype("uint8")
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    large = picture.resize((picture.width * scale, picture.height * scale), 0)
    with complete_file(path) as temporary:
        large.save(temporary, format="PNG")
