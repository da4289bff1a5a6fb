"""How well is the noise of cameras and scanners removed? Baselines get its level.

The noise is made in another way than in training: here a picture itself goes through
the steps of a camera.
"""

import io

import numpy as np
from PIL import Image
from scipy.ndimage import convolve, gaussian_filter

from ae_zoo.evaluation.denoising import add_noise
from ae_zoo.evaluation.reconstruction import psnr
from ae_zoo.evaluation.restoration import peers, within
from ae_zoo.tasks.denoiser import WHITE, Denoiser

EVERY = 20  # of the pictures, as the baselines are slow
LEVELS = (4, 8, 15, 25, 40)  # of which the best is taken, for each picture
BILINEAR = {
    "side": np.float32([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4,
    "all": np.float32([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4,
}


def applies(subject) -> bool:
    """Whether the model removes noise of unknown kind from colour pictures."""
    model = subject.model
    if "denoise" not in model.tasks or not model.takes_map:
        return False
    return bool(model.corruption.blind) and model.output_shape[-1] == 3


def measure(subject) -> tuple[dict, dict]:
    """Mean PSNR in dB on every 20th picture of bsds500/val, for five kinds of noise.

    The kinds are a telephone at night, a scanned film, JPEG of quality 85 after noise,
    noise doubled in size, and equal noise in all channels of a grey picture; they are
    seeded by the picture's number, and all pictures have 8 bits. `camera_psnr@KIND` is
    without a given level; `camera_given_psnr@KIND` has the best of five levels given,
    as have the baselines: non-local means and, if the package is installed, BM3D.
    `clean_psnr` is that of the pictures without noise, `clean_change` the largest
    change of a pixel of any of them, in levels of 255.
    """
    denoiser = Denoiser(subject.model)
    (name,) = subject.sets(("bsds500",))
    pictures = subject.pictures(name, "val", EVERY)
    levels = within(subject.model, LEVELS)
    methods = {"given": lambda x, s: denoiser.restore_pixels(x, s * WHITE)} | peers()
    subject.expect((len(KINDS) + 1) * len(pictures))
    metrics, baselines = {}, {}
    for kind, make in KINDS.items():
        figures: dict[str, list] = {}
        for number, clean in enumerate(subject.track(pictures)):
            pair = make(clean, np.random.default_rng(number))
            truth, noisy = (x / np.float32(255) for x in pair)
            blind = denoiser.restore_pixels(noisy)
            figures.setdefault("blind", []).append(_psnr(truth, blind))
            for method, denoise in methods.items():
                tried = (denoise(noisy, level / WHITE) for level in levels)
                best = max(_psnr(truth, restored) for restored in tried)
                figures.setdefault(method, []).append(best)
        means = {method: np.mean(values) for method, values in figures.items()}
        metrics[f"camera_psnr@{kind}"] = means.pop("blind")
        metrics[f"camera_given_psnr@{kind}"] = means.pop("given")
        baselines |= {f"{m}_camera_psnr@{kind}": mean for m, mean in means.items()}
    restored = [denoiser.restore_pixels(picture) for picture in subject.track(pictures)]
    pairs = [
        (before / np.float32(255), after / np.float32(255))
        for before, after in zip(pictures, restored, strict=True)
    ]
    metrics["clean_psnr"] = np.mean([_psnr(*pair) for pair in pairs])
    metrics["clean_change"] = max(255 * np.abs(a - b).max() for a, b in pairs)
    return metrics, baselines


def night(clean: np.ndarray, rng) -> tuple[np.ndarray, np.ndarray]:
    """A sensor in little light, then mosaic, white balance, gamma and JPEG."""
    gains = np.float32([rng.uniform(1.6, 2.2), 1, rng.uniform(1.4, 2)])
    light = (clean / np.float32(255)) ** 2.2 / gains
    deviation = np.sqrt(0.01 * light + 0.01**2)
    sensed = light + deviation * rng.standard_normal(light.shape, dtype="float32")

    def develop(raw):
        return np.clip(_demosaic(raw) * gains, 0, 1) ** (1 / 2.2)

    return _bytes(develop(light)), jpeg(_bytes(develop(sensed)), 92)


def scan(clean: np.ndarray, rng) -> tuple[np.ndarray, np.ndarray]:
    """Film: grain that is strongest at middle brightness."""
    x = clean / np.float32(255)
    grain = gaussian_filter(rng.standard_normal(x.shape), (0.8, 0.8, 0))
    return clean, _bytes(x + 4 * x * (1 - x) * 14 / 255 * grain / grain.std())


def compressed(clean: np.ndarray, rng) -> tuple[np.ndarray, np.ndarray]:
    """White noise, then JPEG."""
    return clean, jpeg(_bytes(_noisy(clean, rng)), 85)


def doubled(clean: np.ndarray, rng) -> tuple[np.ndarray, np.ndarray]:
    """White noise, then twice the size; the middle of the picture."""
    high, wide = (side // 4 for side in clean.shape[:2])
    part = clean[high:-high, wide:-wide]
    size = part.shape[1] * 2, part.shape[0] * 2
    pair = part, _bytes(_noisy(part, rng))
    return tuple(
        np.asarray(Image.fromarray(x).resize(size, Image.Resampling.BICUBIC))
        for x in pair
    )


def grey(clean: np.ndarray, rng) -> tuple[np.ndarray, np.ndarray]:
    """A grey picture of three channels, with equal noise in them."""
    one = np.asarray(Image.fromarray(clean).convert("L"))[..., None]
    return tuple(np.repeat(x, 3, axis=-1) for x in (one, _bytes(_noisy(one, rng))))


KINDS = {
    "night": night,
    "scan": scan,
    "jpeg": compressed,
    "doubled": doubled,
    "grey": grey,
}


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """The pixels after JPEG with Pillow's default settings."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def _noisy(clean, rng):
    return add_noise(clean / np.float32(255), 25 / WHITE, rng)


def _demosaic(raw: np.ndarray) -> np.ndarray:
    """A Bayer sensor's pixels of `raw`, and the others interpolated linearly."""
    rows, columns = np.indices(raw.shape[:2]) % 2
    seen = [(rows + columns == 0), rows != columns, (rows + columns == 2)]
    kernels = [BILINEAR["all"], BILINEAR["side"], BILINEAR["all"]]
    channels = [
        convolve(raw[..., c] * seen[c], kernels[c], mode="mirror") for c in range(3)
    ]
    return np.stack(channels, axis=-1)


def _bytes(x: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(x, 0, 1) * 255).astype("uint8")


def _psnr(truth: np.ndarray, restored: np.ndarray) -> float:
    return float(psnr(truth[None], np.clip(restored, 0, 1)[None])[0])
