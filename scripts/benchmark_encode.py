"""Times `encode` against Keras's own `predict` on the same sub-model.

    python scripts/benchmark_encode.py
    python scripts/benchmark_encode.py --single --images 1000 --rounds 3

The two alternate in one process, each starting every other round, so that neither
gains from a quieter machine. Prints the ratio of throughputs (above 1 means that
`encode` is faster) of every round and their median.
"""

import argparse
import statistics
import time

import keras
import numpy as np

import ae_zoo

BATCH_SIZE = 256


def seconds(function) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", default="conv_ae.mnist", metavar="NAME")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--single", action="store_true", help="pass one image at a time"
    )
    args = parser.parse_args()

    model = ae_zoo.load(args.name)
    plain = keras.Model(model.inputs, model.bottleneck.output)
    shape = (args.images, *model.input_shape[1:])
    x = np.random.default_rng(0).random(shape, dtype="float32")
    calls = [x[i : i + 1] for i in range(len(x))] if args.single else [x]

    def encode():
        for images in calls:
            model.encode(images, batch_size=BATCH_SIZE)

    def predict():
        for images in calls:
            plain.predict(images, batch_size=BATCH_SIZE, verbose=0)

    timed = {"encode": encode, "predict": predict}
    for function in timed.values():
        function()  # traces and compiles

    size = 1 if args.single else BATCH_SIZE
    print(f"{args.name}, {args.images:,} images, batches of {size}")
    ratios = []
    for i in range(args.rounds):
        order = list(timed) if i % 2 == 0 else list(timed)[::-1]
        taken = {name: seconds(timed[name]) for name in order}
        ratios.append(taken["predict"] / taken["encode"])
        speeds = ", ".join(
            f"{name} {args.images / taken[name]:,.0f} images/s" for name in timed
        )
        print(f"round {i + 1}: {speeds}, ratio {ratios[-1]:.3f}")
    print(f"median ratio {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
