"""Weights folders on a Hugging Face Hub, verified, in huggingface_hub's own cache.

Token, endpoint, cache folder and offline mode are huggingface_hub's business: it
reads `HF_TOKEN`, `HF_ENDPOINT`, `HF_HOME` and `HF_HUB_OFFLINE` when it is imported.
"""

import dataclasses
import os
import time
from dataclasses import dataclass
from pathlib import Path

from ae_zoo import __version__
from ae_zoo.errors import DownloadError, IntegrityError, ManifestError
from ae_zoo.zoo.folder import METADATA, find_problem, promised_files

RETRY_DELAYS = (0.5, 1.0)
"""Seconds to wait before each further try after a server error."""


@dataclass(frozen=True)
class HubFolder:
    """A weights folder on the Hub.

    Args:
        name: name given by the user; error messages begin with it.
        repo: 'organisation/name'.
        revision: a branch, a tag or a commit of 40 hexadecimal digits.
        cache_dir: folder of the files; None for huggingface_hub's cache.
    """

    name: str
    repo: str
    revision: str
    cache_dir: str | os.PathLike | None = None

    def fetch(self, files: list[dict]) -> Path:
        """Downloads `files` that the cache lacks, and verifies all.

        A file with a wrong checksum is downloaded once more; huggingface_hub itself
        compares only sizes.

        Args:
            files: {"name", "sha256", "size"} each.

        Returns:
            The folder of the cache that holds them.

        Raises:
            DownloadError: a file cannot be downloaded.
            IntegrityError: a file has a wrong checksum, also after a second download.
        """
        for file in files:
            path = self._download(file["name"])
            if find_problem(path, file):
                path = self._download_again(path, file)
        return path.parent

    def fetch_promised(self) -> tuple[Path, list[dict]]:
        """Fetches and verifies the files in the folder's own metadata.

        Returns:
            The folder of the cache, and the files of the metadata.

        Raises:
            ManifestError: the metadata is malformed.
        """
        metadata = self._download(METADATA)
        pinned = dataclasses.replace(self, revision=metadata.parent.name)
        try:
            files = promised_files(metadata.parent)
            return pinned.fetch(files), files
        except (IntegrityError, ManifestError):
            _delete(metadata)  # it may be damaged: the next try fetches it
            raise

    def find_cached(self, file: str) -> Path | None:
        """Path of `file` in the cache, or None; makes no request."""
        from huggingface_hub import try_to_load_from_cache

        path = try_to_load_from_cache(
            self.repo, file, cache_dir=self.cache_dir, revision=self.revision
        )
        return Path(path) if isinstance(path, str) else None

    def _download_again(self, path: Path, file: dict) -> Path:
        where = f"{self.name}: {file['name']} of {self.repo}@{self.revision}"
        if not path.is_symlink():  # a cache without links would keep the old file
            path.unlink(missing_ok=True)
        try:
            path = self._download(file["name"], force=True)
        except DownloadError as error:
            raise IntegrityError(
                f"{where} is damaged in the cache and cannot be replaced; {error}"
            ) from error
        if problem := find_problem(path, file):
            _delete(path)
            raise IntegrityError(
                f"{where} does not match its checksum ({problem}), also after a "
                "second download; tell its publisher, or set HF_ENDPOINT to another "
                "mirror."
            )
        return path

    def _download(self, file: str, force: bool = False) -> Path:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HTTPError

        for delay in (*RETRY_DELAYS, None):
            try:
                path = hf_hub_download(
                    self.repo,
                    file,
                    revision=self.revision,
                    cache_dir=self.cache_dir,
                    force_download=force,
                    library_name="ae_zoo",
                    library_version=__version__,
                )
                return Path(path)
            except (HTTPError, OSError, ValueError) as error:
                reason = error
                if type(error) is ValueError and error.__cause__:
                    reason = error.__cause__  # so a forced download wraps it
                if delay is None or not _is_passing(reason):
                    raise DownloadError(self._explain(file, reason)) from error
            time.sleep(delay)

    def _explain(self, file: str, error: BaseException) -> str:
        from huggingface_hub import errors

        status = _status(error)
        if any(
            isinstance(e, errors.OfflineModeIsEnabled) for e in (error, error.__cause__)
        ):
            why = (
                "offline mode is on and the file is not in the cache; unset "
                f"HF_HUB_OFFLINE, or run `ae-zoo download {self.name}` with a network "
                "first"
            )
        elif isinstance(error, errors.RevisionNotFoundError):
            why = (
                "there is no such revision; give a branch, a tag or a commit of 40 "
                "digits"
            )
        elif isinstance(error, errors.RemoteEntryNotFoundError):
            why = (
                "the repository has no such file; choose one that was written by "
                "ae_zoo.save"
            )
        elif isinstance(error, errors.RepositoryNotFoundError) or status in (401, 403):
            why = (
                "the repository does not exist or is private; check its name, and log "
                "in with `hf auth login` or set HF_TOKEN"
            )
        else:
            cause = error.__cause__ if isinstance(error, FileNotFoundError) else None
            reason = str(cause or error).strip().partition("\n")[0].rstrip(".")
            why = (
                f"{reason}; check the connection and try again, or set HF_ENDPOINT to "
                "a mirror"
            )
        return f"{self.name}: cannot get {file} of {self.repo}@{self.revision}: {why}."


def _status(error: BaseException) -> int | None:
    """The HTTP status that `error` reports, None if it reports none."""
    return getattr(getattr(error, "response", None), "status_code", None)


def _is_passing(error: BaseException) -> bool:
    """Whether to try again: after server errors, lost connections, short files."""
    from huggingface_hub.errors import HTTPError

    if (status := _status(error)) is not None:
        return status >= 500
    return isinstance(error, HTTPError) or (
        type(error) is OSError and error.errno is None  # wrong size after a download
    )


def _delete(path: Path) -> None:
    """Deletes a file of the cache and, where it is a link, the blob it points to."""
    blob = path.parent / os.readlink(path) if path.is_symlink() else path
    path.unlink(missing_ok=True)
    blob.unlink(missing_ok=True)
