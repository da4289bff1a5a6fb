"""Times the work on photographs, and takes the memory that a large one needs.

    python scripts/benchmark_photographs.py

Pictures are scikit-image's, mirrored to the size. Times are medians after a first call,
which compiles. Memory is the peak of the process with a picture of 50 megapixels over
that with a small one.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
from skimage import data

from ae_zoo.tasks import Compressor, Denoiser, Inpainter

REPEATS = 7
LARGE = (7072, 7072)  # 50 megapixels


def picture(height: int, width: int, grey: bool = False) -> np.ndarray:
    """uint8, `(height, width, 3)` or `(height, width)`."""
    image = data.camera() if grey else data.astronaut()
    down, right = (max(0, n - 512) for n in (height, width))  # both have 512 x 512
    ends = [(0, down), (0, right), (0, 0)][: image.ndim]
    return np.pad(image, ends, mode="symmetric")[:height, :width]


def denoise(height, width, grey=False, sigma=None):
    denoiser, image = Denoiser(), picture(height, width, grey)
    return lambda: denoiser(image, sigma)


def inpaint(height, width):
    inpainter, image = Inpainter(), picture(height, width)
    holes = np.random.default_rng(0).random((height, width)) < 0.5
    return lambda: inpainter(image, holes)


def compress(height, width, name):
    codec, image = Compressor(name), picture(height, width)
    return lambda: codec.decompress(codec.compress(image))


WORK = {
    "denoise grey, told": lambda h, w: denoise(h, w, grey=True, sigma=25),
    "denoise grey, estimating": lambda h, w: denoise(h, w, grey=True),
    "denoise colour, told": lambda h, w: denoise(h, w, sigma=25),
    "denoise colour, estimating": denoise,
    "inpaint": inpaint,
    "factorized_ae": lambda h, w: compress(h, w, "factorized_ae.bsds500"),
    "hyperprior_ae": lambda h, w: compress(h, w, "hyperprior_ae.bsds500"),
}


def size(name: str) -> tuple[int, int]:
    return (512, 768) if name.endswith("_ae") else (321, 481)


def seconds(name: str) -> float:
    work, taken = WORK[name](*size(name)), []
    work()
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def peak() -> float:
    """Megabytes of memory that this process has taken at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def print_memory(name: str) -> None:
    WORK[name](64, 64)()
    before = peak()
    WORK[name](*LARGE)()
    print(f"{peak() - before:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("works", nargs="*", metavar="WORK", help=", ".join(WORK))
    parser.add_argument("--memory", action="store_true", help="memory, not time")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    for name in args.works or WORK:
        if args.here:
            print_memory(name)
        elif args.memory:
            command = [sys.executable, __file__, name, "--memory", "--here"]
            run = subprocess.run(command, check=True, capture_output=True, text=True)
            print(f"{name}, {LARGE[1]} x {LARGE[0]}: {run.stdout.strip()} MB more")
        else:
            height, width = size(name)
            both = ", encode and decode" if name.endswith("_ae") else ""
            print(f"{name}, {width} x {height}{both}: {seconds(name):.3f} s")


if __name__ == "__main__":
    main()
