"""How well does the model inpaint? Baselines: biharmonic, OpenCV's methods."""

import importlib.util

import numpy as np
from skimage.restoration import inpaint_biharmonic

from ae_zoo.corruptions.holes import block, scattered, strokes
from ae_zoo.evaluation.reconstruction import psnr
from ae_zoo.tasks.inpainter import Inpainter

HOLES = {
    "random50": lambda size, rng: scattered(size, rng, 0.5),
    "strokes": lambda size, rng: strokes(size, rng, 0.15),
    "block": lambda size, rng: block(size, rng, 32),
}
RADIUS = 3  # of OpenCV's methods, in pixels, as in its tutorial


def applies(subject) -> bool:
    """Whether the model is trained to inpaint."""
    return "inpaint" in subject.model.tasks


def measure(subject) -> tuple[dict, dict]:
    """Mean PSNR in dB over the pictures of bsds500/val, for three kinds of masks.

    PSNR covers the whole picture, known pixels included. The masks, seeded by the
    picture's number, are half of the pixels at random, strokes over 15% of the picture,
    and a block of 32 x 32. The baselines are scikit-image's biharmonic equations and,
    if the package is installed, OpenCV's methods of Telea and by the Navier-Stokes
    equations.
    """
    inpainter = Inpainter(subject.model)
    pictures = subject.pictures("bsds500", "val")
    metrics, baselines = {}, {}
    subject.expect(len(HOLES) * len(pictures))
    for name, draw in HOLES.items():
        figures: dict[str, list] = {}
        for number, clean in enumerate(subject.track(pictures)):
            holes = draw(clean.shape[:2], np.random.default_rng(number))
            damaged = np.where(holes[..., None], np.uint8(0), clean)
            filled = {"": inpainter.restore_pixels(damaged, holes[..., None])}
            filled |= {m: fill(damaged, holes) for m, fill in _peers().items()}
            for method, result in filled.items():
                pair = (x[None] / np.float32(255) for x in (clean, result))
                figures.setdefault(method, []).append(psnr(*pair))
        key = f"inpaint_psnr@{name}"
        metrics[key] = np.mean(figures.pop(""))
        baselines |= {f"{m}_{key}": np.mean(values) for m, values in figures.items()}
    return metrics, baselines


def _peers() -> dict:
    peers = {"biharmonic": biharmonic}
    if importlib.util.find_spec("cv2"):
        peers |= {"telea": _opencv("INPAINT_TELEA"), "ns": _opencv("INPAINT_NS")}
    return peers


def biharmonic(damaged: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Inpaints by biharmonic equations (Damelin and Hoang, 2018)."""
    # Without splitting, scikit-image 0.26 reads uninitialised memory for some masks.
    filled = inpaint_biharmonic(
        damaged, holes, split_into_regions=True, channel_axis=-1
    )
    return np.rint(np.clip(filled, 0, 1) * 255).astype("uint8")


def _opencv(flag: str):
    def fill(damaged: np.ndarray, holes: np.ndarray) -> np.ndarray:
        import cv2

        return cv2.inpaint(damaged, holes.astype("uint8"), RADIUS, getattr(cv2, flag))

    return fill
