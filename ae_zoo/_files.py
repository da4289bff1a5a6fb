"""Writing files atomically: a reader sees a complete file or none."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def complete_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, which replaces it unless an error occurs.

    It has the suffix of `path`, by which libraries choose a format.
    """
    temporary = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a text file atomically."""
    with complete_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
