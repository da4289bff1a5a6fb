"""Writing files so that a reader sees all of one or nothing."""

import contextlib
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def complete_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, which takes its place when all went well."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a text file, all of it or nothing."""
    with complete_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
