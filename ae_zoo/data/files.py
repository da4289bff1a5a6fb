"""The files of a folder."""

import os
from collections.abc import Sequence
from pathlib import Path

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
            skipped.

    Raises:
        InputError: there is no such file.
    """
    paths = sorted(
        path
        for path in Path(folder).rglob("*")
        if path.suffix.lower() in suffixes and not path.name.startswith(".")
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
