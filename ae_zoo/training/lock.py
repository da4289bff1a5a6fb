"""One training at a time in a folder."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from ae_zoo.errors import RecipeError

NAME = ".lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other trainings out of a folder, which is made if it is missing.

    The system releases the lock when the process ends, however it does. On file
    systems without locks it does nothing.

    Raises:
        RecipeError: another training has the folder; the message names its process.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    with contextlib.ExitStack() as closing:
        while True:
            file = closing.enter_context(open(path, "ab"))
            if not _acquire(file):
                owner = path.read_text(encoding="utf-8") or "another process"
                raise RecipeError(
                    f"{folder} is in use by a training ({owner}): wait for it to end, "
                    "or choose another --out."
                )
            if _is_still(file, path):
                break
        os.truncate(path, 0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
        file.flush()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # Windows removes no open file
                path.unlink()
                if is_new and not any(folder.iterdir()):  # nothing came of it
                    folder.rmdir()


def _is_still(file, path: Path) -> bool:
    """Whether `path` names this file, which its last owner may just have removed."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _acquire(file) -> bool:
    """Locks an open file; False where another process has it locked."""
    try:
        import fcntl
    except ImportError:
        return _acquire_on_windows(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # this file system has no locks
    return True


def _acquire_on_windows(file) -> bool:
    import msvcrt

    try:
        file.seek(1 << 30)  # behind what others read
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
