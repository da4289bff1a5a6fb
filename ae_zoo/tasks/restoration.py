"""Denoising and inpainting of photographs of any kind and size, or of a folder."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ae_zoo.corruptions.mapped import with_map
from ae_zoo.data.files import list_files
from ae_zoo.data.pictures import (
    Picture,
    check_writable,
    read_picture,
    write_picture,
)
from ae_zoo.data.values import as_floats, from_floats
from ae_zoo.errors import InputError
from ae_zoo.tasks import tiles
from ae_zoo.tasks.arguments import (
    as_model,
    as_path,
    check_model,
    check_pixels,
    is_number,
)
from ae_zoo.tasks.batch import run_batch
from ae_zoo.tasks.noise import estimate_noise

if TYPE_CHECKING:
    from ae_zoo.autoencoder import Autoencoder

WHITE = 255  # noise levels are given in levels of 8-bit pictures
DENOISER = "restoration_ae_grey.bsds500"
COLOUR_DENOISER = "restoration_ae_colour.bsds500"
INPAINTER = "inpainting_ae.bsds500"
FILLED_TILE = 640  # pixels; smaller than for denoising, as inpainting takes more memory

Failures = list[tuple[Path, str]]


class Denoiser:
    """Removes noise from photographs.

    Args:
        model: a `restoration_ae`, or a name or path for `ae_zoo.load`. A grey model
            denoises the channels of colour pictures one by one. The default is a pair
            of weights of the zoo, for grey and for colour pictures.

    Example:

        denoise = ae_zoo.tasks.Denoiser()
        clean = denoise("noisy.png")                   # a Pillow image
        clean = denoise(array, sigma=25)               # an array like the one given
        denoise.run("folder/of/photos", "clean")       # files
    """

    def __init__(self, model: "Autoencoder | str | os.PathLike | None" = None):
        self._models = {
            channels: _Model(default if model is None else model, "denoise", DENOISER)
            for channels, default in ((1, DENOISER), (3, COLOUR_DENOISER))
        }

    def __call__(self, source, sigma: float | None = None):
        """The picture without its noise.

        Args:
            source: an array (uint8, uint16, or floats in [0, 1]; `(height, width)` or
                `(height, width, 1, 3 or 4)`), a Pillow image, or a path.
            sigma: standard deviation of the noise in levels of 255, whatever the dtype;
                None estimates it.

        Returns:
            For an array, an array of the same shape and dtype; otherwise a Pillow
            image, of 8 bits, or 16 bits for grey without transparency.

        Raises:
            InputError: the source is not a picture, or the level is out of range.
        """
        return _like(source, self._restore(read_picture(source), sigma))

    def run(
        self,
        source: str | os.PathLike,
        target: str | os.PathLike,
        sigma: float | None = None,
    ) -> Failures:
        """Denoises a file, or every picture of a folder.

        Args:
            source, target: two files or two folders.
            sigma: noise level of every picture; None estimates it for each.

        Returns:
            The files of a folder that failed, and why.

        Raises:
            InputError: the source cannot be read, or the target cannot be written.
        """
        if sigma is not None:
            check_sigma(sigma)
        return run_batch(
            _on_files(lambda path, picture: self._restore(picture, sigma)),
            source,
            target,
        )

    def restore_pixels(self, pixels: np.ndarray, sigma: float) -> np.ndarray:
        """Denoised pixels `(height, width, channels)`, in the dtype of `pixels`.

        Args:
            pixels: as in `Picture`; floats may lie outside of [0, 1], as noisy ones do.
            sigma: standard deviation of the noise in levels of 255.
        """
        check_pixels(pixels)
        check_sigma(sigma)
        model = self._models[pixels.shape[-1]].get()
        channels = model.output_shape[-1]
        if channels > pixels.shape[-1]:
            raise InputError(
                f"{model.name!r} takes colour, but the picture is grey: choose "
                f"{DENOISER!r}."
            )
        level = min(sigma / WHITE, model.corruption.level)
        out = np.empty_like(pixels)
        for first in range(0, pixels.shape[-1], channels):
            part = slice(first, first + channels)
            tiles.apply(
                lambda window: model.predict_on_batch(with_map(window[None], level))[0],
                pixels[..., part],
                out[..., part],
                margin=model.backbone.reach,
                multiple=model.backbone.shrink,
            )
        return out

    def _restore(self, picture: Picture, sigma: float | None) -> Picture:
        if sigma is None:
            sigma = min(WHITE, WHITE * estimate_noise(picture.floats()))
        return picture.replace(self.restore_pixels(picture.pixels, sigma))


class Inpainter:
    """Reconstructs the missing pixels of photographs; known pixels do not change.

    Args:
        model: an `inpainting_ae`, or a name or path for `ae_zoo.load`; by default the
            weight of the zoo.

    Example:

        inpaint = ae_zoo.tasks.Inpainter()
        whole = inpaint("scratched.png", "scratches.png")   # a Pillow image
        whole = inpaint(array, mask)                        # an array like the first
    """

    def __init__(self, model: "Autoencoder | str | os.PathLike | None" = None):
        given = INPAINTER if model is None else model
        self._model = _Model(given, "inpaint", INPAINTER)

    def __call__(self, source, mask):
        """The picture with its missing pixels reconstructed.

        Args:
            source: as for `Denoiser`.
            mask: of the same height and width, white (more than half of the range, or
                True) at missing pixels: an array, a Pillow image or a path.

        Returns:
            As `Denoiser`.

        Raises:
            InputError: the source or the mask is not a picture, or their sizes differ.
        """
        return _like(source, self._restore(read_picture(source), mask))

    def run(
        self,
        source: str | os.PathLike,
        mask: str | os.PathLike,
        target: str | os.PathLike,
    ) -> Failures:
        """Inpaints a file, or every picture of a folder.

        Args:
            source, target: two files or two folders.
            mask: one mask for all, or a folder with a mask for each picture, of the
                same relative path with any suffix.

        Returns:
            The files of a folder that failed, and why.

        Raises:
            InputError: the source cannot be read, or the target cannot be written.
        """
        find = _find_masks(as_path("source", source), as_path("mask", mask))
        return run_batch(
            _on_files(lambda path, picture: self._restore(picture, find(path))),
            source,
            target,
        )

    def restore_pixels(self, pixels: np.ndarray, holes: np.ndarray) -> np.ndarray:
        """Inpainted pixels `(height, width, channels)`, in the dtype of `pixels`.

        Args:
            pixels: as in `Picture`; values at missing pixels do not matter.
            holes: mask of the missing pixels, `(height, width, 1)`, bool.
        """
        check_pixels(pixels)
        model = self._model.get()
        channels = pixels.shape[-1]
        if model.output_shape[-1] < channels:
            raise InputError(
                f"{model.name!r} takes grey, but the picture has colour: choose "
                f"{INPAINTER!r}."
            )
        # A colour model inpaints a grey picture as three equal channels.
        spread = model.output_shape[-1] // channels
        white = from_floats(np.ones(1, "float32"), pixels.dtype)
        given = np.concatenate([*[pixels] * spread, holes * white], axis=-1)
        np.copyto(given[..., :-1], 0, where=holes)

        def fill(window: np.ndarray) -> np.ndarray:
            filled = model.predict_on_batch(window[None])[0]
            return filled.reshape(*filled.shape[:2], spread, channels).mean(axis=2)

        out = np.empty_like(pixels)
        tiles.apply(
            fill,
            given,
            out,
            margin=model.backbone.reach,
            tile=FILLED_TILE,
            multiple=model.backbone.shrink,
        )
        np.copyto(out, pixels, where=~holes)
        return out

    def _restore(self, picture: Picture, mask) -> Picture:
        holes = read_mask(mask)
        if holes.shape[:2] != picture.pixels.shape[:2]:
            high, wide = picture.pixels.shape[:2]
            raise InputError(
                f"The mask has {holes.shape[1]} x {holes.shape[0]} pixels and the "
                f"picture {wide} x {high}: make them equal."
            )
        return picture.replace(self.restore_pixels(picture.pixels, holes))


def read_mask(source) -> np.ndarray:
    """Reads a mask for `Inpainter`: `(height, width, 1)`, bool."""
    if isinstance(source, np.ndarray) and source.dtype == bool:
        source = source.astype("uint8") * np.uint8(255)
    return as_floats(read_picture(source).pixels).mean(axis=-1, keepdims=True) > 0.5


def check_sigma(sigma: float) -> None:
    """Raises an `InputError` unless a noise level is in levels of 255."""
    if not is_number(sigma) or not 0 <= sigma <= WHITE:
        raise InputError(
            f"sigma must be between 0 and {WHITE}, the noise's standard deviation "
            f"in levels of 8-bit pictures, not {sigma!r}."
        )


class _Model:
    """A model, loaded when first used.

    Args:
        model: the model, or a name or path for `load`.
        task: task that it must have, for pictures of any size.
        instead: name of a model with this task, for the error message.
    """

    def __init__(self, model, task: str, instead: str):
        check_model(model)
        self.model = model
        self.task, self.instead = task, instead

    def get(self) -> "Autoencoder":
        self.model = as_model(self.model)
        if self.task not in self.model.tasks or not self.model.takes_map:
            raise InputError(
                f"{self.model.name!r} does not {self.task} photographs: choose a model "
                f"like {self.instead!r}."
            )
        return self.model


def _like(source, picture: Picture):
    """The picture in the type of `source`: an array, otherwise a Pillow image."""
    if isinstance(source, np.ndarray):
        return picture.array().reshape(source.shape).astype(source.dtype)
    return picture.image()


def _on_files(restore: Callable[[Path, Picture], Picture]) -> Callable:
    """Wraps `restore` to read and write files; raises early for unwritable targets."""

    def work(path: Path, target: Path) -> None:
        picture = read_picture(path)
        size, dtype = picture.pixels.shape[:2], picture.pixels.dtype
        check_writable(target, size, dtype, picture.alpha is not None)
        write_picture(restore(path, picture), target)

    return work


def _find_masks(source: Path, masks: Path) -> Callable[[Path], Path]:
    """A function from the path of a picture to the path of its mask."""
    if not masks.is_dir():
        return lambda path: masks
    paths = list_files(masks)
    named = {path.relative_to(masks).with_suffix(""): path for path in paths}

    def find(path: Path) -> Path:
        name = path.relative_to(source) if source.is_dir() else Path(path.name)
        if name.with_suffix("") not in named:
            raise InputError(f"{path} has no mask {name.stem} in {masks}: add it.")
        return named[name.with_suffix("")]

    return find
