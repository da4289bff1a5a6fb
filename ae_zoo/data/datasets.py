"""Image sets through TensorFlow Datasets: arrays to measure on, streams to train on.

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
    """A whole labelled image split in memory.

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
    import tensorflow_datasets as tfds

    batch = tfds.as_numpy(_load(name, split, data_dir, batch_size=-1))
    if "image" not in batch or "label" not in batch:
        raise InputError(
            f"{name!r} has {', '.join(sorted(batch))}, not images with labels; choose "
            "a set of labelled images."
        )
    return batch["image"].astype("float32") / 255.0, batch["label"]


def training_dataset(
    name: str,
    split: str,
    batch_size: int,
    seed: int = 0,
    binarize: bool = False,
    data_dir: str | os.PathLike | None = None,
):
    """Shuffled batches `(x, x)` as a `tf.data.Dataset`.

    The decoded split is cached in memory and shuffled anew each epoch; the last
    incomplete batch is dropped, as `tf.distribute` needs.

    Args:
        name, split, data_dir: as in `load_arrays`.
        batch_size: global batch size.
        seed: of the shuffling and the binarisation.
        binarize: draw every pixel from a Bernoulli with its value as the mean, anew
            each epoch, as the log-likelihood of binary images asks for.
    """
    import tensorflow as tf

    images = _load(name, split, data_dir, shuffle_files=False)
    images = images.map(lambda example: example["image"]).cache()
    size = int(images.cardinality())
    batches = images.shuffle(size, seed=seed).batch(batch_size, drop_remainder=True)
    rng = tf.random.Generator.from_seed(seed) if binarize else None

    def prepare(image):
        x = tf.cast(image, tf.float32) / 255.0
        if rng is not None:
            x = tf.cast(rng.uniform(tf.shape(x)) < x, tf.float32)
        return x, x

    return batches.map(prepare).prefetch(tf.data.AUTOTUNE)
