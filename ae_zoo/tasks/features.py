"""Features of images, sounds and texts, for classifiers, search and clustering."""

import os
import re
from typing import TYPE_CHECKING

import numpy as np

from ae_zoo._files import check_path
from ae_zoo.code import POOLS, Code
from ae_zoo.data.arrays import ARRAY_SUFFIXES, read_array
from ae_zoo.data.files import file_suffixes, list_files
from ae_zoo.data.images import IMAGE_SUFFIXES
from ae_zoo.data.inputs import stream
from ae_zoo.data.texts import TEXT_SUFFIXES
from ae_zoo.errors import InputError, UnknownNameError
from ae_zoo.tasks.arguments import (
    as_integer,
    as_model,
    as_path,
    check_choice,
    check_key,
)

if TYPE_CHECKING:
    from ae_zoo.autoencoder import Autoencoder

_DATASET = re.compile(r"(?P<name>\w+(/\w+)?)(:(?P<split>.+))?", re.ASCII)


class FeatureExtractor:
    """Maps images, sounds or texts from any source to rows of features.

    Args:
        model: an `Autoencoder`, or a name or path for `ae_zoo.load`, such as
            'conv_ae.mnist'.
        key: one of the model's `feature_keys`; None means 'code'.
        batch_size: number of examples at a time.
        pool: for a grid, tokens or a pyramid, 'flatten' keeps all values in a row, and
            'mean' takes the mean of each channel over the positions, which has fewer
            values and depends less on position. A vector is not changed.

    Attributes:
        model: the `Autoencoder`.
        key: name of the layer.
        size: number of features of an example.

    Raises:
        UnknownNameError: there is no such model, key or pool.
        InputError: an argument has a wrong type.

    Example:

        extractor = FeatureExtractor("conv_ae.mnist")
        codes = extractor(images)               # (n, 32)
        codes = extractor("folder/of/images")   # sorted by path
    """

    def __init__(
        self,
        model: "Autoencoder | str | os.PathLike",
        key: str | None = None,
        batch_size: int = 256,
        pool: str = "flatten",
    ):
        self.batch_size = as_integer("batch_size", batch_size)
        check_choice("pool", pool, POOLS)
        check_key(key)
        self.model = as_model(model)
        self.key = key or "code"
        self.pool = pool
        self.size = feature_size(self.model, self.key, pool)

    def transform(self, x) -> np.ndarray:
        """Features of every example of `x`, read in blocks.

        Args:
            x: an array, Pillow image, path (image, sound, folder of either, text,
                `.npy`, `.npz`), list of these, or batched `tf.data.Dataset` with
                elements x, (x, y) or {'image': x}; see
                `ae_zoo.data.inputs.to_inputs`.

        Returns:
            `(n, size)`, float32.

        Raises:
            InputError: `x` does not fit the model; the message says what fits.
        """
        blocks = stream(x, self.model.input_shape[1:])
        return np.concatenate([self._features(block) for block in blocks])

    __call__ = transform

    def _features(self, block: np.ndarray) -> np.ndarray:
        rows = self.model.features(block, self.key, self.pool, self.batch_size)
        return rows.astype("float32", copy=False)


def feature_size(model: "Autoencoder", key: str, pool: str) -> int:
    """Number of features that `model.features(x, key, pool)` has for one example.

    Raises:
        UnknownNameError: `key` is not in `model.feature_keys`.
        InputError: the model takes pictures of any size.
    """
    if None in model.input_shape[1:]:
        raise InputError(
            f"{model.name!r} takes pictures of any size and has no code of one size: "
            "choose a model with the task 'features', see `ae-zoo list`."
        )
    code = Code.of(model.code_encoder(key).outputs)
    if pool == "flatten":
        return code.size
    return sum(shape[-1] for shape in code.shapes)


def extract(
    source: str | os.PathLike,
    model: "Autoencoder | str | os.PathLike",
    key: str | None = None,
    data_dir: str | os.PathLike | None = None,
) -> dict[str, np.ndarray]:
    """Features of a folder, a file or a TFDS data set, with labels or paths.

    Args:
        source: path of a folder of images or sounds, of one image or sound, of a text
            (a sentence a line), or of an `.npy` or `.npz` file; else a TFDS name,
            'mnist' (its test split) or 'mnist:train[:1000]'.
        model, key: as in `FeatureExtractor`.
        data_dir: where TFDS keeps its files.

    Returns:
        "codes", float32 `(n, size)`; "labels" `(n,)` if the source has any; for
        images "paths" `(n,)`, relative to the folder.

    Raises:
        InputError: the source does not exist or does not fit the model.
        UnknownNameError: there is no such model or key.
    """
    path = as_path("source", source)
    if data_dir is not None:
        check_path("data_dir", data_dir)
    extractor = FeatureExtractor(model, key)
    if path.is_dir():
        files = list_files(path, file_suffixes(extractor.model.input_shape[1:]))
        names = [file.relative_to(path).as_posix() for file in files]
        return {"codes": extractor(files), "paths": np.array(names)}
    suffix = path.suffix.lower()
    if suffix in TEXT_SUFFIXES:
        return {"codes": extractor(path)}
    if suffix in ARRAY_SUFFIXES:
        examples, labels = read_array(path)
    elif suffix in IMAGE_SUFFIXES or path.is_file():
        return {"codes": extractor(path), "paths": np.array([path.name])}
    else:
        shape = extractor.model.input_shape[1:]
        examples, labels, _ = _load_dataset(str(source), data_dir, shape)
    codes = {"codes": extractor(examples)}
    return codes if labels is None else codes | {"labels": labels}


def _load_dataset(source: str, data_dir, shape) -> tuple[np.ndarray, ...]:
    from ae_zoo.datasets import load_arrays

    try:
        match = _DATASET.fullmatch(source)
        if not match:
            raise UnknownNameError(f"{source!r} is not the name of a data set.")
        return load_arrays(match["name"], match["split"] or "test", data_dir, shape)
    except UnknownNameError as error:
        raise InputError(
            f"There is no file or folder {source!r}, nor such a TFDS data set; write "
            "a path, NAME or NAME:SPLIT."
        ) from error
