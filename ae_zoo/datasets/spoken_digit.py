"""Spoken digits (Jackson et al., 2018) as spectrograms."""

import numpy as np

from ae_zoo.data.sounds import RATE, spectrograms
from ae_zoo.datasets.tfds import Examples, prepare, read_split
from ae_zoo.errors import InputError

INPUT = {"channels": "mel bands", "sample_rate": RATE}
_TEST_TAKES = 5


def load(name: str, split: str, data_dir, shape: tuple[int, int]) -> Examples:
    """Spectrograms of spoken digits; the groups are the speakers.

    The official test set is the first five takes of each digit by each speaker.

    Args:
        name: 'spoken_digit'.
        split: 'train' or 'test'.
        data_dir: folder of TFDS.
        shape: `(frames, bands)`, see `ae_zoo.data.sounds.spectrograms`.

    Raises:
        InputError: there is no such split.
    """
    if split not in ("train", "test"):
        raise InputError(f"{name}:{split} has no such split: choose train or test.")
    waves, labels, speakers = [], [], []
    whole = read_split(prepare(name, data_dir), "train")  # the only split in TFDS
    for example in whole.as_numpy_iterator():
        stem = example["audio/filename"].decode().removesuffix(".wav")
        _, speaker, take = stem.split("_")
        if (int(take) < _TEST_TAKES) == (split == "test"):
            waves.append(example["audio"])
            labels.append(example["label"])
            speakers.append(speaker)
    return Examples(spectrograms(waves, shape), np.array(labels), np.array(speakers))
