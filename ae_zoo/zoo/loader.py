"""Loads weights from the bundled folder, the cache or the Hub, always verified."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ae_zoo.errors import DownloadError, UnknownNameError
from ae_zoo.zoo.folder import (
    check_folder,
    find_problem,
    load_folder,
    promised_files,
)
from ae_zoo.zoo.hub import HubFolder
from ae_zoo.zoo.manifest import bundled_folder, is_repo, read_manifest, resolve

if TYPE_CHECKING:
    from ae_zoo.autoencoder import Autoencoder

_HUB = "hf://"
_RECIPES = Path(__file__).parent.parent / "recipes"
_REVISION = re.compile(r"(?!.*(\.\.|//))\w[\w./-]*", re.ASCII)


def load(
    name: str | os.PathLike,
    revision: str | None = None,
    cache_dir: str | os.PathLike | None = None,
    *,
    input_shape: tuple[int, ...] | None = None,
    weights: bool = True,
    dtype: str | None = None,
) -> "Autoencoder":
    """Loads a pretrained autoencoder.

    Args:
        name: a name of `list_models()`, or an architecture that has one dataset
            only; 'hf://org/repo' or 'hf://org/repo@revision'; or the path of a
            weights folder ('./folder' where a model has the same name).
        revision: of the Hub repository: a branch, a tag or a full commit. By
            default the one pinned in the manifest, and 'main' for 'hf://...'. At
            another revision than the pinned one, the checksums are those of the
            folder's own metadata. Where the Hub cannot be reached, the commit that a
            branch named at the last download is loaded, with a warning.
        cache_dir: folder for downloads, instead of huggingface_hub's cache.
        input_shape: shape of one example, for other sizes where the weights fit, and
            for RGB instead of grey or the reverse: a grey picture as RGB then has the
            same code. None takes that of the weight.
        weights: False for the architecture alone, with random weights.
        dtype: name of a Keras policy such as 'mixed_float16' or 'bfloat16'; None takes
            that of the weight.

    Returns:
        The model, not compiled: `compile()` without arguments, then `fit`.

    Raises:
        UnknownNameError: no such model; the message suggests similar names.
        DownloadError: the files cannot be downloaded.
        IntegrityError: the files do not match their checksums.
        ManifestError: the manifest or the folder is malformed.
        InputError: the weights do not fit `input_shape`, or there is no such `dtype`.

    Example:

        model = ae_zoo.load("conv_ae.mnist")
        codes = model.encode(images)
    """
    model = load_folder(*_find(name, revision, cache_dir))
    if input_shape is None and weights and dtype is None:
        return model
    from ae_zoo.zoo.adapt import rebuild

    return rebuild(model, input_shape, weights, dtype)


def download(
    name: str | os.PathLike,
    revision: str | None = None,
    cache_dir: str | os.PathLike | None = None,
) -> Path:
    """Makes a weight available offline, verified, without importing TensorFlow.

    Arguments and errors are those of `load`.

    Returns:
        The weights folder: the bundled one, or one in the cache.
    """
    folder, files = _find(name, revision, cache_dir)
    check_folder(folder, files)
    return folder


def is_on_hub(name: str | os.PathLike) -> bool:
    """Whether `name` is the address of a repository on the Hub, 'hf://...'."""
    return isinstance(name, str) and name.startswith(_HUB)


def pin(name: str) -> str:
    """Replaces the branch or tag of 'hf://org/repo@branch' by the commit it names now.

    The weight is downloaded. Errors are those of `load`.

    Returns:
        'hf://org/repo@<40 hexadecimal digits>', which names the same weight for ever.
    """
    return f"{name.partition('@')[0]}@{download(name).name}"


def verify(
    name: str | None = None, cache_dir: str | os.PathLike | None = None
) -> list[dict]:
    """Compares the weights on this machine with the manifest's checksums.

    Args:
        name: name of a model; by default every bundled or cached one.
        cache_dir: as in `load`.

    Returns:
        A {"name", "file", "ok", "problem"} for each file; "problem" is None if "ok".
    """
    entries = read_manifest()["weights"] if name is None else [resolve(name)]
    rows = [
        _verify_file(entry, file, cache_dir)
        for entry in entries
        for file in entry["files"]
    ]
    return [row for row in rows if name is not None or row["problem"] != _ABSENT]


_ABSENT = "not on this machine"


def _verify_file(entry: dict, file: dict, cache_dir) -> dict:
    if folder := bundled_folder(entry["name"]):
        path = folder / file["name"]
    else:
        path = entry["hub"] and _hub_folder(entry, cache_dir).find_cached(file["name"])
    problem = find_problem(path, file) if path else _ABSENT
    return {
        "name": entry["name"],
        "file": file["name"],
        "ok": problem is None,
        "problem": problem,
    }


def _find(name, revision, cache_dir) -> tuple[Path, list[dict]]:
    """The folder of a weight, downloaded if needed, and the files it must hold."""
    if not isinstance(name, (str, os.PathLike)):
        raise UnknownNameError(
            f"A model needs a name or the path of a folder, not {name!r}; see "
            "`ae-zoo list`."
        )
    if is_on_hub(name):
        return _find_on_hub(name, revision, cache_dir)
    if _is_path(name):
        return _find_folder(Path(name), revision)
    if not name:
        raise UnknownNameError("A model needs a name; see `ae-zoo list`.")
    try:
        entry = resolve(name)
    except UnknownNameError:
        if Path(name).is_dir():
            return _find_folder(Path(name), revision)
        if (_RECIPES / f"{name}.yaml").is_file():
            raise DownloadError(
                f"{name} has no published weights yet; make it with `ae-zoo train "
                f"{name} --out runs/{name}` and take the folder runs/{name}/model."
            ) from None
        raise
    return _find_listed(entry, revision, cache_dir)


def _is_path(name: str | os.PathLike) -> bool:
    return isinstance(name, os.PathLike) or os.sep in name or "/" in name


def _find_folder(folder: Path, revision) -> tuple[Path, list[dict]]:
    if revision is not None:
        raise DownloadError(
            f"{folder} is a folder, which has no revisions; leave out {revision!r}."
        )
    if not folder.is_dir() and is_repo(str(folder)):
        raise UnknownNameError(
            f"There is no weights folder {folder}; check the path, or write "
            f"hf://{folder} for a repository on the Hub."
        )
    folder = folder.expanduser()
    return folder, promised_files(folder)


def _find_listed(entry: dict, revision, cache_dir) -> tuple[Path, list[dict]]:
    hub = entry["hub"]
    if revision is not None and (hub is None or revision != hub["revision"]):
        if hub is None:
            raise DownloadError(
                f"{entry['name']} is not on the Hub and so has no revisions; leave out "
                f"{revision!r}."
            )
        return _find_on_hub(_HUB + hub["repo"], revision, cache_dir)
    if folder := bundled_folder(entry["name"]):
        return folder, entry["files"]
    if hub is None:
        raise DownloadError(
            f"{entry['name']} is neither bundled nor published; make it with "
            f"`ae-zoo train {entry['name']} --out runs/{entry['name']}`."
        )
    return _hub_folder(entry, cache_dir).fetch(entry["files"]), entry["files"]


def _hub_folder(entry: dict, cache_dir) -> HubFolder:
    hub = entry["hub"]
    return HubFolder(entry["name"], hub["repo"], hub["revision"], cache_dir)


def _find_on_hub(name: str, revision, cache_dir) -> tuple[Path, list[dict]]:
    """A weight outside the manifest: 'hf://org/repo' or 'hf://org/repo@revision'."""
    repo, at, suffix = name.removeprefix(_HUB).partition("@")
    revision = suffix if at and revision is None else revision or "main"
    if (
        not is_repo(repo)
        or not _REVISION.fullmatch(revision)
        or (at and revision != suffix)
    ):
        raise UnknownNameError(
            f"Cannot read {name!r} at revision {revision!r}; write "
            "hf://organisation/name or hf://organisation/name@revision."
        )
    return HubFolder(name, repo, revision, cache_dir).fetch_promised()
