"""The noise of cameras and scanners, as it is found in pictures of 8 bits.

A sensor counts photons: the variance of its noise grows with the light (Foi et al.,
2008, doi:10.1109/TIP.2008.2001399). Whatever follows shapes that noise: white balance,
the interpolation of the colour mosaic, gamma, denoising in the camera, resizing, JPEG
and the limits of 8 bits (Guo et al., 2019, arXiv:1807.04686).
"""

import io

import numpy as np
from PIL import Image

GAMMA = 2.2  # of the picture, relative to linear light
SHOT = 1e-4, 0.06  # variance for each unit of light, where white is 1
READ = 1e-3, 0.04  # standard deviation in the dark, likewise
BALANCE = 1.0, 2.4  # gains of red and blue; green has 1
FLAT = 1.0, 60.0  # level of noise that does not depend on the light, of 255
BLUR = 0.3, 1.3  # pixels, of grain and of denoising in the camera
ENLARGED = 1.2, 2.5  # factor
QUALITY = 40, 98  # of JPEG

# Shares of the pictures.
CLEAN, LINEAR, MOSAIC, SAME = 0.12, 0.6, 0.6, 0.15
BLURRED, RESIZED, CALM, COMPRESSED, TWICE = 0.2, 0.2, 0.2, 0.5, 0.25


def camera_noise(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pictures as a camera or a scanner would have delivered them.

    The kinds of noise are drawn for each picture: of a sensor or independent of the
    light, white or correlated, with its own strength in each channel or the same noise
    in all of them, with or without JPEG. Some pictures are not changed.

    Args:
        x: clean pictures, `(n, h, w, 1 or 3)`, in [0, 1].

    Returns:
        Noisy pictures of the same shape, float32, multiples of 1/255 in [0, 1].
    """
    n, channels = len(x), x.shape[-1]

    def chosen(share: float) -> np.ndarray:
        return np.flatnonzero(rng.random(n) < share)

    def between(limits, count: int, *shape: int) -> np.ndarray:
        low, high = np.log(limits)
        return np.exp(rng.uniform(low, high, (count, 1, 1, *shape))).astype("float32")

    noise = rng.standard_normal(x.shape, dtype="float32")
    same = chosen(SAME)
    noise[same] = noise[same][..., :1]
    linear = chosen(LINEAR)
    gains = np.ones((n, 1, 1, channels), "float32")
    gains[linear] = between(BALANCE, len(linear), channels)
    gains[..., channels // 2] = 1
    noise *= gains
    if channels == 3:
        part = np.intersect1d(linear, chosen(MOSAIC))
        noise[part] = demosaic(noise[part])
        part = chosen(CALM)
        noise[part] = _calm(noise[part], between(BLUR, len(part), 1))
    part = chosen(BLURRED)
    noise[part] = _evened(blur(noise[part], between(BLUR, len(part), 1)))
    part = chosen(RESIZED)
    noise[part] = _evened(enlarged_noise(noise[part].shape, rng)) * gains[part]

    noisy = x + between(FLAT, n, 1) / 255 * between((0.5, 1), n, channels) * noise
    light, count = x[linear] ** GAMMA, len(linear)
    variance = between(SHOT, count, 1) * light / gains[linear]
    variance += between(READ, count, 1) ** 2
    light += np.sqrt(variance) * noise[linear]
    noisy[linear] = np.clip(light, 0, 1) ** (1 / GAMMA)

    clean = chosen(CLEAN)
    noisy[clean] = x[clean]
    out = np.rint(np.clip(noisy, 0, 1) * 255).astype("uint8")
    for i in np.setdiff1d(chosen(COMPRESSED), clean):
        for _ in range(1 + (rng.random() < TWICE)):
            out[i] = _jpeg(out[i], rng)
    return out.astype("float32") / 255


def demosaic(noise: np.ndarray) -> np.ndarray:
    """The noise of a Bayer sensor after bilinear interpolation, at periodic borders."""
    height, width = noise.shape[1:3]
    row, column = np.arange(height)[:, None] % 2, np.arange(width) % 2
    red, blue = (row == 0) & (column == 0), (row == 1) & (column == 1)
    seen = np.stack([red, row != column, blue], axis=-1)
    sparse = noise * seen
    sides = sum(np.roll(sparse, s, a) for s in (-1, 1) for a in (1, 2))
    corners = sum(np.roll(sparse, (s, t), (1, 2)) for s in (-1, 1) for t in (-1, 1))
    quincunx = np.array([False, True, False])
    return sparse + np.where(quincunx, sides / 4, sides / 2 + corners / 4)


def blur(noise: np.ndarray, deviation) -> np.ndarray:
    """Gaussian blur by `deviation` pixels, at periodic borders."""
    height, width = noise.shape[1:3]
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)
    squares = (rows**2 + columns**2)[..., None]
    spectrum = np.fft.rfft2(noise, axes=(1, 2))
    spectrum *= np.exp(-2 * np.pi**2 * squares * np.square(deviation))
    return np.fft.irfft2(spectrum, noise.shape[1:3], axes=(1, 2)).astype("float32")


def _evened(noise: np.ndarray) -> np.ndarray:
    """Correlated noise, half as far below the level of white noise as it was."""
    return noise / np.sqrt(noise.std(axis=(1, 2, 3), keepdims=True) + 1e-3)


def _calm(noise, deviation) -> np.ndarray:
    """Noise whose colour, but not brightness, a camera has smoothed."""
    grey = noise.mean(axis=-1, keepdims=True)
    return grey + blur(noise - grey, 1.5 * deviation)


def enlarged_noise(shape, rng) -> np.ndarray:
    """White noise of smaller pictures, enlarged linearly by one factor."""
    n, height, width, channels = shape
    factor = rng.uniform(*ENLARGED)
    small = [max(2, round(side / factor)) for side in (height, width)]
    noise = rng.standard_normal((n, *small, channels), dtype="float32")
    vertical, horizontal = (
        _interpolation(side, count)
        for side, count in zip((height, width), small, strict=True)
    )
    return np.einsum("yi,nijc,xj->nyxc", vertical, noise, horizontal, optimize=True)


def _interpolation(side: int, count: int) -> np.ndarray:
    """Matrix `(side, count)` of linear interpolation between periodic values."""
    position = (np.arange(side) + 0.5) * count / side - 0.5
    before = np.floor(position).astype(int)
    weight = np.float32(position - before)
    matrix = np.zeros((side, count), "float32")
    rows = np.arange(side)
    np.add.at(matrix, (rows, before % count), 1 - weight)
    np.add.at(matrix, (rows, (before + 1) % count), weight)
    return matrix


def _jpeg(pixels: np.ndarray, rng) -> np.ndarray:
    """The pixels after JPEG, whose blocks begin anywhere."""
    top, left = rng.integers(0, 8, 2)
    padded = np.pad(pixels, ((top, 8 - top), (left, 8 - left), (0, 0)), "symmetric")
    file = io.BytesIO()
    Image.fromarray(padded.squeeze()).save(
        file,
        "JPEG",
        quality=int(rng.integers(QUALITY[0], QUALITY[1] + 1)),
        subsampling=int(rng.choice([0, 2])),
    )
    decoded = np.asarray(Image.open(file)).reshape(padded.shape)
    return decoded[top : top + len(pixels), left : left + pixels.shape[1]]
