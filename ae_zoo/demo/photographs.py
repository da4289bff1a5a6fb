"""Held-out photographs, denoised, inpainted and compressed."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image
from skimage.data import astronaut, chelsea, coffee

from ae_zoo.autoencoder import Autoencoder
from ae_zoo.corruptions.holes import strokes
from ae_zoo.evaluation.inpainting import biharmonic
from ae_zoo.evaluation.reconstruction import psnr
from ae_zoo.evaluation.restoration import non_local_means
from ae_zoo.tasks import Compressor, Denoiser, Inpainter
from ae_zoo.tasks.codec.compressor import CODEC
from ae_zoo.tasks.denoiser import COLOUR_DENOISER
from ae_zoo.tasks.inpainter import INPAINTER

LEVEL = 25  # standard deviation of the noise, of 255
MISSING = 0.15  # share of the pixels
QUALITY = 1
VIEW = 224  # pixels of the squares that are shown
CORNERS = {"noise": (20, 130), "holes": (40, 90), "file": (60, 200)}
SEED = 0


@dataclass(frozen=True)
class Photographs:
    """Three photographs, processed by models and baselines.

    Attributes:
        views: squares `(VIEW, VIEW, 3)`, uint8: "noisy", "denoised", "damaged",
            "filled", "jpeg" and "compressed".
        psnr: PSNR of the whole photographs in dB, by the same keys, and by "nlm"
            (non-local means) and "biharmonic" (inpainting by that equation).
        sizes: bytes of the two files, "jpeg" and "compressed".
        pixels: number of pixels of the compressed photograph.
    """

    views: dict[str, np.ndarray]
    psnr: dict[str, float]
    sizes: dict[str, int]
    pixels: int

    def bpp(self, key: str) -> float:
        """Bits per pixel of a file."""
        return 8 * self.sizes[key] / self.pixels


def process(load: Callable[[str], Autoencoder]) -> Photographs:
    """Denoises, inpaints and compresses, each a photograph of scikit-image.

    Args:
        load: function from a name to its model.
    """
    clean = {"noise": astronaut(), "holes": chelsea(), "file": coffee()}
    results = {
        "noise": _denoise(load(COLOUR_DENOISER), clean["noise"]),
        "holes": _fill(load(INPAINTER), clean["holes"]),
    }
    results["file"], sizes = _compress(load(CODEC), clean["file"])
    views, figures = {}, {}
    for kind, images in results.items():
        top, left = CORNERS[kind]
        for key, image in images.items():
            views[key] = image[top : top + VIEW, left : left + VIEW]
            pair = (x[None] / np.float32(255) for x in (clean[kind], image))
            figures[key] = float(psnr(*pair)[0])
    return Photographs(views, figures, sizes, clean["file"][..., 0].size)


def _denoise(model: Autoencoder, clean: np.ndarray) -> dict[str, np.ndarray]:
    """Denoises by the model and by non-local means, both with the noise level given."""
    noise = np.random.default_rng(SEED).normal(0, LEVEL, clean.shape)
    noisy = np.rint(np.clip(clean + noise, 0, 255)).astype("uint8")
    smooth = non_local_means(noisy / np.float32(255), LEVEL / 255)
    return {
        "noisy": noisy,
        "nlm": np.rint(np.clip(smooth, 0, 1) * 255).astype("uint8"),
        "denoised": Denoiser(model)(noisy, LEVEL),
    }


def _fill(model: Autoencoder, clean: np.ndarray) -> dict[str, np.ndarray]:
    """Inpaints missing strokes, which are shown white."""
    holes = strokes(clean.shape[:2], np.random.default_rng(SEED), MISSING)
    damaged = np.where(holes[..., None], np.uint8(255), clean)
    return {
        "damaged": damaged,
        "biharmonic": biharmonic(damaged, holes),
        "filled": Inpainter(model)(damaged, holes),
    }


def _compress(model: Autoencoder, clean: np.ndarray) -> tuple[dict, dict]:
    """Compresses to an `.aez` file, and to the first JPEG that is not smaller."""
    codec = Compressor(model)
    data = codec.compress(clean, QUALITY)
    jpegs = [_jpeg(clean, quality) for quality in range(1, 96)]
    jpeg = next((file for file in jpegs if len(file) >= len(data)), jpegs[-1])
    files = {"jpeg": jpeg, "compressed": data}
    images = {
        "jpeg": np.asarray(Image.open(io.BytesIO(jpeg))),
        "compressed": np.asarray(codec.decompress(data)),
    }
    return images, {key: len(file) for key, file in files.items()}


def _jpeg(pixels: np.ndarray, quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, optimize=True)
    return file.getvalue()
