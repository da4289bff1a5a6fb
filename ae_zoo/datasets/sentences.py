"""English sentences with labels: a builder for TensorFlow Datasets, and its loader.

Importing this module registers `sentences`. Its files and their checksums are listed
in checksums.tsv, see `photographs`.
"""

import numpy as np
import tensorflow_datasets as tfds

from ae_zoo.data.texts import ALPHABET, one_hot
from ae_zoo.datasets.checksums import addresses
from ae_zoo.datasets.tfds import Examples, prepare, read_split
from ae_zoo.errors import InputError

INPUT = {"channels": "characters", "vocabulary": ALPHABET}
# The files of each source; the second file of 'trec' is its official test set.
SETS = {
    "mpqa": ("mpqa.all",),
    "polarity": ("rt-polarity.all",),
    "subj": ("subj.all",),
    "trec": ("TREC.train.all", "TREC.test.all"),
}
_EVERY = 10  # without a test file, every tenth line is for testing


def load(name: str, split: str, data_dir, shape: tuple[int, int]) -> Examples:
    """Sentences as one-hot characters; the groups are their sources.

    Args:
        name: 'sentences'.
        split: TFDS split.
        data_dir: folder of TFDS.
        shape: `(length, len(ALPHABET))`.

    Raises:
        InputError: there is no such split, or `shape` has another alphabet.
    """
    texts, labels, sets = load_texts(name, split, data_dir)
    if shape[1:] != (len(ALPHABET),):
        raise InputError(
            f"{name!r} has {len(ALPHABET)} characters: set model.input_shape to "
            f"[64, {len(ALPHABET)}]."
        )
    return Examples(one_hot(texts, shape[0]), labels, sets)


def load_texts(
    name: str, split: str, data_dir=None
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Sentences as text.

    Args:
        name: 'sentences'.
        split: TFDS split.
        data_dir: folder of TFDS.

    Returns:
        The texts, their labels int64 `(n,)`, and the names of their sources `(n,)`.

    Raises:
        InputError: there is no such split.
    """
    builder = prepare(name, data_dir)
    rows = list(read_split(builder, split).as_numpy_iterator())
    names = builder.info.features["set"].names
    return (
        [row["text"].decode() for row in rows],
        np.array([row["label"] for row in rows]),
        np.array([names[row["set"]] for row in rows]),
    )


class Sentences(tfds.core.GeneratorBasedBuilder):
    """Sentences from four sources for classification, with labels from 0.

    'mpqa' (opinions, Wiebe et al., 2005), 'polarity' (film reviews, Pang and Lee,
    2005), 'subj' (subjective or not, Pang and Lee, 2004) and 'trec' (types of
    questions, Li and Roth, 2002). 'test' holds every tenth line, and the official test
    set of 'trec'.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description=type(self).__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "text": tfds.features.Text(),
                    "label": tfds.features.Scalar(np.int64),
                    "set": tfds.features.ClassLabel(names=list(SETS)),
                }
            ),
            homepage="https://github.com/AcademiaSinicaNLPLab/sentiment_dataset",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        files = dl_manager.download(addresses(self, "text"))
        return {
            split: self._generate_examples(files, split) for split in ("train", "test")
        }

    def _generate_examples(self, files, split: str):
        key = 0
        for name, parts in SETS.items():
            for line in _lines(files, parts, split):
                label, _, text = line.partition(" ")
                if not text.strip():
                    continue
                yield key, {"text": text.strip(), "label": int(label), "set": name}
                key += 1


def _lines(files, parts: tuple[str, ...], split: str) -> list[str]:
    """The lines of a source that belong to a split."""
    texts = [files[part].read_bytes().decode("latin-1") for part in parts]
    lines = [text.split("\n") for text in texts]
    if len(lines) == 2:
        return lines[split == "test"]
    chosen = slice(_EVERY - 1, None, _EVERY)
    if split == "test":
        return lines[0][chosen]
    return [line for i, line in enumerate(lines[0], 1) if i % _EVERY]
