"""Files of one Hub repository on the disk, in the layout of huggingface_hub's cache.

`snapshots/<commit>/<file>` is a link to `blobs/<digest>`, and `refs/<revision>` holds
the commit that a branch named last. huggingface_hub finds files that are stored here,
and files that it stored are found. A blob's name is the SHA-256 of its bytes, never a
word of a server, and files take their place complete and by one rename: processes need
no locks, so that disks without locks serve as well.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Generator
from pathlib import Path

from ae_zoo._files import write_text
from ae_zoo.zoo.folder import find_problem
from ae_zoo.zoo.manifest import is_commit


class Cache:
    """The cache of a repository.

    Args:
        repo: 'organisation/name'.
        cache_dir: folder of all repositories; None for huggingface_hub's.
    """

    def __init__(self, repo: str, cache_dir: str | os.PathLike | None = None):
        from huggingface_hub import constants

        root = Path(cache_dir or constants.HF_HUB_CACHE).expanduser().resolve()
        self.folder = root / f"models--{repo.replace('/', '--')}"
        self.blobs = self.folder / "blobs"

    def path(self, commit: str, name: str) -> Path:
        """Where the file `name` of `commit` lies, or would."""
        return self.folder / "snapshots" / commit / name

    def has(self, commit: str, file: dict) -> bool:
        """Whether the file is here, with the right bytes where they are known."""
        path = self.path(commit, file["name"])
        if "sha256" in file:
            return find_problem(path, file) is None
        return os.path.isfile(path)

    def find_commit(self, revision: str) -> str | None:
        """The commit that `revision` named last; None if it was never asked for."""
        if is_commit(revision):
            return revision
        with contextlib.suppress(OSError, ValueError):
            commit = (self.folder / "refs" / revision).read_text(encoding="ascii")
            return commit if is_commit(commit) else None

    def remember(self, revision: str, commit: str) -> None:
        """Notes which commit a branch or tag names, where that can be written."""
        if revision in (commit, self.find_commit(revision)):
            return
        path = self.folder / "refs" / revision
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, commit)

    def add(self, chunks: Generator, commit: str, file: dict) -> Path | None:
        """Stores a file.

        Args:
            chunks: its bytes, closed at the end.
            commit: to which it belongs.
            file: its "name", and its "sha256" and "size" where they are known.

        Returns:
            Its path; None, with nothing stored, if its SHA-256 is wrong.

        Raises:
            OSError: it cannot be written.
        """
        self.blobs.mkdir(parents=True, exist_ok=True)
        if file.get("size", 0) > shutil.disk_usage(self.blobs).free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        digest, temporary = hashlib.sha256(), self._temporary()
        try:
            with contextlib.closing(chunks), open(temporary, "xb") as written:
                for chunk in chunks:
                    written.write(chunk)
                    digest.update(chunk)
            sha256 = digest.hexdigest()
            if sha256 != file.get("sha256", sha256):
                return None
            return self._place(temporary, sha256, self.path(commit, file["name"]))
        finally:
            temporary.unlink(missing_ok=True)

    def reuse(self, commit: str, file: dict) -> Path | None:
        """Links a file whose bytes another commit has already; its path, or None.

        Raises:
            OSError: it cannot be written.
        """
        blob = self.blobs / file["sha256"]
        if blob.is_symlink() or find_problem(blob, file):
            return None
        return self._link(blob, self.path(commit, file["name"]))

    def remove(self, path: Path) -> None:
        """Deletes a file and, if it is a link to a blob of this cache, the blob."""
        with contextlib.suppress(OSError):  # in a read-only cache
            for each in filter(None, (self._blob(path), path)):
                each.unlink(missing_ok=True)

    def _place(self, temporary: Path, sha256: str, path: Path) -> Path:
        blob, old = self.blobs / sha256, self._blob(path)
        temporary.replace(blob)
        path = self._link(blob, path)
        if old not in (None, blob):
            old.unlink(missing_ok=True)  # damaged, or it would not be replaced
        return path

    def _link(self, blob: Path, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        link = self._temporary()
        try:
            link.symlink_to(Path("..", "..", "blobs", blob.name))
        except (OSError, NotImplementedError):  # a disk, or a system, without links
            blob.replace(path)
        else:
            link.replace(path)
        return path

    def _blob(self, path: Path) -> Path | None:
        """The blob of this cache that `path` links to, if it does."""
        if not path.is_symlink():
            return None
        target = path.parent / os.readlink(path)
        inside = target.parent.resolve() == self.blobs.resolve()
        return self.blobs / target.name if inside else None

    def _temporary(self) -> Path:
        return self.blobs / f"{uuid.uuid4().hex}.incomplete"
