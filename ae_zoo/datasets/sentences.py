"""English sentences with labels, for TensorFlow Datasets.

Importing this module registers `sentences`; its files and their checksums are in
checksums.tsv, as those of the photographs.
"""

import numpy as np
import tensorflow_datasets as tfds

from ae_zoo.datasets.checksums import addresses

# Sets, each with its files; of 'trec' the second is the official test set.
SETS = {
    "mpqa": ("mpqa.all",),
    "polarity": ("rt-polarity.all",),
    "subj": ("subj.all",),
    "trec": ("TREC.train.all", "TREC.test.all"),
}
_EVERY = 10  # the last of so many lines is for testing, where there is no test file


class Sentences(tfds.core.GeneratorBasedBuilder):
    """Sentences of four sets for classification, a label from 0 on each.

    'mpqa' (opinions, Wiebe et al., 2005), 'polarity' (film reviews, Pang and Lee,
    2005), 'subj' (subjective or not, Pang and Lee, 2004) and 'trec' (what a question
    asks for, Li and Roth, 2002). 'test' has every tenth line, of 'trec' its own test
    set.
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
    """The lines of a set that belong to a split."""
    texts = [files[part].read_bytes().decode("latin-1") for part in parts]
    lines = [text.split("\n") for text in texts]
    if len(lines) == 2:
        return lines[split == "test"]
    chosen = slice(_EVERY - 1, None, _EVERY)
    if split == "test":
        return lines[0][chosen]
    return [line for i, line in enumerate(lines[0], 1) if i % _EVERY]
