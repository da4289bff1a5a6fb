"""What a weights folder, or the folder of a training, holds."""

import dataclasses
import json
import os
from pathlib import Path

from ae_zoo import registry
from ae_zoo.errors import InputError, ManifestError
from ae_zoo.training.plain import read_yaml
from ae_zoo.zoo.folder import CONFIG, METADATA, load_folder, promised_files
from ae_zoo.zoo.loader import download, is_on_hub
from ae_zoo.zoo.manifest import bundled_folder, resolve

RECIPE, HISTORY, SCALING = "recipe.yaml", "history.json", "scaling.json"
BUNDLED_HISTORY = "training.json"  # beside weights that `bundle` has copied


def describe_folder(path: str | os.PathLike) -> dict:
    """What the model in a folder is, takes and was trained on.

    The files are compared with their checksums, and the model is built.

    Args:
        path: a weights folder, the folder of a training, or 'hf://org/repo'.

    Returns:
        `folder`, `family`, `summary`, `tasks`, `parameters`, `input` (`shape`, `dtype`,
        `layout`, and `range`, None for any), `code`, `loss`, `precision`, `files`,
        `versions`, and `training`: `recipe`, `data`, `start`, `epochs`, `best_epoch`,
        `converged`, `seconds` and `hardware`, None where it is not known.

    Raises:
        InputError: the folder is of a training that is not finished, or holds no
            weights.
        UnknownNameError: there is no such folder.
        IntegrityError, ManifestError: as `ae_zoo.load`.
    """
    folder, run = _find(path)
    files = promised_files(folder)
    model = load_folder(folder, files)
    own = _read_json(folder / METADATA)
    training = None if run is None else _training(run)
    bounded = model.arguments.get("output") != "linear" or model.takes_map
    in_range = bounded or (training or {}).get("recipe") is not None
    return {
        "folder": str(folder),
        "family": model.family,
        "summary": registry.family(model.family).summary,
        "tasks": list(model.tasks),
        "parameters": model.count_params(),
        "input": {
            "shape": list(model.input_shape[1:]),
            "dtype": "float32",
            "range": [0.0, 1.0] if in_range else None,
            "layout": "channels_last",
        },
        "code": dataclasses.asdict(model.code),
        "loss": model.recommended_loss,
        "precision": model.dtype_policy.name,
        "files": files,
        "versions": {
            "ae_zoo": own["ae_zoo"].get("version"),
            "keras": own.get("keras_version"),
        },
        "training": training,
    }


def _find(path: str | os.PathLike) -> tuple[Path, Path | None]:
    """The weights folder, and the folder that tells of its training, if there is one.

    It is the folder of a training, or the weights folder itself.
    """
    if is_on_hub(path):
        return download(path), None
    folder = Path(path).expanduser()
    if (folder / "model" / CONFIG).is_file():
        return folder / "model", folder
    if (folder / CONFIG).is_file() or not folder.is_dir():
        outside = Path(os.path.abspath(folder)).parent
        if (folder / BUNDLED_HISTORY).is_file():
            return folder, folder
        inside_run = folder.name == "model" and (outside / RECIPE).is_file()
        return folder, outside if inside_run else None
    if (folder / RECIPE).is_file():
        raise InputError(
            f"{folder} holds a training that is not finished: go on with `ae-zoo train "
            f"{folder / RECIPE} --out {folder} --resume`."
        )
    raise InputError(
        f"{folder} holds neither weights nor a training: give a folder that "
        "ae_zoo.save or `ae-zoo train` wrote."
    )


def _training(run: Path) -> dict:
    """What is known of a training, by its folder or by a bundled weights folder."""
    recipe, history = {}, {}
    if (run / RECIPE).is_file():
        recipe = read_yaml(run / RECIPE)
    for name in (HISTORY, BUNDLED_HISTORY):
        if (run / name).is_file():
            history = _read_json(run / name)
    data, rows = recipe.get("data"), history.get("history")
    data = data if isinstance(data, dict) else {}
    if bundled_folder(run.name) == run.resolve():
        entry = resolve(run.name)
        recipe, data = {"name": entry["recipe"]}, entry["training_data"]
    return {
        "recipe": recipe.get("name"),
        "data": data.get("path") or data.get("name"),
        "start": recipe.get("start"),
        "epochs": len(rows) if isinstance(rows, list) else None,
        "best_epoch": history.get("best_epoch"),
        "converged": history.get("converged"),
        "seconds": history.get("seconds"),
        "hardware": history.get("hardware"),
        "scaled": (run / SCALING).is_file(),
    }


def _read_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ManifestError(f"Cannot read {path} ({error}); remove it.") from error
    if not isinstance(content, dict):
        raise ManifestError(f"{path} is not a JSON object; remove it.")
    return content
