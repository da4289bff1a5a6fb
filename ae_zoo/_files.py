"""Writing files atomically: a reader sees a complete file or none."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

PART = ".part-"  # begins the name of a file that is not complete


@contextlib.contextmanager
def complete_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, which replaces it unless an error occurs.

    It has the suffix of `path`, by which libraries choose a format.
    """
    temporary = path.with_name(f"{PART}{os.getpid()}-{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a text file atomically."""
    with complete_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def remove_leftovers(folder: Path, *prefixes: str) -> None:
    """Removes what processes that were killed left incomplete in a folder.

    Args:
        folder: the folder, in which no other process writes now.
        prefixes: beginnings of further names of incomplete files or folders.
    """
    for path in folder.iterdir():
        if path.name.startswith((PART, *prefixes)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
