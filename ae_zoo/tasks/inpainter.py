"""Inpainting of photographs of any kind and size, or of a folder."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ae_zoo.data.files import list_files
from ae_zoo.data.pictures import Picture, read_picture
from ae_zoo.data.values import from_floats
from ae_zoo.errors import InputError
from ae_zoo.tasks import tiles
from ae_zoo.tasks.arguments import as_integer, as_path, check_pixels
from ae_zoo.tasks.batch import run_batch
from ae_zoo.tasks.large_holes import fill
from ae_zoo.tasks.masks import grow, read_mask
from ae_zoo.tasks.restoration import Failures, LazyModel, like, on_files

if TYPE_CHECKING:
    from ae_zoo.autoencoder import Autoencoder

INPAINTER = "inpainting_ae.bsds500"
FILLED_TILE = 640  # pixels; smaller than for denoising, as inpainting takes more memory


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
        self._model = LazyModel(given, "inpaint", INPAINTER)

    def __call__(self, source, mask, dilate: int = 0):
        """The picture with its missing pixels reconstructed.

        Args:
            source: as for `Denoiser`.
            mask: of the same height and width, with the missing pixels marked; see
                `ae_zoo.tasks.masks.read_mask`.
            dilate: pixels by which the marks grow, for the blurred edges of scratches.

        Returns:
            As `Denoiser`.

        Raises:
            InputError: the source or the mask is not a picture, their sizes differ, or
                the mask marks no pixel, or all of them.
        """
        return like(source, self._restore(read_picture(source), mask, dilate))

    def run(
        self,
        source: str | os.PathLike,
        mask: str | os.PathLike,
        target: str | os.PathLike,
        dilate: int = 0,
    ) -> Failures:
        """Inpaints a file, or every picture of a folder.

        Args:
            source, target: two files or two folders.
            mask: one mask for all, or a folder with a mask for each picture, of the
                same relative path with any suffix.
            dilate: as of a call.

        Returns:
            The files of a folder that failed, and why.

        Raises:
            InputError: the source cannot be read, or the target cannot be written.
        """
        as_integer("dilate", dilate, low=0)
        find = _find_masks(as_path("source", source), as_path("mask", mask))
        return run_batch(
            on_files(lambda path, picture: self._restore(picture, find(path), dilate)),
            source,
            target,
        )

    def restore_pixels(self, pixels: np.ndarray, holes: np.ndarray) -> np.ndarray:
        """Inpainted pixels `(height, width, channels)`, in the dtype of `pixels`.

        Args:
            pixels: as in `Picture`; values at missing pixels do not matter.
            holes: mask of the missing pixels, `(height, width, 1)`, bool.

        Raises:
            InputError: the model does not inpaint such pictures, or no pixel is known.
        """
        check_pixels(pixels)
        if holes.all():
            raise InputError(
                "The mask covers the whole picture: leave some of it black."
            )
        model = self._model.get()
        if model.output_shape[-1] < pixels.shape[-1]:
            raise InputError(
                f"{model.name!r} takes grey, but the picture has colour: choose "
                f"{INPAINTER!r}."
            )
        return fill(functools.partial(_fill_narrow, model), pixels, holes)

    def _restore(self, picture: Picture, mask, dilate: int) -> Picture:
        holes = grow(read_mask(mask), dilate)
        if holes.shape[:2] != picture.pixels.shape[:2]:
            high, wide = picture.pixels.shape[:2]
            raise InputError(
                f"The mask has {holes.shape[1]} x {holes.shape[0]} pixels and the "
                f"picture {wide} x {high}: make them equal."
            )
        return picture.replace(self.restore_pixels(picture.pixels, holes))


def _fill_narrow(model, pixels: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Pixels with holes that are narrow enough for the network, inpainted by it."""
    channels = pixels.shape[-1]
    # A colour model inpaints a grey picture as three equal channels.
    spread = model.output_shape[-1] // channels
    white = from_floats(np.ones(1, "float32"), pixels.dtype)
    given = np.concatenate([*[pixels] * spread, holes * white], axis=-1)
    np.copyto(given[..., :-1], 0, where=holes)

    def restore(window: np.ndarray) -> np.ndarray:
        filled = model.predict_on_batch(window[None])[0]
        return filled.reshape(*filled.shape[:2], spread, channels).mean(axis=2)

    out = np.empty_like(pixels)
    tiles.apply(
        restore,
        given,
        out,
        margin=model.backbone.reach,
        tile=FILLED_TILE,
        multiple=model.backbone.shrink,
    )
    np.copyto(out, pixels, where=~holes)
    return out


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
