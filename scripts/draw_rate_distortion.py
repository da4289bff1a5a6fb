"""Draws PSNR and MS-SSIM of photographs against bits a pixel, for docs/.

    python scripts/draw_rate_distortion.py factorized_ae.bsds500 hyperprior_ae.bsds500

Measures the weights, JPEG, WebP and AVIF on bsds500/val, as `ae-zoo evaluate` does,
and also prints the curves.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ae_zoo.datasets import load_pictures
from ae_zoo.evaluation.rate_distortion import PEERS, measure_codec, measure_peer
from ae_zoo.tasks import Compressor

TARGET = Path(__file__).parent.parent / "docs" / "rate_distortion.png"
COLOURS = ("#c2410c", "#1d4ed8")  # of our codecs
GREYS = {"jpeg": "#b4bcc6", "webp": "#8a95a1", "avif": "#4b5560"}
NAMES = {"jpeg": "JPEG", "webp": "WebP", "avif": "AVIF"}


def draw(curves: dict, colours: dict) -> Figure:
    """Draws two panels with a line for each of the named curves."""
    figure = Figure(figsize=(10, 4.6), dpi=120, layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, key, label in zip(
        panels, ("psnr", "ms_ssim"), ("PSNR, dB", "MS-SSIM, dB"), strict=True
    ):
        for name, curve in curves.items():
            y = getattr(curve, key)
            # In decibels, since MS-SSIM crowds near 1.
            y = -10 * np.log10(1 - y) if key == "ms_ssim" else y
            ours = name not in NAMES
            axes.plot(
                curve.bpp,
                y,
                "o-",
                label=NAMES.get(name, name),
                color=colours[name],
                lw=2 if ours else 1.2,
                ms=4 if ours else 3,
                zorder=2 + ours,
            )
        axes.set(xlabel="bits a pixel", ylabel=label, xlim=(0, 2))
        axes.grid(alpha=0.3, lw=0.5)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False, loc="lower right")
    figure.suptitle("bsds500/val: means over 100 photographs, whole files", size=11)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", metavar="NAME", help="at most two weights")
    parser.add_argument("--data-dir", help="where TFDS keeps its files")
    args = parser.parse_args()
    pictures = load_pictures("bsds500", "val", args.data_dir)
    curves = {name: measure_codec(Compressor(name), pictures) for name in args.names}
    curves |= {name: measure_peer(name, pictures) for name in PEERS}
    for name, curve in curves.items():
        print(name)
        for i, quality in enumerate(curve.qualities):
            print(
                f"  quality {quality}: {curve.bpp[i]:.4f} bpp, {curve.psnr[i]:.3f} dB, "
                f"MS-SSIM {curve.ms_ssim[i]:.4f}"
            )
    colours = dict(zip(args.names, COLOURS, strict=False)) | GREYS
    draw(curves, colours).savefig(TARGET)
    print(TARGET)


if __name__ == "__main__":
    main()
