"""How well does the model compress photographs? Baselines: JPEG, WebP, AVIF."""

import io
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.interpolate import PchipInterpolator

from ae_zoo.evaluation.reconstruction import psnr
from ae_zoo.tasks.codec.compressor import Compressor

# Pillow's formats, with the qualities and options to write them with. JPEG is written
# with optimised tables, WebP by its slowest method, AVIF at its default speed.
PEERS = {
    "jpeg": ((5, 10, 15, 25, 40, 60, 80, 90), {"optimize": True}),
    "webp": ((1, 5, 15, 30, 50, 75, 85, 92), {"method": 6}),
    "avif": ((15, 25, 35, 45, 55, 65, 75), {}),
}
EVERY = 4  # of the pictures
SMALLEST_SIDE = 176  # of a picture with MS-SSIM


@dataclass(frozen=True)
class Curve:
    """Means over pictures at each quality, arrays `(qualities,)`.

    Attributes:
        qualities: the method's own quality settings.
        bpp: bits a pixel, of whole files.
        psnr: dB.
        ms_ssim: MS-SSIM of Wang et al., 2003, mean of the three channels.
        encode_seconds, decode_seconds: time from pixels to bytes in memory, and back.
    """

    qualities: np.ndarray
    bpp: np.ndarray
    psnr: np.ndarray
    ms_ssim: np.ndarray
    encode_seconds: np.ndarray
    decode_seconds: np.ndarray


def applies(subject) -> bool:
    """Whether the model is trained to compress."""
    return "compress" in subject.model.tasks


def measure(subject) -> tuple[dict, dict]:
    """Rate and distortion of every 4th picture of bsds500/val at each quality.

    `bpp@Q`, `psnr@Q` (dB) and `ms_ssim@Q` are means over the pictures, compressed to
    whole files and decompressed. The baselines' `psnr@Q` and `ms_ssim@Q` are those of
    JPEG, WebP and AVIF, by Pillow, at the same number of bits, interpolated between the
    measured qualities. `bd_rate_jpeg` and the like are Bjontegaard rates: the mean
    difference in file size at equal PSNR in percent, negative if the model's files are
    smaller. The seconds are means over pictures and qualities.
    """
    codec = Compressor(subject.model)
    pictures = subject.pictures("bsds500", "val", EVERY)
    every = [*range(codec.qualities), *(q for peer in PEERS.values() for q in peer[0])]
    subject.expect(len(every) * len(pictures))
    ours = measure_codec(codec, pictures, subject.track)
    peers = {name: measure_peer(name, pictures, subject.track) for name in PEERS}
    metrics, baselines = {}, {}
    for i, quality in enumerate(ours.qualities):
        metrics[f"bpp@{quality}"] = ours.bpp[i]
        for key in ("psnr", "ms_ssim"):
            metrics[f"{key}@{quality}"] = getattr(ours, key)[i]
            for name, peer in peers.items():
                value = _at_rate(peer, key, ours.bpp[i])
                if value is not None:
                    baselines[f"{name}_{key}@{quality}"] = value
    for name, peer in peers.items():
        metrics[f"bd_rate_{name}"] = bd_rate(ours, peer)
    for key in ("encode_seconds", "decode_seconds"):
        metrics[key] = getattr(ours, key).mean()
        baselines |= {f"{n}_{key}": getattr(c, key).mean() for n, c in peers.items()}
    return metrics, baselines


def measure_codec(codec: Compressor, pictures: list[np.ndarray], track=iter) -> Curve:
    """Measures one of the zoo's codecs on pictures `(h, w, 3)`, uint8.

    Args:
        track: passes on the pictures, see `Subject.track`.
    """
    for picture in {picture.shape: picture for picture in pictures}.values():
        codec.decompress(codec.compress(picture))  # compiles for this size
    return _curve(
        pictures,
        range(codec.qualities),
        codec.compress,
        lambda file: np.asarray(codec.decompress(file)),
        track,
    )


def measure_peer(name: str, pictures: list[np.ndarray], track=iter) -> Curve:
    """Measures one of `PEERS`; arguments as of `measure_codec`."""
    qualities, options = PEERS[name]

    def encode(picture: np.ndarray, quality: int) -> bytes:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, format=name, quality=quality, **options)
        return file.getvalue()

    def decode(file: bytes) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))

    return _curve(pictures, qualities, encode, decode, track)


def bd_rate(ours: Curve, peer: Curve) -> float:
    """Bjontegaard's mean difference in rate at equal PSNR, in percent.

    It compares logarithms of rates over the range of PSNR that both curves cover, on
    monotone cubic curves through the measured points (Bjontegaard, 2001, VCEG-M33, who
    fits polynomials). It is negative if the files of `ours` are smaller, and NaN if the
    curves share no PSNR.
    """
    low = max(ours.psnr.min(), peer.psnr.min())
    high = min(ours.psnr.max(), peer.psnr.max())
    if high <= low:
        return float("nan")
    ours_log, peer_log = (
        _interpolator(curve.psnr, np.log(curve.bpp)).integrate(low, high)
        for curve in (ours, peer)
    )
    return 100 * float(np.expm1((ours_log - peer_log) / (high - low)))


def _curve(
    pictures: list[np.ndarray],
    qualities,
    encode: Callable[[np.ndarray, int], bytes],
    decode: Callable[[bytes], np.ndarray],
    track: Callable,
) -> Curve:
    rows = []
    for quality in qualities:
        for picture in track(pictures):
            start = time.perf_counter()
            file = encode(picture, quality)
            middle = time.perf_counter()
            back = decode(file)
            end = time.perf_counter()
            pair = (x[None] / np.float32(255) for x in (picture, back))
            rows.append(
                (
                    8 * len(file) / (picture.shape[0] * picture.shape[1]),
                    psnr(*pair)[0],
                    ms_ssim(picture, back),
                    middle - start,
                    end - middle,
                )
            )
    means = np.reshape(rows, (len(qualities), len(pictures), -1)).mean(axis=1)
    return Curve(np.array(qualities), *means.T)


def ms_ssim(clean: np.ndarray, other: np.ndarray) -> float:
    """Multi-scale SSIM of two pictures `(h, w, 3)`, uint8.

    It is NaN for pictures below 176 pixels, which are too small for its five scales.
    """
    import tensorflow as tf  # the only dependency with MS-SSIM

    if min(clean.shape[:2]) < SMALLEST_SIDE:
        return float("nan")
    return float(tf.image.ssim_multiscale(clean, other, 255))


def _at_rate(curve: Curve, key: str, bpp: float) -> float | None:
    """Interpolates a curve at a rate; None outside of the measured range."""
    values = getattr(curve, key)
    if not curve.bpp[0] <= bpp <= curve.bpp[-1] or not np.isfinite(values).all():
        return None
    return float(_interpolator(np.log(curve.bpp), values)(np.log(bpp)))


def _interpolator(x: np.ndarray, y: np.ndarray) -> PchipInterpolator:
    """A monotone curve through the points whose `x` is above that of all before."""
    before = np.maximum.accumulate(np.concatenate([[-np.inf], x[:-1]]))
    rising = x > before
    return PchipInterpolator(x[rising], y[rising])
