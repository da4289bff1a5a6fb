"""How well does the model denoise? Baseline: total-variation denoising."""

from collections.abc import Iterable

import numpy as np
from skimage.restoration import denoise_tv_chambolle

from ae_zoo.evaluation.reconstruction import psnr

# Standard deviations of the noise, on images in [0, 1].
SIGMAS = (0.1, 0.25, 0.5, 0.75)
# Number of test images; few, as total variation takes them one at a time.
IMAGES = 1000
# Candidate weights of total variation, in units of sigma.
TV_WEIGHTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
SEED = 0


def applies(subject) -> bool:
    """Whether the model is trained to denoise images of a fixed size."""
    model, corruption = subject.model, subject.model.corruption
    is_gaussian = corruption is not None and corruption.kind == "gaussian"
    return is_gaussian and not corruption.mapped and len(model.input_shape) == 4


def measure(subject) -> tuple[dict, dict]:
    """PSNR in dB on the first 1,000 test images at four noise levels.

    White Gaussian noise with a fixed seed is added and not clipped; the output is
    clipped to [0, 1]. `denoise_psnr@S` is that of the model, `noisy_psnr@S` that of
    the noisy input, and `tv_denoise_psnr@S` that of scikit-image's
    `denoise_tv_chambolle` with the weight that is best on the same images, which
    favours the baseline.
    """
    clean = subject.test[:IMAGES]
    metrics, baselines = {}, {}
    subject.expect(len(SIGMAS) * len(TV_WEIGHTS))
    for sigma in SIGMAS:
        noisy = add_noise(clean, sigma)
        denoised = np.clip(subject.model.reconstruct(noisy), 0, 1)
        metrics[f"denoise_psnr@{sigma}"] = np.mean(psnr(clean, denoised))
        weights = subject.track(TV_WEIGHTS)
        best = best_tv_psnr(clean, noisy, sigma, weights)
        baselines[f"tv_denoise_psnr@{sigma}"] = best
        baselines[f"noisy_psnr@{sigma}"] = np.mean(psnr(clean, noisy))
    return metrics, baselines


def add_noise(clean: np.ndarray, sigma: float, seed: int = SEED) -> np.ndarray:
    """`clean` plus N(0, sigma²), float32, not clipped."""
    noise = np.random.default_rng(seed).standard_normal(clean.shape, dtype="float32")
    return clean + np.float32(sigma) * noise


def best_tv_psnr(
    clean: np.ndarray,
    noisy: np.ndarray,
    sigma: float,
    weights: Iterable[float] = TV_WEIGHTS,
) -> float:
    """Mean PSNR of total-variation denoising with the best of the weights."""
    return max(
        np.mean(psnr(clean, tv_denoise(noisy, weight * sigma))) for weight in weights
    )


def tv_denoise(noisy: np.ndarray, weight: float) -> np.ndarray:
    """Chambolle's total-variation denoising of each image, clipped to [0, 1]."""
    denoised = [
        denoise_tv_chambolle(image, weight=weight, channel_axis=-1) for image in noisy
    ]
    return np.clip(np.stack(denoised), 0, 1)
