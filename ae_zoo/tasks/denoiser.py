"""Denoising of photographs of any kind and size, or of a folder."""

import os
from typing import TYPE_CHECKING

import numpy as np

from ae_zoo.corruptions.mapped import UNKNOWN, with_map
from ae_zoo.data.pictures import Picture, read_picture
from ae_zoo.data.values import as_floats, from_floats
from ae_zoo.errors import InputError
from ae_zoo.tasks import tiles
from ae_zoo.tasks.arguments import check_pixels, is_number
from ae_zoo.tasks.batch import run_batch
from ae_zoo.tasks.noise import estimate_noise
from ae_zoo.tasks.restoration import Failures, LazyModel, like, on_files

if TYPE_CHECKING:
    from ae_zoo.autoencoder import Autoencoder

WHITE = 255  # noise levels are given in levels of 8-bit pictures
DENOISER = "restoration_ae_grey.bsds500"
COLOUR_DENOISER = "restoration_ae_colour.bsds500"
# Channels that differ by less, in levels of 255, at all but a few pixels are grey.
COLOURLESS, FEW = 6, 0.001
# Noise below this level, of 255, is not seen, and removing it costs more than it gains.
QUIET = 2.0
BLOCK = 32  # pixels of a side, of the blocks that noise is measured in


class Denoiser:
    """Removes noise from photographs.

    With default settings it removes what cameras and scanners add, whatever its level,
    and leaves clean pictures as they are. A given level is that of white Gaussian noise
    in every channel.

    Args:
        model: a `restoration_ae`, or a name or path for `ae_zoo.load`. A grey model
            denoises the channels of colour pictures one by one, a colour model grey
            pictures as three equal channels. The default is a pair of weights of the
            zoo: one for grey pictures with a given noise level, one for all others.

    Example:

        denoise = ae_zoo.tasks.Denoiser()
        clean = denoise("noisy.png")                   # a Pillow image
        clean = denoise(array, sigma=25)               # an array like the one given
        denoise.run("folder/of/photos", "clean")       # files
    """

    def __init__(self, model: "Autoencoder | str | os.PathLike | None" = None):
        self._given = model is not None
        self._models = {
            channels: LazyModel(
                default if model is None else model, "denoise", DENOISER
            )
            for channels, default in ((1, DENOISER), (3, COLOUR_DENOISER))
        }

    def __call__(self, source, sigma: float | None = None, strength: float = 1.0):
        """The picture without its noise.

        Args:
            source: an array (uint8, uint16, or floats in [0, 1]; `(height, width)` or
                `(height, width, 1, 3 or 4)`), a Pillow image, or a path.
            sigma: standard deviation of white noise in levels of 255, whatever the
                dtype; None for noise of unknown kind and level.
            strength: share of the noise to remove, from 0 to 1; less keeps some grain.

        Returns:
            For an array, an array of the same shape and dtype; otherwise a Pillow
            image, of 8 bits, or 16 bits for grey without transparency.

        Raises:
            InputError: the source is not a picture, or a number is out of range.
        """
        check_strength(strength)
        return like(source, self._restore(read_picture(source), sigma, strength))

    def run(
        self,
        source: str | os.PathLike,
        target: str | os.PathLike,
        sigma: float | None = None,
        strength: float = 1.0,
    ) -> Failures:
        """Denoises a file, or every picture of a folder.

        Args:
            source, target: two files or two folders.
            sigma, strength: as of a call, for every picture.

        Returns:
            The files of a folder that failed, and why.

        Raises:
            InputError: the source cannot be read, or the target cannot be written.
        """
        check_strength(strength)
        if sigma is not None:
            check_sigma(sigma)
        return run_batch(
            on_files(lambda path, picture: self._restore(picture, sigma, strength)),
            source,
            target,
        )

    def restore_pixels(
        self, pixels: np.ndarray, sigma: float | None = None
    ) -> np.ndarray:
        """Denoised pixels `(height, width, channels)`, in the dtype of `pixels`.

        Args:
            pixels: as in `Picture`; floats may lie outside of [0, 1], as noisy ones do.
            sigma: standard deviation of the noise in levels of 255, or None.
        """
        check_pixels(pixels)
        if pixels.shape[-1] == 1 or not is_colourless(pixels):
            return self._denoise(pixels, sigma)
        grey = as_floats(pixels).mean(axis=-1, keepdims=True)
        restored = np.repeat(self._denoise(grey, sigma), 3, axis=-1)
        return from_floats(restored, pixels.dtype)

    def _denoise(self, pixels: np.ndarray, sigma: float | None) -> np.ndarray:
        """As `restore_pixels`, of pixels that are grey, or have colour."""
        blindly = sigma is None and not self._given
        model = self._models[3 if blindly else pixels.shape[-1]].get()
        channels = model.output_shape[-1]
        if channels > pixels.shape[-1]:  # a colour model of a grey picture
            equal = np.repeat(as_floats(pixels), channels, axis=-1)
            restored = self._apply(model, equal, sigma).mean(axis=-1, keepdims=True)
            return from_floats(restored, pixels.dtype)
        return self._apply(model, pixels, sigma)

    def _apply(self, model, pixels: np.ndarray, sigma: float | None) -> np.ndarray:
        """The output of the model, which has no more channels than the pixels."""
        channels = model.output_shape[-1]
        level = self._level(model, pixels, sigma)
        out = np.empty_like(pixels)
        for first in range(0, pixels.shape[-1], channels):
            part = slice(first, first + channels)
            levels = np.full(channels, level)
            tiles.apply(
                lambda window, levels=levels: model.predict_on_batch(
                    with_map(window[None], levels)
                )[0],
                pixels[..., part],
                out[..., part],
                margin=model.backbone.reach,
                multiple=model.backbone.shrink,
            )
        return pixels.copy() if level == UNKNOWN and is_clean(pixels, out) else out

    def _level(self, model, pixels: np.ndarray, sigma: float | None) -> float:
        """The level for the model, in its units."""
        if sigma is None and model.corruption.blind:
            return UNKNOWN
        if sigma is None:
            most = model.corruption.level
            return min(most, estimate_noise(as_floats(pixels)))
        check_sigma(sigma, WHITE * model.corruption.level)
        return sigma / WHITE

    def _restore(
        self, picture: Picture, sigma: float | None, strength: float
    ) -> Picture:
        restored = self.restore_pixels(picture.pixels, sigma)
        if strength < 1:
            before, after = (as_floats(p) for p in (picture.pixels, restored))
            mixed = before + np.float32(strength) * (after - before)
            restored = from_floats(mixed, picture.pixels.dtype)
        return picture.replace(restored)


