"""Sets through TensorFlow Datasets, and our own of photographs, sentences, anomalies.

TFDS looks in `data_dir`, else in the environment's `TFDS_DATA_DIR`, else in
`~/tensorflow_datasets`, and prepares there what is missing. `TFDS_DATA_DIR` may name
several folders, as PATH does: a set is read from the first that has it, and prepared
in the first of all.

Files are downloaded unless `AE_ZOO_MANUAL_DIR`, else `downloads/manual` below the
folder, has them: bsds500/{train,val,test}/*.jpg (of cbsd68 too), bsd68/*.png,
set12/*.png, text/*.all of `sentences`, skab/{valve1,valve2,other}/*.csv,
ecg5000/ECG5000_TRAIN.txt and creditcard/*.csv.
"""

import importlib
import io
import os
import re
from typing import NamedTuple

import numpy as np
from PIL import Image

from ae_zoo.data.inputs import scale
from ae_zoo.errors import DownloadError, InputError, IntegrityError, UnknownNameError

# Sets that are not images: modules whose `load` makes examples of them, and whose
# `INPUT` says in the manifest what the examples' last axis holds.
READERS = {
    "spoken_digit": "ae_zoo.data.sounds",
    "sentences": "ae_zoo.data.texts",
    "bouncing_mnist": "ae_zoo.datasets.bouncing_mnist",
    "skab": "ae_zoo.datasets.anomalies",
    "ecg5000": "ae_zoo.datasets.anomalies",
    "creditcard": "ae_zoo.datasets.anomalies",
}
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's, by channels


class Examples(NamedTuple):
    """A split in memory.

    Attributes:
        x: as models take them, `(n, *shape)`: float32 in [0, 1], or still uint8 or
            bool, see `ae_zoo.data.inputs.scale`.
        labels: int64 `(n,)`; None where there are none.
        groups: what each belongs to, text `(n,)`: a sound's speaker, a sentence's set.
    """

    x: np.ndarray
    labels: np.ndarray | None = None
    groups: np.ndarray | None = None


def load_arrays(
    name: str,
    split: str,
    data_dir: str | os.PathLike | None = None,
    shape: tuple[int, ...] | None = None,
) -> Examples:
    """A whole split in memory, float32 in [0, 1].

    Args:
        name: TFDS name of a set of images, such as 'mnist', or one of `READERS`.
        split: TFDS split, such as 'train', 'test' or 'train[:1000]'.
        data_dir: where TFDS keeps its files.
        shape: of an example, for what is not images.

    Raises:
        UnknownNameError: TFDS has no such set.
        DownloadError: the set is neither prepared nor can it be downloaded.
        IntegrityError: a file is not the one that was published.
        InputError: the set has no such split, or holds no images of one size.
    """
    examples = load_examples(name, split, data_dir, shape)
    return examples._replace(x=scale(examples.x))


def load_examples(
    name: str,
    split: str,
    data_dir: str | os.PathLike | None = None,
    shape: tuple[int, ...] | None = None,
) -> Examples:
    """As `load_arrays`, but images still as they are stored, uint8."""
    if name in READERS:
        return reader(name).load(name, split, data_dir, shape)
    batch = _load_whole(name, split, data_dir)
    if not isinstance(batch.get("image"), np.ndarray):
        raise InputError(
            f"{name!r} has {', '.join(sorted(batch))}, not images of one size; choose "
            "a set of images, or train on files (data.path)."
        )
    return Examples(batch["image"], batch.get("label"))


def reader(name: str):
    """The module of one of `READERS`."""
    return importlib.import_module(READERS[name])


