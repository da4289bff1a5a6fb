"""Adds a finished training to the zoo: weights folder, manifest entry, model card."""

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import yaml

from ae_zoo import __version__
from ae_zoo._files import write_text
from ae_zoo.datasets.loading import READERS, reader
from ae_zoo.errors import ManifestError
from ae_zoo.publishing.card import write_card
from ae_zoo.zoo.folder import WEIGHTS, load_folder, sha256
from ae_zoo.zoo.hdf5 import precision
from ae_zoo.zoo.manifest import KERAS_FILES, manifest_path, read_manifest, weights_path


def bundle(
    run: str | os.PathLike,
    data_dir: str | os.PathLike | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict:
    """Measures the result of a training and adds it to the bundled weights.

    Args:
        run: the folder that `ae_zoo.training.train` wrote.
        data_dir: where TFDS keeps its files.
        progress: called with the name of each question before it is measured.

    Returns:
        The manifest entry, already written to the manifest.

    Raises:
        ManifestError: `run` holds no finished training, its recipe differs from the
            packaged one of that name, or it misses the values required there.
    """
    from ae_zoo.evaluation import evaluate
    from ae_zoo.training.recipe import load_recipe, missed_limits

    run = Path(run)
    if not (run / "history.json").is_file():
        raise ManifestError(f"{run} holds no finished training (no history.json).")
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    trained, packaged = load_recipe(run / "recipe.yaml"), load_recipe(recipe["name"])
    if dataclasses.replace(trained, reach=packaged.reach) != packaged:
        raise ManifestError(
            f"{run} was trained by another recipe than the packaged "
            f"{recipe['name']!r}; train it again."
        )
    training = json.loads((run / "history.json").read_text())
    name, data = recipe["name"], recipe["data"]

    model = load_folder(run / "model")
    result = evaluate(model, dataset=data["name"], data_dir=data_dir, progress=progress)
    if missed := missed_limits(packaged, result["metrics"]):
        raise ManifestError(f"{run} is not good enough: {'; '.join(missed)}.")
    folder = weights_path() / name
    folder.mkdir(parents=True, exist_ok=True)
    for file in KERAS_FILES:
        shutil.copyfile(run / "model" / file, folder / file)
    (folder / "training.json").write_text(json.dumps(training) + "\n")

    shape = model.input_shape[1:]
    entry = {
        "name": name,
        "family": model.family,
        "dataset": data["name"],
        "tasks": list(model.tasks),
        "parameters": model.count_params(),
        "input": {
            "shape": list(shape),
            "dtype": "float32",
            "range": [0.0, 1.0],
            **_channels(data["name"], model),
            "layout": "channels_last",
        },
        "code": dataclasses.asdict(model.code),
        "files": list_files(folder),
        "precision": precision(folder / WEIGHTS),
        "hub": None,
        "recipe": name,
        "training_data": {
            "name": data["name"],
            "split": data["train"],
            "licence": data["licence"],
            "epochs": len(training["history"]),
            "converged": training.get("converged", False),
            "training_seconds": training["seconds"],
            "hardware": training["hardware"],
        },
        "licence": "Apache-2.0",
        "versions": {"ae_zoo": __version__, "keras": training["keras"]},
        "metrics": _rounded(result["metrics"]),
        "baselines": _rounded(result["baselines"]),
        "measured_by": f"ae-zoo evaluate {name}",
    }
    write_entry(entry)
    write_card(entry, recipe, folder, model, data_dir)
    return entry


def list_files(folder: Path) -> list[dict]:
    """The files of a weight for its manifest entry: name, checksum, size in bytes."""
    return [
        {
            "name": file,
            "sha256": sha256(folder / file),
            "size": (folder / file).stat().st_size,
        }
        for file in KERAS_FILES
    ]


def write_entry(entry: dict) -> None:
    """Writes a manifest entry in the place of the one of that name, if any."""
    entries = {e["name"]: e for e in read_manifest()["weights"]}
    entries[entry["name"]] = entry
    content = {"weights": [entries[name] for name in sorted(entries)]}
    write_text(manifest_path(), json.dumps(content, indent=1) + "\n")


def _channels(data: str, model) -> dict:
    """Describes the last axis of the input, for the manifest."""
    if data in READERS:
        return reader(data).INPUT
    return {"channels": {1: "grey", 3: "rgb"}[model.output_shape[-1]]}


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {key: float(f"{value:.5g}") for key, value in values.items()}