def is_colourless(pixels: np.ndarray) -> bool:
    """Whether the three channels of `(height, width, 3)` are equal, nearly so in JPEG.

    A picture with noise of its own in each channel is not colourless.
    """
    spread = as_floats(pixels.max(axis=-1)) - as_floats(pixels.min(axis=-1))
    return bool(np.mean(spread * WHITE > COLOURLESS) <= FEW)


def is_clean(noisy: np.ndarray, denoised: np.ndarray) -> bool:
    """Whether what was removed is too little to be noise.

    Noise is in most of a picture, while texture that looks like it is in a part. What
    decides is therefore the median over blocks; those of one value, such as a frame or
    an overexposed sky, do not count.

    Args:
        noisy, denoised: `(height, width, channels)`, of one dtype.
    """
    height, width, channels = noisy.shape
    side = min(BLOCK, height, width)
    columns = width // side * side
    levels = []
    for top in range(0, height - side + 1, side):
        before, after = (
            WHITE * as_floats(x[top : top + side, :columns]) for x in (noisy, denoised)
        )
        blocks = (before - after).reshape(side, -1, side, channels)
        level = np.sqrt(np.square(blocks).mean(axis=(0, 2, 3)))
        varied = before.reshape(side, -1, side, channels).std(axis=(0, 2)).max(axis=-1)
        levels.extend(level[varied > 0.5])
    return not levels or float(np.median(levels)) < QUIET


def check_sigma(sigma: float, most: float = WHITE) -> None:
    """Raises an `InputError` unless a noise level is in levels of 255, up to `most`."""
    if not is_number(sigma) or not 0 <= sigma <= most:
        raise InputError(
            f"sigma must be between 0 and {most:.4g}, the noise's standard deviation "
            f"in levels of 8-bit pictures, not {sigma!r}."
        )


def check_strength(strength: float) -> None:
    """Raises an `InputError` unless `strength` is a share."""
    if not is_number(strength) or not 0 <= strength <= 1:
        raise InputError(f"strength must be between 0 and 1, not {strength!r}.")
