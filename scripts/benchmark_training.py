"""Measures the speed of training: overhead over Keras, scaling, and start.

overhead: throughput against a plain functional Keras model of the same layers,
    loss and optimizer, trained by `fit(x, x)`. 'fit' is our model, trained
    likewise; 'train' is our model, trained as `ae_zoo.training.train` does, fed
    from a `Batches` and watched by a recipe's callbacks. The three take turns in one
    process, each starting every third round. A ratio below 1 is the overhead. The
    time that Keras takes after an epoch does not count: after `fit(x, x)` it sometimes
    waits seconds for tf.data's tuner.
scaling: one epoch of `train` over `.npy` files of 1, 2, 4 and 8 times the size,
    each in a fresh process. The seconds should grow linearly and the peak of
    memory not at all; memory is printed with and without (anonymous) the pages of
    the mapped file, which the system frees when it needs memory.
start: seconds from the call of `train` to the end of the first training step,
    each recipe in a fresh process that has already imported TensorFlow.

`overhead` and `start` also print the CPU time of all threads, which other processes on
the machine disturb less than the elapsed time.
"""

import argparse
import contextlib
import functools
import itertools
import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from unittest import mock

import keras
import numpy as np
from keras import layers

import ae_zoo
from ae_zoo.data.batches import Batches
from ae_zoo.data.sources import Arrays
from ae_zoo.training import train
from ae_zoo.training.callbacks import StopOnNaN
from ae_zoo.training.checkpoint import Checkpoint
from ae_zoo.training.logs import Log
from ae_zoo.training.recipe import parse_recipe
from ae_zoo.training.signals import Signals
from ae_zoo.training.sums import Sums

BATCH_SIZE = 128
STARTED = ("conv_ae.mnist", "vae.mnist", "vae_conv.mnist", "stacked_ae.mnist")
SCALES = (1, 2, 4, 8)
SHAPE = (64, 64, 1)  # of an example in `scaling`


def bare_conv_ae() -> keras.Model:
    """`ae_zoo.models.conv_ae()` in plain Keras."""
    strides = {"strides": 2, "padding": "same"}
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="gelu", **strides),
            layers.Conv2D(64, 3, activation="gelu", **strides),
            layers.Flatten(),
            layers.Dense(32),
            layers.Dense(7 * 7 * 64, activation="gelu"),
            layers.Reshape((7, 7, 64)),
            layers.Conv2DTranspose(32, 3, activation="gelu", **strides),
            layers.Conv2DTranspose(1, 3, activation="sigmoid", **strides),
        ]
    )


def bare_deep_ae() -> keras.Model:
    """`ae_zoo.models.deep_ae()` in plain Keras."""
    sizes = (1000, 500, 250)
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            *(layers.Dense(units, activation="gelu") for units in sizes),
            layers.Dense(30),
            *(layers.Dense(units, activation="gelu") for units in sizes[::-1]),
            layers.Dense(784, activation="sigmoid"),
            layers.Reshape((28, 28, 1)),
        ]
    )


BARE = {"conv_ae": bare_conv_ae, "deep_ae": bare_deep_ae}


def squared_error(y_true, y_pred):
    """Squared error summed over an example, as in ae_zoo."""
    return keras.ops.sum(keras.ops.square(y_pred - y_true), axis=(1, 2, 3))


