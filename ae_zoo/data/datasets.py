"""Image sets through TensorFlow Datasets.

TFDS looks in `data_dir`, else in the environment's `TFDS_DATA_DIR`, else in
`~/tensorflow_datasets`, and downloads what is not there.
"""

import os
from pathlib import Path

import numpy as np

from ae_zoo.errors import DownloadError, InputError, UnknownNameError


def _load(name: str, split: str, data_dir, **options):
    import tensorflow_datasets as tfds

    data_dir = data_dir or os.environ.get("TFDS_DATA_DIR")
    try:
        return tfds.load(name, split=split, data_dir=data_dir, **options)
    except tfds.core.DatasetNotFoundError as error:
        raise UnknownNameError(
            f"TensorFlow Datasets has no set {name!r}; see tfds.list_builders()."
        ) from error
    except ValueError as error:  # of TFDS on a split; it lists what there is
        raise InputError(f"{name}:{split} has no such split: {error}") from error
    except (OSError, tfds.download.DownloadError) as error:
        where = Path(data_dir or "~/tensorflow_datasets")
        raise DownloadError(
            f"{name!r} is not in {where} and could not be downloaded "
            f"({type(error).__name__}); point TFDS_DATA_DIR at a prepared copy."
        ) from error


def load_arrays(
    name: str, split: str, data_dir: str | os.PathLike | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A whole labelled image split in memory, as models take it.

    Args:
        name: TFDS name, such as 'mnist'.
        split: TFDS split, such as 'train', 'test' or 'train[:1000]'.
        data_dir: where TFDS keeps its files.

    Returns:
        Images, float32 in [0, 1], `(n, height, width, channels)`, and labels,
        int64, `(n,)`.

    Raises:
        UnknownNameError: TFDS has no such set.
        DownloadError: the set is neither prepared nor can it be downloaded.
        InputError: the set has no such split, or holds no labelled images.
    """
    batch = _load_whole(name, split, data_dir)
    if "image" not in batch or "label" not in batch:
        raise InputError(
            f"{name!r} has {', '.join(sorted(batch))}, not images with labels; choose "
            "a set of labelled images."
        )
    return batch["image"].astype("float32") / 255.0, batch["label"]


def load_images(
    name: str, split: str, data_dir: str | os.PathLike | None = None
) -> np.ndarray:
    """A whole image split in memory as it is stored, `(n, height, width, channels)`.

    Args and errors as `load_arrays`; labels are not needed.
    """
    batch = _load_whole(name, split, data_dir)
    if not isinstance(batch.get("image"), np.ndarray):
        raise InputError(
            f"{name!r} has {', '.join(sorted(batch))}, not images of one size; train "
            "on a folder of images instead (data.path)."
        )
    return batch["image"]


def _load_whole(name, split, data_dir) -> dict:
    import tensorflow_datasets as tfds

    return tfds.as_numpy(_load(name, split, data_dir, batch_size=-1))
