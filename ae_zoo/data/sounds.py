"""Sounds as model inputs: log-mel spectrograms of a fixed length."""

import functools
import os
import struct
from collections.abc import Sequence
from math import gcd

import numpy as np

from ae_zoo._files import check_regular
from ae_zoo.errors import InputError

SOUND_SUFFIXES = (".wav",)
RATE = 8000  # samples per second
# Of files. Beyond these, to resample takes much more memory than the file.
SLOWEST, FASTEST = 1000, 768_000
_BLOCK = 256  # sounds transformed at a time
_SILENCE_8_BITS = 128  # samples of 8 bits are unsigned
# The exceptions that SciPy raises for damaged files.
_DAMAGE = (
    *(OSError, ValueError, TypeError, LookupError, EOFError),
    *(ArithmeticError, NameError, struct.error),
)


def read_sound(path: str | os.PathLike, input_shape: tuple[int, ...]) -> np.ndarray:
    """Reads a WAV file as a spectrogram.

    Args:
        path: the file.
        input_shape: `(frames, bands)` of the model.

    Returns:
        `input_shape`, float32 in [0, 1].

    Raises:
        InputError: the model does not take sounds, or the file cannot be read.
    """
    if len(input_shape) != 2:
        raise InputError(
            f"{path} is a sound, but the model takes examples of shape {input_shape}: "
            "choose a model for sounds, see `ae-zoo list`."
        )
    return spectrograms([read_wave(path)], input_shape)[0]


def read_wave(path: str | os.PathLike) -> np.ndarray:
    """Reads a WAV file, mixes its channels and resamples it to `RATE`.

    Returns:
        float32 `(samples,)`.

    Raises:
        InputError: the file is missing, is not a WAV file, is empty, or has less than
            `SLOWEST` or more than `FASTEST` samples per second.
    """
    check_regular(path)
    from scipy.io import wavfile
    from scipy.signal import resample_poly

    try:
        rate, samples = wavfile.read(path)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    except _DAMAGE as error:
        reason = error if isinstance(error, (ValueError, OSError)) else "it is damaged"
        raise InputError(
            f"Cannot read the sound {path} ({reason}): use an uncompressed WAV file."
        ) from error
    if not SLOWEST <= rate <= FASTEST:
        raise InputError(
            f"{path} has {rate:,} samples per second: convert it to {SLOWEST:,} to "
            f"{FASTEST:,}."
        )
    if not samples.size:
        raise InputError(f"{path} has no samples: leave it out.")
    wave = samples.reshape(len(samples), -1).mean(axis=1, dtype="float32")
    if samples.dtype == np.uint8:
        wave -= _SILENCE_8_BITS
    shared = gcd(rate, RATE)
    return resample_poly(wave, RATE // shared, rate // shared).astype("float32")


def spectrograms(waves: Sequence[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Log-mel spectrograms of sounds, cut or padded with silence to one length.

    Args:
        waves: each `(samples,)`, `RATE` samples per second, on any scale.
        shape: `(frames, bands)` of one example, 16 ms per frame.

    Returns:
        `(n, frames, bands)`, float32 in [0, 1], see `ae_zoo.layers.LogMel`.
    """
    from keras import ops

    frames, bands = shape
    layer = _log_mel(bands)
    padded = np.zeros((len(waves), (frames - 1) * layer.hop), "float32")
    for row, wave in zip(padded, waves, strict=True):
        kept = wave[: len(row)]
        row[: len(kept)] = kept
    blocks = [padded[i : i + _BLOCK] for i in range(0, len(padded), _BLOCK)]
    return np.concatenate([ops.convert_to_numpy(layer(block)) for block in blocks])


@functools.cache
def _log_mel(bands: int):
    from ae_zoo.layers.log_mel import LogMel

    return LogMel(bands, RATE)
