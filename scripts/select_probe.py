"""Chooses the regularisation of the linear probe without looking at test data.

    python scripts/select_probe.py

Fits probes of the codes and inner layers of the convolutional models to the first
20,000 training images, and prints their accuracy on the last 10,000 training images
for each inverse strength C. `ae_zoo.evaluation.probe.C` is the C with the
highest mean.
"""

import argparse

import numpy as np

import ae_zoo
from ae_zoo.datasets import load_arrays
from ae_zoo.evaluation.measured import flatten
from ae_zoo.evaluation.probe import probe_accuracy

GRID = (0.001, 0.01, 0.1, 1.0)
CASES = [
    (dataset, key)
    for dataset in ("mnist", "fashion_mnist")
    for key in ("code", "conv_2")
]


def held_out_accuracies(dataset: str, key: str, data_dir: str | None) -> list[float]:
    """Accuracy on held-out training images for each C of the grid."""
    model = ae_zoo.load(f"conv_ae.{dataset}")
    fit, fit_labels, _ = load_arrays(dataset, "train[:20000]", data_dir)
    held, held_labels, _ = load_arrays(dataset, "train[50000:]", data_dir)
    features = [flatten(model.features(x, key)) for x in (fit, held)]
    return [probe_accuracy(*features, fit_labels, held_labels, c) for c in GRID]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", help="where TFDS keeps its files")
    options = parser.parse_args()
    rows = []
    for dataset, key in CASES:
        rows.append(held_out_accuracies(dataset, key, options.data_dir))
        cells = "  ".join(
            f"C={c:g} {a:.4f}" for c, a in zip(GRID, rows[-1], strict=True)
        )
        print(f"{dataset} {key}: {cells}", flush=True)
    means = np.mean(rows, axis=0)
    print(f"highest mean: C={GRID[int(np.argmax(means))]:g}")
