"""Compares a classifier on a pretrained encoder with the same network from scratch.

    python scripts/compare_fine_tuning.py
    python scripts/compare_fine_tuning.py --dataset fashion_mnist --json

Both have the encoder of `conv_ae` under dropout and a softmax layer, and the same
1,000 labelled images, 100 of each class:
    fine-tuned: encoder of the bundled weight; HEAD epochs of the head on the frozen
        encoder, then TUNE epochs of all layers at a lower rate.
    scratch: encoder with random weights, trained for at least as many epochs.
Baselines are the fine-tuned classifier before the encoder was unfrozen (frozen) and
logistic regression on the pixels.

Every setting of a grid, six for the pretrained network and nine for the other, is
trained on labelled images drawn with other seeds and evaluated on held-out training
images; the one with the highest mean is chosen. Only the chosen settings are evaluated
on test images, once. The autoencoder was trained on the training split without labels,
never on the test split.
"""

import argparse
import itertools
import json
import statistics

import keras
import numpy as np
from keras import layers
from sklearn.linear_model import LogisticRegression

import ae_zoo
from ae_zoo.datasets import load_arrays

POOL, HELD_OUT = "train[:50000]", "train[55000:]"  # labels are drawn; settings chosen
BATCH_SIZE = 32
HEAD, TUNE = 20, 20  # epochs
GRIDS = {
    "fine-tuned": {"head_rate": (3e-3, 1e-2), "rate": (1e-4, 3e-4, 1e-3)},
    "scratch": {"rate": (3e-4, 1e-3, 3e-3), "epochs": (40, 80, 160)},
    "logistic": {"c": (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)},
}
CHOICE_SEEDS = (1000, 1001)  # not among those reported


def draw(images, labels, n: int, seed: int):
    """Draws `n` examples, equally many of each class."""
    rng = np.random.default_rng(seed)
    classes = np.unique(labels)
    chosen = [
        rng.choice(np.flatnonzero(labels == c), n // len(classes), replace=False)
        for c in classes
    ]
    chosen = np.concatenate(chosen)
    return images[chosen], labels[chosen]


def build(encoder, classes: int = 10) -> keras.Model:
    """A classifier on an encoder."""
    head = [layers.Dropout(0.5), layers.Dense(classes, activation="softmax")]
    return keras.Sequential([encoder, *head])


def fit(classifier, x, y, rate: float, epochs: int) -> None:
    classifier.compile(
        keras.optimizers.Adam(rate),
        "sparse_categorical_crossentropy",
        jit_compile=False,  # TensorFlow's XLA uses one core of a CPU
    )
    classifier.fit(x, y, batch_size=BATCH_SIZE, epochs=epochs, verbose=0)


def accuracy(classifier, x, y) -> float:
    """Share of `x` that a Keras classifier classifies correctly."""
    scores = classifier.predict(x, batch_size=500, verbose=0)
    return float(np.mean(scores.argmax(axis=-1) == y))


def fine_tuned(name, x, y, test, seed, head_rate, rate, head=HEAD, tune=TUNE) -> dict:
    """Test accuracy on a pretrained encoder, and before that was unfrozen."""
    keras.utils.set_random_seed(seed)
    encoder = ae_zoo.load(name).encoder
    classifier = build(encoder)
    encoder.trainable = False
    fit(classifier, x, y, head_rate, head)
    frozen = accuracy(classifier, *test)
    encoder.trainable = True
    fit(classifier, x, y, rate, tune)
    return {"frozen": frozen, "fine-tuned": accuracy(classifier, *test)}


def from_scratch(name, x, y, test, seed, rate, epochs) -> dict:
    """Test accuracy of the same network from random weights."""
    keras.utils.set_random_seed(seed)
    classifier = build(keras.models.clone_model(ae_zoo.load(name).encoder))
    fit(classifier, x, y, rate, epochs)
    return {"scratch": accuracy(classifier, *test)}


def logistic(name, x, y, test, seed, c) -> dict:
    """Test accuracy of logistic regression on the pixels."""
    model = LogisticRegression(C=c, max_iter=2000).fit(x.reshape(len(x), -1), y)
    images, labels = test
    pixels = images.reshape(len(images), -1)
    return {"logistic": float(model.score(pixels, labels))}


METHODS = {"fine-tuned": fine_tuned, "scratch": from_scratch, "logistic": logistic}


def choose(method: str, name, pool, held_out, labels: int, report) -> dict:
    """The setting of a method's grid with the highest mean on held-out images."""
    grid = GRIDS[method]
    settings = [
        dict(zip(grid, values, strict=True))
        for values in itertools.product(*grid.values())
    ]
    means = []
    for setting in settings:
        results = [
            METHODS[method](name, *draw(*pool, labels, seed), held_out, seed, **setting)
            for seed in CHOICE_SEEDS
        ]
        means.append(statistics.fmean(result[method] for result in results))
        report(f"held out: {method} {setting} {means[-1]:.4f}")
    return settings[int(np.argmax(means))]


def compare(dataset, labels: int, seeds: int, data_dir, report) -> dict:
    """Settings chosen, and test accuracies of every method, one for each seed."""
    name = f"conv_ae.{dataset}"
    pool, held_out, test = (
        load_arrays(dataset, split, data_dir)[:2] for split in (POOL, HELD_OUT, "test")
    )
    chosen = {
        method: choose(method, name, pool, held_out, labels, report)
        for method in METHODS
    }
    rows = []
    for seed in range(seeds):
        row = {}
        for method, run in METHODS.items():
            examples = draw(*pool, labels, seed)
            row |= run(name, *examples, test, seed, **chosen[method])
        rows.append(row)
        report(f"test, seed {seed}: {row}")
    accuracies = {key: [row[key] for row in rows] for key in rows[0]}
    return {
        "weight": name,
        "labels": labels,
        "settings": chosen,
        "accuracy": accuracies,
        "mean": {key: statistics.fmean(values) for key, values in accuracies.items()},
        "difference": [row["fine-tuned"] - row["scratch"] for row in rows],
    }


def print_table(result: dict) -> None:
    accuracies = result["accuracy"]
    print(f"{result['weight']}, {result['labels']:,} labels, accuracy on test images")
    for method, setting in result["settings"].items():
        values = ", ".join(f"{key} {value:g}" for key, value in setting.items())
        print(f"{method}: {values}")
    print("seed  " + "".join(f"{key:>12}" for key in accuracies))
    for seed, row in enumerate(zip(*accuracies.values(), strict=True)):
        print(f"{seed:<6}" + "".join(f"{value:12.4f}" for value in row))
    print("mean  " + "".join(f"{value:12.4f}" for value in result["mean"].values()))
    difference = result["difference"]
    print(
        f"fine-tuned less scratch: mean {statistics.fmean(difference):+.4f}, "
        f"from {min(difference):+.4f} to {max(difference):+.4f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--dataset", choices=("mnist", "fashion_mnist"), default="mnist"
    )
    parser.add_argument("--labels", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--data-dir", help="where TFDS keeps its files")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    args = parser.parse_args()

    def report(line):
        if not args.json:
            print(line, flush=True)

    result = compare(args.dataset, args.labels, args.seeds, args.data_dir, report)
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print_table(result)


if __name__ == "__main__":
    main()
