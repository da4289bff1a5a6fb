"""Compares the speed of convolutions by a matrix product with Keras's own.

Measures a convolution of stride 2 and its transpose between small images: time of a
forward and backward pass of a compiled function over 100 images, in alternation, and
the ratio of the medians. If it is above 1, the product is faster; this is why
`ae_zoo.layers.matmul_conv` uses it if the coarser image is 2 x 2 or 1 x 1.
"""

import argparse
import time

import numpy as np
import tensorflow as tf
from keras import layers

from ae_zoo.layers import MatmulConv2D, MatmulConv2DTranspose

BATCH_SIZE = 100
KINDS = (
    (MatmulConv2D, layers.Conv2D),
    (MatmulConv2DTranspose, layers.Conv2DTranspose),
)
CASES = (  # side of the finer image, kernel size, channels of the finer and the coarser
    (2, 3, 512, 512),
    (4, 3, 64, 128),
    (4, 3, 256, 512),
    (4, 4, 512, 1024),
    (8, 3, 64, 128),
    (8, 4, 256, 512),
)


def training_step(layer, x):
    """A compiled function that computes the layer's gradients for a batch."""

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.square(layer(x)))
        return tape.gradient(loss, [x, *layer.trainable_variables])

    step()  # traces
    return step


def timed(function) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    for side, kernel_size, fine, coarse in CASES:
        timings = []
        for kinds in KINDS:
            down = kinds is KINDS[0]
            shape = (side, side, fine) if down else (side // 2, side // 2, coarse)
            x = tf.random.normal((BATCH_SIZE, *shape))
            filters = coarse if down else fine
            built = (kind(filters, kernel_size, 2, "same") for kind in kinds)
            steps = [training_step(layer, x) for layer in built]
            taken = [[timed(step) for step in steps] for _ in range(args.rounds)]
            ours, theirs = np.median(taken, axis=0)
            timings.append(f"{1e3 * ours:.1f} ms, ratio {theirs / ours:.2f}")
        print(
            f"{side} to {side // 2}, kernel {kernel_size}, {fine} and {coarse} "
            f"channels: {timings[0]}; transposed {timings[1]}",
            flush=True,
        )


if __name__ == "__main__":
    main()
