"""Measures time and memory of denoising, inpainting and compression.

    python scripts/benchmark_photographs.py

Pictures are scikit-image's, extended by reflection. Times are medians after a first
call, which compiles. Memory is the difference between the peaks of the process with a
picture of 50 megapixels and with a small one. Compression includes decompression.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from skimage import data

from ae_zoo import list_models
from ae_zoo.tasks import Compressor, Denoiser, Inpainter
from ae_zoo.tasks.denoiser import COLOUR_DENOISER, DENOISER
from ae_zoo.tasks.inpainter import INPAINTER

REPEATS = 7
LARGE = (7072, 7072)  # 50 megapixels


def picture(height: int, width: int, grey: bool = False) -> np.ndarray:
    """A picture `(height, width, 3)` or `(height, width)`, uint8."""
    image = data.camera() if grey else data.astronaut()
    down, right = (max(0, n - 512) for n in (height, width))  # both have 512 x 512
    ends = [(0, down), (0, right), (0, 0)][: image.ndim]
    return np.pad(image, ends, mode="symmetric")[:height, :width]


def denoise(size, grey=False, sigma=None):
    denoiser, image = Denoiser(), picture(*size, grey)
    return lambda: denoiser(image, sigma)


def inpaint(size):
    inpainter, image = Inpainter(), picture(*size)
    holes = np.random.default_rng(0).random(size) < 0.5
    return lambda: inpainter(image, holes)


def compress(size, name):
    codec, image = Compressor(name), picture(*size)
    return lambda: codec.decompress(codec.compress(image))


@dataclass(frozen=True)
class Work:
    """A task to measure: `make(size)` returns a function that runs it by a weight."""

    weight: str
    size: tuple[int, int]
    make: Callable[[tuple[int, int]], Callable[[], object]]


BSDS, LARGER = (321, 481), (512, 768)
FACTORIZED, HYPERPRIOR = "factorized_ae.bsds500", "hyperprior_ae.bsds500"
WORK = {
    "denoise-grey-given": Work(DENOISER, BSDS, lambda size: denoise(size, True, 25)),
    "denoise-grey": Work(DENOISER, BSDS, lambda size: denoise(size, True)),
    "denoise-colour-given": Work(
        COLOUR_DENOISER, BSDS, lambda size: denoise(size, sigma=25)
    ),
    "denoise-colour": Work(COLOUR_DENOISER, BSDS, denoise),
    "inpaint": Work(INPAINTER, BSDS, inpaint),
    "compress-factorized": Work(
        FACTORIZED, LARGER, lambda size: compress(size, FACTORIZED)
    ),
    "compress-hyperprior": Work(
        HYPERPRIOR, LARGER, lambda size: compress(size, HYPERPRIOR)
    ),
}


def seconds(work: Work) -> float:
    run, taken = work.make(work.size), []
    run()
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def peak() -> float:
    """Peak memory of this process in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def print_memory(work: Work) -> None:
    work.make((64, 64))()
    before = peak()
    work.make(LARGE)()
    print(f"{peak() - before:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "works",
        nargs="*",
        metavar="WORK",
        help=f"of {', '.join(WORK)}; default: all whose weight is in the zoo",
    )
    parser.add_argument("--memory", action="store_true", help="memory, instead of time")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if unknown := [name for name in args.works if name not in WORK]:
        parser.error(f"unknown: {', '.join(unknown)}")
    for name in args.works or WORK:
        work = WORK[name]
        if work.weight not in list_models():
            print(f"{name}: {work.weight} has no published weights yet")
        elif args.here:
            print_memory(work)
        elif args.memory:
            command = [sys.executable, __file__, name, "--memory", "--here"]
            run = subprocess.run(command, check=True, capture_output=True, text=True)
            print(f"{name}, {LARGE[1]} x {LARGE[0]}: {run.stdout.strip()} MB more")
        else:
            height, width = work.size
            print(f"{name}, {width} x {height}: {seconds(work):.3f} s")


if __name__ == "__main__":
    main()
