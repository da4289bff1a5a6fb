"""Sounds as models take them: log-mel spectrograms of one length."""

import functools
import os
from collections.abc import Sequence
from math import gcd

import numpy as np

from ae_zoo.datasets.loading import Examples, prepare, read_split
from ae_zoo.errors import InputError

RATE = 8000  # samples a second
INPUT = {"channels": "mel bands", "sample_rate": RATE}
_BLOCK = 256  # sounds that are transformed at a time
_TEST_TAKES = 5


def load(name: str, split: str, data_dir, shape: tuple[int, int]) -> Examples:
    """Sounds of a TFDS set as spectrograms; the groups are the speakers.

    Args:
        name: 'spoken_digit' (Jackson et al., 2018), whose test set are the first five
            takes of each digit by each speaker.
        split: 'train' or 'test'.
        data_dir: where TFDS keeps its files.
        shape: as of `spectrograms`.
    """
    if split not in ("train", "test"):
        raise InputError(f"{name}:{split} has no such split: choose train or test.")
    waves, labels, speakers = [], [], []
    whole = read_split(prepare(name, data_dir), "train")  # TFDS has one split alone
    for example in whole.as_numpy_iterator():
        stem = example["audio/filename"].decode().removesuffix(".wav")
        _, speaker, take = stem.split("_")
        if (int(take) < _TEST_TAKES) == (split == "test"):
            waves.append(example["audio"])
            labels.append(example["label"])
            speakers.append(speaker)
    return Examples(spectrograms(waves, shape), np.array(labels), np.array(speakers))


def spectrograms(waves: Sequence[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """What `ae_zoo.layers.LogMel` makes of sounds, cut or filled up with silence.

    Args:
        waves: each `(samples,)`, `RATE` samples a second.
        shape: `(frames, bands)` of one example, 16 ms a frame.

    Returns:
        `(n, frames, bands)`, float32 in [0, 1].
    """
    frames, bands = shape
    layer = _log_mel(bands)
    framed = np.zeros((len(waves), (frames - 1) * layer.hop), "float32")
    for row, wave in zip(framed, waves, strict=True):
        kept = wave[: len(row)]
        row[: len(kept)] = kept
    blocks = [framed[i : i + _BLOCK] for i in range(0, len(framed), _BLOCK)]
    return np.concatenate([np.asarray(layer(block)) for block in blocks])


@functools.cache
def _log_mel(bands: int):
    from ae_zoo.layers import LogMel

    return LogMel(bands, RATE)


def read_wave(path: str | os.PathLike) -> np.ndarray:
    """The samples of a WAV file, channels mixed, at `RATE`; float32 `(samples,)`.

    Raises:
        InputError: there is no such file, or it is no WAV file, or empty.
    """
    from scipy.io import wavfile
    from scipy.signal import resample_poly

    try:
        rate, samples = wavfile.read(path)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    except (ValueError, EOFError, OSError) as error:
        raise InputError(
            f"Cannot read the sound {path} ({error}): give an uncompressed WAV file."
        ) from error
    if not samples.size:
        raise InputError(f"{path} has no samples: leave it out.")
    wave = samples.reshape(len(samples), -1).mean(axis=1, dtype="float32")
    if samples.dtype == np.uint8:  # of which silence is 128
        wave -= 128
    shared = gcd(rate, RATE)
    return resample_poly(wave, RATE // shared, rate // shared).astype("float32")
