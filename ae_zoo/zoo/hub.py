"""Weights folders on a Hugging Face Hub, verified, in huggingface_hub's own cache.

Token, endpoint, cache folder and offline mode are huggingface_hub's business: it
reads `HF_TOKEN`, `HF_ENDPOINT`, `HF_HOME` and `HF_HUB_OFFLINE` when it is imported.
"""

import dataclasses
import os
import time
import warnings
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from ae_zoo.errors import DownloadError, IntegrityError, ManifestError
from ae_zoo.zoo.cache import Cache
from ae_zoo.zoo.folder import (
    LARGEST_JSON,
    METADATA,
    WEIGHTS,
    find_problem,
    promised_files,
)
from ae_zoo.zoo.manifest import is_commit
from ae_zoo.zoo.obstacles import Obstacle, from_disk
from ae_zoo.zoo.transfer import Transfer

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

        The revision must be a commit. A file with a wrong checksum is downloaded once
        more.

        Args:
            files: {"name", "sha256", "size"} each.

        Returns:
            The folder of the cache that holds them.

        Raises:
            DownloadError: a file cannot be downloaded.
            IntegrityError: a file has a wrong checksum, also after a second download.
            ManifestError: a file besides the weights is promised to exceed 1 MiB.
        """
        cache = self._cache()
        for file in files:
            path = cache.path(self.revision, file["name"])
            problem = find_problem(path, file)
            if problem is None:
                continue
            if file["name"] != WEIGHTS and file["size"] > LARGEST_JSON:
                raise ManifestError(
                    f"{self.name}: {file['name']} of {self.repo} is listed with "
                    f"{file['size']} bytes, above 1 MiB; do not load it."
                )
            try:
                self._get(cache, file)
            except DownloadError as error:
                if problem == "missing":
                    raise
                raise IntegrityError(
                    f"{self._where(file)} is damaged in the cache and cannot be "
                    f"replaced; {error}"
                ) from error
        return cache.path(self.revision, METADATA).parent

    def fetch_promised(self) -> tuple[Path, list[dict]]:
        """Fetches and verifies the files in the folder's own metadata.

        Where the Hub cannot be reached, the commit that the revision named last is
        taken from the cache, with a warning.

        Returns:
            The folder of the cache, and the files of the metadata.

        Raises:
            DownloadError, IntegrityError: as `fetch`.
            ManifestError: the metadata is malformed.
        """
        cache = self._cache()
        metadata = self._get_metadata(cache)
        pinned = dataclasses.replace(self, revision=metadata.parent.name)
        try:
            files = promised_files(metadata.parent)
            return pinned.fetch(files), files
        except (IntegrityError, ManifestError):
            cache.remove(metadata)  # it may be damaged: the next try fetches it
            raise

    def find_cached(self, file: str) -> Path | None:
        """Path of `file` in the cache, or None; makes no request."""
        path = self._cache().path(self.revision, file)
        return path if os.path.isfile(path) else None

    def _cache(self) -> Cache:
        return Cache(self.repo, self.cache_dir)

    def _where(self, file: dict) -> str:
        return f"{self.name}: {file['name']} of {self.repo}@{self.revision}"

    def _get_metadata(self, cache: Cache) -> Path:
        from huggingface_hub import constants

        file = {"name": METADATA}
        if is_commit(self.revision) and cache.has(self.revision, file):
            return cache.path(self.revision, METADATA)
        try:
            return self._get(cache, file)
        except DownloadError as error:
            commit, obstacle = cache.find_commit(self.revision), error.__cause__
            may_pass = obstacle.wait is not None
            if not (may_pass and commit and cache.has(commit, file)):
                raise
            if not constants.HF_HUB_OFFLINE:
                warnings.warn(
                    f"{error} Its commit {commit}, which {self.revision} named at the "
                    "last download, is taken from the cache.",
                    stacklevel=2,
                )
            return cache.path(commit, METADATA)

    def _get(self, cache: Cache, file: dict) -> Path:
        """Path of a file in the cache, where it is downloaded to if need be."""
        size = file.get("size")
        limit = LARGEST_JSON if size is None else size
        transfer = Transfer(self.name, self.repo, file["name"], size, limit)
        try:
            for _ in range(2):
                if path := self._try(cache, file, transfer):
                    return path
        except Obstacle as obstacle:
            raise DownloadError(
                f"{self.name}: cannot get {file['name']} of "
                f"{self.repo}@{self.revision}: {obstacle}."
            ) from obstacle
        raise IntegrityError(
            f"{self._where(file)} does not match its checksum (wrong sha256), also "
            "after a second download; tell its publisher, or set HF_ENDPOINT to "
            "another mirror."
        )

    def _try(self, cache: Cache, file: dict, transfer: Transfer) -> Path | None:
        """Downloads, again after passing obstacles; None if the checksum is wrong."""
        for delay in (*RETRY_DELAYS, None):
            try:
                return self._download(cache, file, transfer)
            except Obstacle as obstacle:
                wait = obstacle.wait
                if delay is None or wait is None or wait > delay:
                    raise
            time.sleep(delay)

    def _download(self, cache: Cache, file: dict, transfer: Transfer) -> Path | None:
        commit = transfer.find_commit(self.revision)
        try:
            if cache.has(commit, file):
                path = cache.path(commit, file["name"])
            elif "sha256" not in file or not (path := cache.reuse(commit, file)):
                path = cache.add(_shown(transfer.read(commit), file), commit, file)
        except OSError as error:
            raise from_disk(error, cache.folder.parent) from error
        if path:
            cache.remember(self.revision, commit)
        return path


def _shown(chunks: Generator, file: dict) -> Generator:
    """The chunks, with a progress bar on a terminal."""
    from huggingface_hub.utils import tqdm

    options = {"unit": "B", "unit_scale": True, "disable": None}
    with tqdm(total=file.get("size"), desc=file["name"], **options) as bar:
        for chunk in chunks:
            bar.update(len(chunk))
            yield chunk
