"""The manifest, with an entry for each published weight.

Only the standard library is imported, so that listing is instant.
"""

import copy
import difflib
import fnmatch
import json
import os
import re
from pathlib import Path

from ae_zoo.errors import ManifestError, UnknownNameError

KERAS_FILES = ("config.json", "metadata.json", "model.weights.h5")
"""The files of every weight: Keras's layout of a model in a folder."""

_KEYS = (  # besides the name; the schema says more
    *("family", "dataset", "tasks", "parameters", "input", "code", "files", "hub"),
    *("recipe", "training_data", "licence", "metrics", "baselines", "measured_by"),
)
_PRECISIONS = ("float32", "float16")
_PACKAGE = Path(__file__).resolve().parent.parent
_NAME = re.compile(r"[A-Za-z0-9][\w-]*\.[A-Za-z0-9][\w-]*", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPO = re.compile(r"(?!.*(\.\.|--))[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)


def manifest_path() -> Path:
    """The manifest in use.

    `AE_ZOO_MANIFEST` is the path of your own manifest, for a private zoo; its bundled
    weights, if any, lie in the folder `weights` beside it. By default it is that of the
    package.
    """
    if own := os.environ.get("AE_ZOO_MANIFEST"):
        return Path(own).expanduser()
    installed = _PACKAGE / "weights_manifest.json"
    return installed if installed.is_file() else _PACKAGE.parent / installed.name


def weights_path() -> Path:
    """The folder of the bundled weights, beside the manifest in use."""
    if os.environ.get("AE_ZOO_MANIFEST"):
        return manifest_path().parent / "weights"
    return _PACKAGE / "weights"


def read_manifest(path: str | os.PathLike | None = None) -> dict:
    """The manifest at `path` (default: the one in use), checked.

    Raises:
        ManifestError: it cannot be read, an entry lacks a key, or the format of a
            file name, repository, revision or checksum is invalid.
    """
    path = Path(path) if path is not None else manifest_path()
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ManifestError(
            f"Cannot read the manifest {path} ({error}); reinstall ae_zoo, or correct "
            "AE_ZOO_MANIFEST if it is set."
        ) from error
    entries = manifest.get("weights") if isinstance(manifest, dict) else None
    if not isinstance(entries, list):
        raise ManifestError(f'{path} is no manifest: expected {{"weights": [...]}}.')
    seen = set()
    for entry in entries:
        _check_entry(entry, path)
        entry.setdefault("precision", "float32")
        if entry["name"] in seen:
            raise ManifestError(f"{path} lists {entry['name']} twice; remove one.")
        seen.add(entry["name"])
    return manifest


def list_models(
    family: str | None = None,
    task: str | None = None,
    dataset: str | None = None,
    pattern: str | None = None,
) -> list[str]:
    """Names of the weights that meet every given condition, sorted.

    Args:
        family: as in the registry of families, such as 'vae'.
        task: one of the tasks, such as 'features' or 'generate'.
        dataset: the training data, such as 'mnist'.
        pattern: shell-style pattern of the name, such as 'vae*'.
    """
    return sorted(
        entry["name"]
        for entry in read_manifest()["weights"]
        if (family is None or entry["family"] == family)
        and (task is None or task in entry["tasks"])
        and (dataset is None or entry["dataset"] == dataset)
        and (pattern is None or fnmatch.fnmatchcase(entry["name"], pattern))
    )


def model_info(name: str) -> dict:
    """The manifest entry of `name`, with "bundled" for whether it is bundled.

    Raises:
        UnknownNameError: as `resolve`.
    """
    entry = copy.deepcopy(resolve(name))
    entry["bundled"] = bundled_folder(entry["name"]) is not None
    return entry


def resolve(name: str) -> dict:
    """The entry called `name`, or the only one of that architecture.

    Raises:
        UnknownNameError: there is none, or several; the message suggests names.
    """
    entries = {entry["name"]: entry for entry in read_manifest()["weights"]}
    if name in entries:
        return entries[name]
    of_architecture = sorted(n for n in entries if n.split(".")[0] == name)
    if len(of_architecture) == 1:
        return entries[of_architecture[0]]
    if of_architecture:
        raise UnknownNameError(
            f"{name!r} was trained on several datasets; choose one of "
            f"{', '.join(of_architecture)}."
        )
    near = difflib.get_close_matches(name, entries, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else "see `ae-zoo list`."
    raise UnknownNameError(f"Unknown model {name!r}; {hint}")


def bundled_folder(name: str) -> Path | None:
    """The folder of the bundled weight `name`, or None if it is not bundled."""
    folder = weights_path() / name
    return folder if _NAME.fullmatch(name) and folder.is_dir() else None


def check_files(
    files: object, owner: str, required: tuple[str, ...] = KERAS_FILES
) -> None:
    """Checks the format of a list of {"name", "sha256", "size"}.

    Raises:
        ManifestError: a name is not one of a weights folder (so no path leads out
            of it), one is missing or listed twice, or a checksum is malformed.
    """
    if not isinstance(files, list) or not all(isinstance(f, dict) for f in files):
        raise ManifestError(f"{owner} has no list of files.")
    for file in files:
        if file.get("name") not in (*KERAS_FILES, "README.md"):
            raise ManifestError(
                f"{owner} lists the file {file.get('name')!r}; a weight has only "
                f"{', '.join(KERAS_FILES)} and README.md."
            )
        if not _matches(_SHA256, file.get("sha256")) or not _is_size(file.get("size")):
            raise ManifestError(
                f"{owner} lists {file['name']} without a sha256 of 64 hexadecimal "
                "digits and a size in bytes."
            )
    names = [file["name"] for file in files]
    if len(names) != len(set(names)) or not set(required) <= set(names):
        raise ManifestError(
            f"{owner} must list {', '.join(required)} once each; it lists "
            f"{', '.join(names) or 'nothing'}."
        )


def is_repo(value: object) -> bool:
    """Whether `value` has the format of a Hub repository, 'organisation/name'."""
    return _matches(_REPO, value)


def is_commit(value: object) -> bool:
    """Whether `value` is a full commit, 40 hexadecimal digits."""
    return _matches(_COMMIT, value)


def _check_entry(entry: object, path: Path) -> None:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not _matches(_NAME, name):
        raise ManifestError(
            f"{path} has an entry called {name!r}; names are architecture.dataset."
        )
    owner = f"{path}: {name}"
    if missing := [key for key in _KEYS if key not in entry]:
        raise ManifestError(f"{owner} lacks {', '.join(missing)}.")
    tasks = entry["tasks"]
    if not (
        isinstance(entry["family"], str)
        and isinstance(entry["dataset"], str)
        and isinstance(tasks, list)
        and all(isinstance(task, str) for task in tasks)
    ):
        raise ManifestError(f"{owner} needs a family, a dataset and a list of tasks.")
    check_files(entry["files"], owner)
    if entry.get("precision", "float32") not in _PRECISIONS:
        raise ManifestError(
            f"{owner} has the precision {entry['precision']!r:.80}; use one of "
            f"{', '.join(_PRECISIONS)}."
        )
    hub = entry["hub"]
    if hub is not None and not (
        isinstance(hub, dict)
        and is_repo(hub.get("repo"))
        and is_commit(hub.get("revision"))
    ):
        raise ManifestError(
            f"{owner} needs null for its hub, or a repo 'organisation/name' with a "
            "revision of 40 hexadecimal digits."
        )


def _matches(pattern: re.Pattern, value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
