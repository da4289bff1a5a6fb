"""Decompresses damaged files: each must be refused or give the right picture.

    python scripts/fuzz_aez.py hyperprior_ae.bsds500

Bits are flipped; bytes are cut, moved, copied from other files or random. Prints how
many files were refused, how many gave the right picture, and the growth of memory.
"""

import argparse
import faulthandler
import resource
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from rich.progress import track
from skimage import data

import ae_zoo.tasks
from ae_zoo.errors import CodecError

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from mutations import mutations

SECONDS = 20  # limit for a file, after which the script is killed


def files(codec) -> list[bytes]:
    """Files of small photographs: RGB, grey with alpha, 16 bits, with a profile."""
    colour = data.coffee()[100:170, 100:190]
    grey = data.camera()[200:248, 200:264]
    deep = data.astronaut()[20:90, 180:240].astype("uint16") * 257
    profiled = Image.fromarray(data.chelsea()[100:140, 100:180])
    profiled.info["icc_profile"] = b"\0" * 12 + b"mntrRGB XYZ " + b"\0" * 104
    faded = Image.fromarray(np.dstack([grey, 255 - grey]))
    pictures = [colour, faded, deep, profiled]
    qualities = range(codec.qualities)
    return [codec.compress(x, q) for x in pictures for q in qualities]


def pixels(codec, file: bytes) -> np.ndarray:
    return np.asarray(codec.decompress(file))


def peak() -> float:
    """Peak memory of this process in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--files", type=int, default=10_000)
    args = parser.parse_args()

    codec = ae_zoo.tasks.Compressor(args.name)
    intact = {file: pixels(codec, file) for file in files(codec)}
    known = {hash(x.tobytes()) for x in intact.values()}
    before, refused, right = peak(), 0, 0
    for file in track(mutations(list(intact), args.files), total=args.files):
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        try:
            result = pixels(codec, file)
        except CodecError:
            refused += 1
            if file in intact:
                raise SystemExit("An intact file was refused.") from None
            continue
        right += 1
        if hash(result.tobytes()) not in known:
            raise SystemExit(f"A damaged file gave another picture: {file.hex()}")
    faulthandler.cancel_dump_traceback_later()
    print(
        f"{args.name}: {args.files:,} files, {refused:,} refused, {right:,} right; "
        f"memory grew by {peak() - before:.0f} MB"
    )


if __name__ == "__main__":
    main()
