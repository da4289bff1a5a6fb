"""The class `Picture`."""

import dataclasses

import numpy as np
from PIL import Image

from ae_zoo.data.pictures.pixels import to_pillow
from ae_zoo.data.values import as_floats, from_floats
from ae_zoo.errors import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """A photograph.

    Args:
        pixels: `(height, width, 1 or 3)`, grey or RGB: uint8, uint16, or float32 in
            [0, 1].
        alpha: opacity, `(height, width)` of the same dtype; None if all pixels are
            opaque.
        icc: ICC colour profile of the pixels; None means sRGB.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    icc: bytes | None = None

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB."""
        return self.pixels.shape[-1]

    def floats(self) -> np.ndarray:
        """The pixels as float32 in [0, 1]."""
        return as_floats(self.pixels)

    def integers(self) -> "Picture":
        """The picture with 8 or 16 bits; floats get 8."""
        if self.pixels.dtype != np.float32:
            return self
        alpha = None if self.alpha is None else from_floats(self.alpha, "uint8")
        return Picture(from_floats(self.pixels, "uint8"), alpha, self.icc)

    def array(self) -> np.ndarray:
        """The pixels and, if there is one, alpha: `(height, width, 1 to 4)`."""
        if self.alpha is None:
            return self.pixels
        return np.concatenate([self.pixels, self.alpha[..., None]], axis=-1)

    def image(self) -> Image.Image:
        """A Pillow image with the profile.

        It has 16 bits if the picture is grey, opaque and has 16 bits, else 8.
        """
        grey = self.channels == 1 and self.alpha is None
        if grey and self.pixels.dtype == np.uint16:
            image = Image.fromarray(self.pixels[..., 0])
        else:
            image = to_pillow(self.pixels, self.alpha)
        if self.icc:
            image.info["icc_profile"] = self.icc
        return image

    def replace(self, pixels: np.ndarray) -> "Picture":
        """A picture with new pixels and the same transparency and profile.

        Args:
            pixels: the same shape and dtype, or floats in [0, 1], which are clipped
                and rounded to the dtype.

        Raises:
            InputError: the shape or the dtype differs.
        """
        if pixels.shape != self.pixels.shape:
            raise InputError(
                f"A picture of shape {self.pixels.shape} cannot take pixels of shape "
                f"{pixels.shape}: make a new Picture."
            )
        if np.issubdtype(pixels.dtype, np.floating):
            pixels = from_floats(np.clip(pixels, 0, 1), self.pixels.dtype)
        elif pixels.dtype != self.pixels.dtype:
            raise InputError(
                f"A picture of {self.pixels.dtype} cannot take {pixels.dtype}: pass "
                f"{self.pixels.dtype} or floats in [0, 1]."
            )
        return dataclasses.replace(self, pixels=pixels)
