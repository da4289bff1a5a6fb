"""How well are photographs denoised? Baselines: BM3D and non-local means."""

import importlib.util

import numpy as np
from skimage.restoration import denoise_nl_means

from ae_zoo.evaluation.denoising import add_noise
from ae_zoo.evaluation.reconstruction import psnr, ssim
from ae_zoo.tasks.denoiser import WHITE, Denoiser

SIGMAS = (15, 25, 50)  # in levels of 255
# Test sets of the literature by number of channels.
SETS = {1: ("bsd68", "set12"), 3: ("cbsd68",)}


def applies(subject) -> bool:
    """Whether the model denoises at a given noise level."""
    model = subject.model
    return "denoise" in model.tasks and model.takes_map


def measure(subject) -> tuple[dict, dict]:
    """Mean PSNR in dB and SSIM of the test pictures at three noise levels.

    White Gaussian noise, seeded by the picture's number, is added and not clipped; the
    output is clipped to [0, 1]. `SET_psnr@S` and `SET_ssim@S` have the noise level S
    given. `SET_blind_psnr@S` has not, and gets the noisy pictures clipped, as those of
    files are. The user's own pictures have no `SET_`. The baselines are non-local means
    and, if the package bm3d is installed, BM3D, both with the noise level given.
    """
    denoiser, methods = Denoiser(subject.model), peers()
    names = subject.sets(SETS[subject.model.output_shape[-1]])
    metrics, baselines = {}, {}
    for name in names:
        of = f"{name}_" if name else ""
        clean = [p / np.float32(255) for p in subject.pictures(name, "test")]
        sigmas = within(subject.model, SIGMAS)
        subject.expect(len(sigmas) * (2 + len(methods)) * len(clean))
        for sigma in sigmas:
            noisy = [add_noise(x, sigma / WHITE, seed) for seed, x in enumerate(clean)]
            restored = [denoiser.restore_pixels(x, sigma) for x in subject.track(noisy)]
            clipped = (np.clip(x, 0, 1) for x in subject.track(noisy))
            blind = [denoiser.restore_pixels(x) for x in clipped]
            metrics[f"{of}psnr@{sigma}"] = _mean(psnr, clean, restored)
            metrics[f"{of}ssim@{sigma}"] = _mean(ssim, clean, restored)
            metrics[f"{of}blind_psnr@{sigma}"] = _mean(psnr, clean, blind)
            for method, denoise in methods.items():
                restored = [denoise(x, sigma / WHITE) for x in subject.track(noisy)]
                for key, figure in (("psnr", psnr), ("ssim", ssim)):
                    value = _mean(figure, clean, restored)
                    baselines[f"{method}_{of}{key}@{sigma}"] = value
    return metrics, baselines


def within(model, sigmas: tuple[float, ...]) -> list[float]:
    """The noise levels, of 255, that a model was trained for."""
    return [sigma for sigma in sigmas if sigma <= WHITE * model.corruption.level]


def _mean(figure, clean: list, restored: list) -> float:
    """Mean over pictures, of different sizes, of a metric that takes batches."""
    values = [
        figure(truth[None], np.clip(x, 0, 1)[None])
        for truth, x in zip(clean, restored, strict=True)
    ]
    return float(np.mean(values))


def peers() -> dict:
    """Methods that denoise floats at a given standard deviation, by name."""
    peers = {"nlm": non_local_means}
    if importlib.util.find_spec("bm3d"):
        peers["bm3d"] = _bm3d
    return peers


def non_local_means(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Denoises as Buades et al., 2005, with the settings of scikit-image's example."""
    restored = denoise_nl_means(
        noisy,
        patch_size=5,
        patch_distance=6,
        h=0.8 * sigma,
        sigma=sigma,
        fast_mode=True,
        channel_axis=-1,
    )
    return restored.reshape(noisy.shape)


def _bm3d(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Denoises as Dabov et al., 2007, by the authors' package."""
    import bm3d

    method = bm3d.bm3d if noisy.shape[-1] == 1 else bm3d.bm3d_rgb
    return np.reshape(method(noisy.squeeze(), sigma), noisy.shape).astype("float32")
