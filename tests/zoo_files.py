"""Weights folders and manifests made up for a test."""

import hashlib
import json
from pathlib import Path


def digest(content: bytes) -> dict:
    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def fake_weights(size: int = 200_000) -> dict[str, bytes]:
    """Files with matching checksums, but without a model."""
    config, weights = b'{"fake": true}\n', bytes(range(256)) * (size // 256)
    files = {"config.json": digest(config), "model.weights.h5": digest(weights)}
    metadata = {"keras_version": "3", "ae_zoo": {"version": "0", "files": files}}
    return {
        "config.json": config,
        "metadata.json": json.dumps(metadata).encode(),
        "model.weights.h5": weights,
    }


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def read_folder(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def make_entry(name: str, files: dict[str, bytes], hub: dict | None = None) -> dict:
    """A valid manifest entry for `files`."""
    architecture, dataset = name.split(".")
    return {
        "name": name,
        "family": architecture,
        "dataset": dataset,
        "tasks": ["features", "reconstruct"],
        "parameters": 10,
        "input": {
            "shape": [8, 8, 1],
            "dtype": "float32",
            "range": [0.0, 1.0],
            "channels": "grey",
            "layout": "channels_last",
        },
        "code": {"shapes": [[4]], "kind": "vector", "levels": None},
        "files": [{"name": key, **digest(files[key])} for key in sorted(files)],
        "precision": "float32",
        "hub": hub,
        "recipe": name,
        "training_data": {
            "name": dataset,
            "split": "train",
            "licence": "CC BY 4.0",
            "epochs": 3,
            "converged": True,
            "training_seconds": 1.0,
            "hardware": "one CPU core",
        },
        "licence": "Apache-2.0",
        "versions": {"ae_zoo": "0.1.0", "keras": "3.12.0"},
        "metrics": {"mse": 0.01, "denoise_psnr@0.5": 20.0},
        "baselines": {"pca_mse": 0.02, "tv_denoise_psnr@0.5": 18.0},
        "measured_by": f"ae-zoo evaluate {name}",
    }


def write_manifest(path: Path, *entries: dict) -> Path:
    path.write_text(json.dumps({"weights": list(entries)}))
    return path
