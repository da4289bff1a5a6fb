"""The files of a folder."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from ae_zoo._files import special_kind
from ae_zoo.data.images import IMAGE_SUFFIXES
from ae_zoo.data.sounds import SOUND_SUFFIXES
from ae_zoo.errors import InputError


def list_files(
    folder: str | os.PathLike, suffixes: Sequence[str] = IMAGE_SUFFIXES
) -> list[Path]:
    """Sorted paths of the files in a folder and its subfolders.

    Args:
        folder: the folder.
        suffixes: the accepted file name endings, in lower case. Hidden files are
            skipped, and what is no file, such as a FIFO, with a warning.

    Raises:
        InputError: there is no such file.
    """
    named = sorted(
        path
        for path in Path(folder).rglob("*")
        if path.suffix.lower() in suffixes and not path.name.startswith(".")
    )
    paths = [path for path in named if path.is_file()]
    others = [path for path in named if not (path.is_file() or path.is_dir())]
    if others:
        kind = special_kind(others[0]) or "a broken link"
        warnings.warn(
            f"{len(others)} of {len(paths) + len(others)} entries of {folder} were "
            f"skipped, since they are no files: the first, {others[0]}, is {kind}.",
            stacklevel=2,
        )
    if not paths:
        raise InputError(
            f"There is nothing to read in {folder}: it needs files that end in "
            f"{', '.join(suffixes)}."
        )
    return paths


def file_suffixes(input_shape: tuple[int, ...]) -> tuple[str, ...]:
    """The endings of the files that a model reads from a folder: images or sounds."""
    return SOUND_SUFFIXES if len(input_shape) == 2 else IMAGE_SUFFIXES
