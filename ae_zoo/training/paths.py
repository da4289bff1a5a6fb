"""The paths in a recipe."""

import os
from pathlib import Path

from ae_zoo.errors import UnknownNameError
from ae_zoo.zoo.manifest import resolve


def is_file(path: Path) -> bool:
    """Whether `path` is a file, also where no file could have such a name."""
    try:
        return path.is_file()
    except OSError:  # the name is too long
        return False


def anchor(content: dict, folder: Path) -> None:
    """Makes the paths of a recipe, which are relative to `folder`, absolute."""

    def absolute(path: str) -> str:
        return os.path.abspath(os.path.join(folder, os.path.expanduser(path)))

    data, start = content.get("data"), content.get("start")
    if isinstance(data, dict) and isinstance(data.get("path"), str):
        for key in ("path", "validation"):
            if isinstance(data.get(key), str):
                data[key] = absolute(data[key])
    if isinstance(start, str) and _is_folder(start, folder):
        content["start"] = absolute(start)


def _is_folder(start: str, folder: Path) -> bool:
    """Whether `start` is a weights folder, as `ae_zoo.load` decides it."""
    if start.startswith("hf://"):
        return False
    if "/" in start or os.sep in start:
        return True
    try:
        resolve(start)
        return False
    except UnknownNameError:
        return (folder / start).is_dir()
