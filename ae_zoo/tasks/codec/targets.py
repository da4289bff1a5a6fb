"""The quality that a size or a likeness needs, found by halving."""

import bisect
import functools
from collections.abc import Callable, Sequence

import numpy as np

from ae_zoo.errors import InputError
from ae_zoo.tasks.arguments import as_integer, check_positive


def within_bytes(
    write: Callable[[float], bytes], qualities: Sequence[float], most: int
) -> bytes:
    """The file of the highest quality that has at most so many bytes.

    Args:
        write: makes the file of a quality.
        qualities: all qualities, lowest first.
        most: number of bytes.

    Raises:
        InputError: every file is larger, or the number is no integer above 0.
    """
    most = as_integer("target_bytes", most)
    write = functools.cache(write)
    count = bisect.bisect_right(qualities, most, key=lambda q: len(write(q)))
    if not count:
        raise InputError(
            f"The smallest file has {len(write(qualities[0])):,} bytes, more than the "
            f"{most:,} of target_bytes (--target-bytes): allow more, or give a smaller "
            "picture."
        )
    return write(qualities[count - 1])


def of_psnr(
    write: Callable[[float], bytes],
    read: Callable[[bytes], np.ndarray],
    pixels: np.ndarray,
    qualities: Sequence[float],
    least: float,
) -> bytes:
    """The file of the lowest quality that is at least so like the picture.

    Args:
        write, qualities: as for `within_bytes`.
        read: pixels of a file.
        pixels: pixels of the picture, integers.
        least: PSNR in decibels.

    Raises:
        InputError: no file is, or the number is no number above 0.
    """
    check_positive("target_psnr", least)
    write = functools.cache(write)

    def psnr(quality: float) -> float:
        error = np.subtract(read(write(quality)), pixels, dtype="float64")
        peak, mean = np.iinfo(pixels.dtype).max, np.square(error).mean()
        return 10 * np.log10(peak**2 / mean) if mean else np.inf

    count = bisect.bisect_left(qualities, least, key=psnr)
    if count == len(qualities):
        raise InputError(
            f"The best quality has {psnr(qualities[-1]):.2f} dB on this picture, less "
            f"than the {least:g} of target_psnr (--target-psnr): ask for less."
        )
    return write(qualities[count])
