"""Regular files to read; writing so that a reader sees a complete file or none."""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from ae_zoo.errors import InputError

PART = ".part-"  # begins the name of a file that is not complete
_SPECIAL = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def is_path(value: object) -> bool:
    """Whether a value is a path, of characters and not of bytes."""
    return isinstance(value, str) or (
        isinstance(value, os.PathLike) and isinstance(os.fspath(value), str)
    )


def check_path(what: str, value: object, others: str = "") -> None:
    """Raises an `InputError` unless a value is a path, which may lead nowhere.

    Args:
        what: the value in words, such as the name of an argument.
        value: the value.
        others: what it may also be, in words, such as 'bytes or '.
    """
    if not is_path(value):
        raise InputError(
            f"{what} must be {others}a path (a string or a Path), not a "
            f"{type(value).__name__}."
        )
    try:
        os.stat(value)
    except ValueError as error:
        raise InputError(f"{what} is no path: leave out its null character.") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise InputError(
                f"{what} has {len(os.fspath(value))} characters, too many for a path: "
                "shorten it."
            ) from error


def special_kind(path: str | os.PathLike) -> str | None:
    """What a path is that neither is a file or folder nor leads to one, else None.

    Reading it might wait, or go on, for ever.
    """
    try:
        return _SPECIAL.get(stat.S_IFMT(os.stat(path).st_mode))
    except (OSError, ValueError):
        return None  # nothing is there, as whoever opens it will say


def check_regular(path: str | os.PathLike) -> None:
    """Raises an `InputError` for a FIFO, a socket or a device."""
    if kind := special_kind(path):
        raise InputError(f"{path} is {kind}: copy what it yields to a file, give that.")


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