def load_pictures(
    name: str, split: str, data_dir: str | os.PathLike | None = None
) -> list[np.ndarray]:
    """All pictures of a split in memory, whatever their sizes, in a fixed order.

    They are decoded by Pillow, since TFDS decodes JPEG less exactly, for speed.

    Args:
        name: 'bsds500', 'cbsd68', 'bsd68', 'set12', or a TFDS name, such as 'mnist'.
        split: TFDS split, such as 'train+test' or 'val[:10]'.
        data_dir: where TFDS keeps its files.

    Returns:
        uint8, each `(height, width, channels)`, in the order in which the set is
        stored: those of 'bsds500' and the like by file name, one split after another.

    Raises:
        UnknownNameError, DownloadError, IntegrityError: as `load_arrays`.
        InputError: the set has no such split, or holds no pictures of 8 bits.
    """
    import tensorflow_datasets as tfds

    builder = prepare(name, data_dir)
    feature = _image_feature(builder)
    if not isinstance(feature, tfds.features.Image) or feature.np_dtype != np.uint8:
        raise InputError(f"{name!r} has no pictures of 8 bits; choose a set of images.")
    dataset = read_split(
        builder,
        split,
        decoders={"image": tfds.decode.SkipDecoding()},
        read_config=tfds.ReadConfig(interleave_cycle_length=1),
    )
    mode = _MODES[feature.shape[-1]]
    return [_decode(example["image"], mode) for example in dataset.as_numpy_iterator()]


def _decode(content: bytes, mode: str) -> np.ndarray:
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert(mode))
    return pixels.reshape(*pixels.shape[:2], len(mode))


def _load_whole(name, split, data_dir) -> dict:
    import tensorflow_datasets as tfds

    builder = prepare(name, data_dir)
    if None in getattr(_image_feature(builder), "shape", ()):  # TFDS would pad them
        raise InputError(
            f"{name!r} has images of different sizes; take them with load_pictures, or "
            "train on a folder of images instead (data.path)."
        )
    return tfds.as_numpy(read_split(builder, split, batch_size=-1))


def _image_feature(builder):
    return dict(builder.info.features.items()).get("image")


def read_split(builder, split: str, **options):
    """The `tf.data.Dataset` of a split; InputError where there is none."""
    try:
        return builder.as_dataset(split=split, **options)
    except ValueError as error:  # it lists the splits there are
        name = builder.name
        raise InputError(f"{name}:{split} has no such split: {error}") from error


def prepare(name: str, data_dir=None):
    """The TFDS builder of a set that is on disk, downloaded if need be."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import download_manager

    builder = _find(name, data_dir)
    manual_dir = os.environ.get("AE_ZOO_MANUAL_DIR") or None
    try:
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
        )
    except download_manager.NonMatchingChecksumError as error:
        reason = str(error).partition(":\n")[0]  # names the file
        raise IntegrityError(
            f"{name!r} cannot be prepared: {reason}; put the original there."
        ) from error
    except (OSError, tfds.download.DownloadError) as error:
        where = f"{name!r} is not in {builder.data_dir_root} and"
        if reason := getattr(error, "strerror", None):  # of a file, not a connection
            raise DownloadError(
                f"{where} cannot be prepared there ({reason}); let TFDS_DATA_DIR begin "
                "with a folder you can write to."
            ) from error
        raise DownloadError(
            f"{where} could not be downloaded ({type(error).__name__}); point "
            "TFDS_DATA_DIR at a prepared copy, or AE_ZOO_MANUAL_DIR at its files."
        ) from error
    return builder


def _find(name: str, data_dir):
    """The TFDS builder of a set in the first folder that has it, else in the first."""
    import tensorflow_datasets as tfds

    # Importing registers our sets.
    from ae_zoo.data import anomalies, photographs, sentences  # noqa: F401

    folders = [data_dir or None]
    if not data_dir and (named := os.environ.get("TFDS_DATA_DIR")):
        # The colon of gs://bucket does not separate.
        parts = re.split(f"{os.pathsep}(?!//)", named)
        folders = [os.path.expanduser(part) for part in parts]
    try:
        builders = [tfds.builder(name, data_dir=folder) for folder in folders]
    except tfds.core.DatasetNotFoundError as error:
        raise UnknownNameError(
            f"TensorFlow Datasets has no set {name!r}; see tfds.list_builders()."
        ) from error
    return next((b for b in builders if b.data_path.exists()), builders[0])
