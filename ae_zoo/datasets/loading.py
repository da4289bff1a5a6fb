"""Splits of data sets in memory, loaded through TensorFlow Datasets.

Besides the sets of TFDS there are our own: 'bsds500', 'cbsd68', 'bsd68' and 'set12'
(photographs), 'sentences', and 'skab', 'ecg5000' and 'creditcard' (known anomalies).
Their files may be put into the manual folder (see `ae_zoo.datasets.tfds`) instead of
being downloaded: bsds500/{train,val,test}/*.jpg (also for cbsd68), bsd68/*.png,
set12/*.png, text/*.all for `sentences`, skab/{valve1,valve2,other}/*.csv,
ecg5000/ECG5000_TRAIN.txt and creditcard/*.csv.
"""

import importlib
import io
import os

import numpy as np
from PIL import Image

from ae_zoo.data.values import scale
from ae_zoo.datasets.tfds import Examples, prepare, read_images, read_split
from ae_zoo.errors import InputError

# Sets other than images, and the module of each: its `load` makes model inputs, and its
# `INPUT` describes their last axis in the manifest.
READERS = {
    "spoken_digit": "ae_zoo.datasets.spoken_digit",
    "sentences": "ae_zoo.datasets.sentences",
    "bouncing_mnist": "ae_zoo.datasets.bouncing_mnist",
    "skab": "ae_zoo.datasets.anomalies",
    "ecg5000": "ae_zoo.datasets.anomalies",
    "creditcard": "ae_zoo.datasets.anomalies",
}
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's, by channels


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
        data_dir: folder of TFDS.
        shape: shape of one example; only for `READERS`.

    Raises:
        UnknownNameError: TFDS has no such set.
        DownloadError: the set is not prepared and cannot be downloaded.
        IntegrityError: a file differs from the published one.
        InputError: the set has no such split, or no images of one size.
    """
    examples = load_examples(name, split, data_dir, shape)
    return examples._replace(x=scale(examples.x))


def load_examples(
    name: str,
    split: str,
    data_dir: str | os.PathLike | None = None,
    shape: tuple[int, ...] | None = None,
) -> Examples:
    """A whole split in memory, images as they are stored (uint8).

    Arguments and errors are those of `load_arrays`.
    """
    if name in READERS:
        return reader(name).load(name, split, data_dir, shape)
    return read_images(_builder(name, data_dir), split)


def reader(name: str):
    """The module of one of `READERS`."""
    return importlib.import_module(READERS[name])


def load_pictures(
    name: str, split: str, data_dir: str | os.PathLike | None = None
) -> list[np.ndarray]:
    """All pictures of a split in memory, of any sizes, in a fixed order.

    They are decoded by Pillow, because TFDS decodes JPEG faster but less exactly.

    Args:
        name: 'bsds500', 'cbsd68', 'bsd68', 'set12', or a TFDS name, such as 'mnist'.
        split: TFDS split, such as 'train+test' or 'val[:10]'.
        data_dir: folder of TFDS.

    Returns:
        uint8, each `(height, width, channels)`, in the order in which the set is
        stored: in 'bsds500' and the like by file name, one split after another.

    Raises:
        UnknownNameError: as `load_arrays`.
        DownloadError: as `load_arrays`.
        IntegrityError: as `load_arrays`.
        InputError: the set has no such split, or no pictures of 8 bits.
    """
    import tensorflow_datasets as tfds

    builder = _builder(name, data_dir)
    feature = dict(builder.info.features.items()).get("image")
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


def _builder(name: str, data_dir):
    """The builder of a prepared set, of TFDS or our own."""
    # Importing these modules registers our sets.
    from ae_zoo.datasets import anomalies, photographs, sentences  # noqa: F401

    return prepare(name, data_dir)