def overhead(args) -> None:
    pixels = np.random.default_rng(0).integers(
        0, 256, (args.images // BATCH_SIZE * BATCH_SIZE, 28, 28, 1), "uint8"
    )
    for name in BARE:
        with tempfile.TemporaryDirectory() as folder:
            compare(name, pixels, args.rounds, Path(folder))


def compare(name: str, pixels: np.ndarray, rounds: int, folder: Path) -> None:
    """Runs the three in turns and prints their ratios."""
    x = pixels.astype("float32") / 255
    fitted, trained = ae_zoo.registry.build(name), ae_zoo.registry.build(name)
    fitted.compile(keras.optimizers.AdamW(1e-3))
    trained.compile(keras.optimizers.AdamW(1e-3), metrics=["mse"])
    bare = BARE[name]()
    bare.compile(
        keras.optimizers.AdamW(1e-3), squared_error, jit_compile=fitted.jit_compile
    )
    assert count(bare) == count(fitted)

    batches = Batches(Arrays(pixels, x.shape[1:]), BATCH_SIZE)
    variables = [*trained.variables, *trained.optimizer.variables]
    log = Log(folder / "log.csv")

    def fit(model, *callbacks):
        model.fit(x, x, batch_size=BATCH_SIZE, callbacks=[*callbacks], verbose=0)

    def fit_feed(*watches):
        steps = batches.steps_per_pass
        path = folder / "checkpoint.npz"
        callbacks = [StopOnNaN(batches, steps, path), log]
        last = Checkpoint(
            path, {}, variables, callbacks, True, steps, Sums(), Signals()
        )
        callbacks += [last, *watches]
        trained.fit(
            batches.dataset(0, steps),
            steps_per_epoch=steps,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )

    sides = {
        "bare": functools.partial(fit, bare),
        "fit": functools.partial(fit, fitted),
        "train": fit_feed,
    }
    for side in sides.values():
        side()  # traces and compiles
    print(f"{name}, {len(x):,} images a round, jit_compile={fitted.jit_compile}")
    ratios = {"fit": [], "train": []}
    for i in range(rounds):
        first = i % len(sides)
        order = [*sides][first:] + [*sides][:first]
        taken = {side: timed_epoch(sides[side]) for side in order}
        for side, values in ratios.items():
            values.append(taken["bare"] / taken[side])
        line = ", ".join(f"{side} ratio {v[-1][0]:.3f}" for side, v in ratios.items())
        speed = len(x) / taken["bare"][0]
        print(f"round {i + 1}: bare {speed:,.0f} images/s, {line}", flush=True)
    for side, values in ratios.items():
        wall, cpu = np.median(values, axis=0)
        print(f"{name}: median ratio of {side} {wall:.3f} (of CPU time {cpu:.3f})")


def count(model: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)


def timed_epoch(fit) -> np.ndarray:
    """Times of `fit`, as from `timed`, up to the end of its only epoch."""
    clocks = []

    def look(*_):
        clocks.append((time.perf_counter(), time.process_time()))

    look()
    fit(keras.callbacks.LambdaCallback(on_epoch_end=look))
    return np.subtract(clocks[1], clocks[0])


def timed(function) -> tuple[float, float]:
    """Elapsed seconds and CPU seconds of all threads for a call."""
    start = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def scaling(args) -> None:
    rows = []
    for scale in SCALES:
        examples = args.examples * scale
        with tempfile.TemporaryDirectory() as folder:
            path = write_examples(Path(folder) / "x.npy", examples)
            rows.append((examples, *fresh(train_once, path)))
        taken, peak = rows[-1][1:]
        print(
            f"{examples:,} examples ({examples * np.prod(SHAPE) / 2**20:,.0f} MiB): "
            f"{taken:.1f} s, peak memory {peak:,.0f} MiB",
            flush=True,
        )
    for (n, t, _), (more, longer, _) in itertools.pairwise(rows):
        added = (longer - t) / (more - n)
        print(f"{n:,} to {more:,}: {1e6 * added:.1f} µs an added example")
    print(f"peak memory: x {rows[-1][2] / rows[0][2]:.3f}")


def write_examples(path: Path, n: int) -> str:
    """Writes random images in blocks."""
    rng = np.random.default_rng(0)
    array = np.lib.format.open_memmap(path, "w+", "uint8", (n, *SHAPE))
    for start in range(0, n, 1000):
        part = array[start : start + 1000]
        part[:] = rng.integers(0, 256, part.shape, "uint8")
    array.flush()
    return str(path)


def train_once(path: str) -> tuple[float, float]:
    """Seconds of one epoch of `train`, and peak memory in MiB."""
    recipe = parse_recipe(
        {
            "name": "small.random",
            "model": {
                "family": "dense_ae",
                "input_shape": list(SHAPE),
                "latent_dim": 32,
            },
            "data": {"path": path},
            "training": {"epochs": 1, "batch_size": BATCH_SIZE},
        }
    )
    with tempfile.TemporaryDirectory() as out:
        taken, _ = timed(lambda: train(recipe, Path(out) / "run", verbose=False))
    return taken, peak_memory()


def peak_memory() -> float:
    """Peak MiB of this process; getrusage would include that of the parent."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("The system does not report the peak of memory.")


def start(args) -> None:
    for name in args.names:
        taken = [fresh(time_first_step, name) for _ in range(args.rounds)]
        line = ", ".join(f"{wall:.2f}" for wall, _ in taken)
        wall, cpu = np.median(taken, axis=0)
        print(f"{name}: {line}, median {wall:.2f} s (CPU time {cpu:.2f} s)", flush=True)


class FirstStep(Exception):
    """Ends a training after its first step."""


def time_first_step(name: str) -> tuple[float, float]:
    """Times of `train`, as from `timed`, up to the end of its first step."""

    def stop(self, batch, logs=None):
        float(logs["loss"])  # waits for the step
        raise FirstStep

    with (
        tempfile.TemporaryDirectory() as out,
        mock.patch.object(StopOnNaN, "on_train_batch_end", stop),
    ):

        def begin():
            with contextlib.suppress(FirstStep):
                train(name, Path(out) / "run", verbose=False)

        return timed(begin)


def fresh(function, *arguments):
    """The result of a function in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    modes = parser.add_subparsers(required=True)
    mode = modes.add_parser("overhead")
    mode.add_argument("--images", type=int, default=10_000)
    mode.add_argument("--rounds", type=int, default=9)
    mode.set_defaults(run=overhead)
    mode = modes.add_parser("scaling")
    mode.add_argument("--examples", type=int, default=20_000, help="of the first file")
    mode.set_defaults(run=scaling)
    mode = modes.add_parser("start")
    mode.add_argument("names", nargs="*", default=STARTED, metavar="RECIPE")
    mode.add_argument("--rounds", type=int, default=3)
    mode.set_defaults(run=start)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
