"""TensorFlow Datasets: finding, preparing and reading one set.

TFDS looks in `data_dir`, else in the environment's `TFDS_DATA_DIR`, else in
`~/tensorflow_datasets`, and prepares a missing set there. `TFDS_DATA_DIR` may list
several folders, as PATH does: a set is read from the first folder that has it, and
prepared in the first folder of the list.

Files are downloaded unless they are in the manual folder, which is `AE_ZOO_MANUAL_DIR`,
else `downloads/manual` in the data folder.
"""

import os
import re
from typing import NamedTuple

import numpy as np

from ae_zoo.errors import DownloadError, InputError, IntegrityError, UnknownNameError


class Examples(NamedTuple):
    """A split in memory.

    Attributes:
        x: model inputs `(n, *shape)`: float32 in [0, 1], or unscaled uint8 or bool,
            see `ae_zoo.data.values.scale`.
        labels: int64 `(n,)`, or None.
        groups: text `(n,)`, such as the speaker of a sound or the source of a
            sentence, or None.
    """

    x: np.ndarray
    labels: np.ndarray | None = None
    groups: np.ndarray | None = None


def prepare(name: str, data_dir: str | os.PathLike | None = None):
    """The TFDS builder of a set, which is downloaded and prepared if needed.

    Args:
        name: TFDS name. Sets of our own are known once their module is imported.
        data_dir: folder of TFDS.

    Raises:
        UnknownNameError: TFDS has no such set.
        DownloadError: the set is not prepared and cannot be downloaded.
        IntegrityError: a file differs from the published one.
    """
    import tensorflow_datasets as tfds

    builder = _find(name, data_dir)
    manual_dir = os.environ.get("AE_ZOO_MANUAL_DIR") or None
    config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    try:
        builder.download_and_prepare(download_config=config)
    except (OSError, tfds.download.DownloadError) as error:
        where = f"{name!r} is not in {builder.data_dir_root} and"
        if cause := getattr(error, "strerror", None):  # of a file, not a connection
            raise DownloadError(
                f"{where} cannot be prepared there ({cause}); let TFDS_DATA_DIR begin "
                "with a folder you can write to."
            ) from error
        raise DownloadError(
            f"{where} could not be downloaded ({type(error).__name__}); point "
            "TFDS_DATA_DIR at a prepared copy, or AE_ZOO_MANUAL_DIR at its files."
        ) from error
    except Exception as error:
        # TFDS gives this class no public name.
        if type(error).__name__ != "NonMatchingChecksumError":
            raise
        cause = str(error).partition(":\n")[0]  # the first line names the file
        raise IntegrityError(
            f"{name!r} cannot be prepared: {cause}; put the original there."
        ) from error
    return builder


def read_split(builder, split: str, **options):
    """The `tf.data.Dataset` of a split.

    Args:
        builder: builder of a prepared set.
        split: TFDS split, such as 'train', 'test' or 'train[:1000]'.
        **options: further arguments of the builder's `as_dataset`.

    Raises:
        InputError: the set has no such split.
    """
    try:
        return builder.as_dataset(split=split, **options)
    except ValueError as error:  # its message lists the splits
        name = builder.name
        raise InputError(f"{name}:{split} has no such split: {error}") from error


def read_images(builder, split: str) -> Examples:
    """The images of a split, uint8, and their labels if there are any.

    Args:
        builder: builder of a prepared set.
        split: TFDS split.

    Raises:
        InputError: the set has no such split, or no images of one size.
    """
    import tensorflow_datasets as tfds

    feature = dict(builder.info.features.items()).get("image")
    if None in getattr(feature, "shape", ()):  # TFDS would pad the images
        raise InputError(
            f"{builder.name!r} has images of different sizes; load them with "
            "load_pictures, or train on a folder of images instead (data.path)."
        )
    batch = tfds.as_numpy(read_split(builder, split, batch_size=-1))
    if not isinstance(batch.get("image"), np.ndarray):
        raise InputError(
            f"{builder.name!r} has {', '.join(sorted(batch))}, not images of one size; "
            "choose a set of images, or train on files (data.path)."
        )
    return Examples(batch["image"], batch.get("label"))


def _find(name: str, data_dir):
    """The builder of a set in the first folder that has it, else in the first."""
    import tensorflow_datasets as tfds

    folders = [data_dir or None]
    if not data_dir and (named := os.environ.get("TFDS_DATA_DIR")):
        # The colon of gs://bucket is not a separator.
        parts = re.split(f"{os.pathsep}(?!//)", named)
        folders = [os.path.expanduser(part) for part in parts]
    try:
        builders = [tfds.builder(name, data_dir=folder) for folder in folders]
    except tfds.core.DatasetNotFoundError as error:
        raise UnknownNameError(
            f"TensorFlow Datasets has no set {name!r}; see tfds.list_builders()."
        ) from error
    return next((b for b in builders if b.data_path.exists()), builders[0])
