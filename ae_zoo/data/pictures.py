"""Photographs as restoration and compression take them, and files of them.

Unlike the examples in `inputs`, pictures keep their size, their 8 or 16 bits, their
transparency and their colour profile. Pillow reads 16 bits of grey only; colour is
read from PNG and TIFF in two passes, one for either byte, and written here.
"""

import contextlib
import dataclasses
import os
import struct
import sys
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from ae_zoo._files import complete_file
from ae_zoo.errors import InputError

_WHITE_LEVEL = {"uint8": 255, "uint16": 65535}
_TOLERANCE = 1e-6  # how far rounding may carry a float out of [0, 1]
_BAND = 2**20  # pixels converted at a time, so that memory holds a picture but twice
_WIDTH, _HEIGHT = 256, 257  # tags of TIFF
_TIFF_BITS, _TIFF_PLANES, _APART = 258, 284, 2  # two tags, a value of the second
_ICC_SPACE = {1: b"GRAY", 3: b"RGB "}  # by channels, as a profile's header says it
# For each order of the bytes of 16 bits, the one that makes Pillow take the low byte.
_OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_ON_THEIR_SIDE = (5, 6, 7, 8)  # EXIF orientations
# What Pillow raises for damaged files.
_BROKEN = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError),
    *(struct.error, zlib.error),
)


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """A photograph.

    Args:
        pixels: `(height, width, 1 or 3)`, grey or RGB: uint8, uint16, or float32 in
            [0, 1].
        alpha: opacity, `(height, width)` of the same dtype; None if all is opaque.
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

    def array(self) -> np.ndarray:
        """Pixels and, where there is one, alpha: `(height, width, 1 to 4)`."""
        if self.alpha is None:
            return self.pixels
        return np.concatenate([self.pixels, self.alpha[..., None]], axis=-1)

    def image(self) -> Image.Image:
        """A Pillow image with the profile: 8 bits, or 16 of grey without alpha."""
        grey = self.channels == 1 and self.alpha is None
        if grey and self.pixels.dtype == np.uint16:
            image = Image.fromarray(self.pixels[..., 0])
        else:
            image = _to_image(self)
        if self.icc:
            image.info["icc_profile"] = self.icc
        return image

    def replace(self, pixels: np.ndarray) -> "Picture":
        """The picture with new pixels, and its transparency and profile.

        Args:
            pixels: of the same shape and dtype, or floats in [0, 1], which are
                clipped and rounded to the dtype.

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


@dataclasses.dataclass(frozen=True)
class _Format:
    """What a kind of file can hold, and how Pillow shall write it."""

    options: dict
    has_alpha: bool = True
    has_16_bits: bool = False
    longest_side: int = 2**31 - 1  # pixels


_JPEG = _Format({"quality": 95}, has_alpha=False, longest_side=65500)
_TIFF = _Format({"compression": "tiff_adobe_deflate"}, has_16_bits=True)
_FORMATS = {
    ".png": _Format({}, has_16_bits=True),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    # exact: colours stay where alpha is 0.
    ".webp": _Format({"lossless": True, "exact": True}, longest_side=16383),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": _Format({}, has_alpha=False),
}


def as_floats(values: np.ndarray) -> np.ndarray:
    """float32 of uint8 or uint16, scaled to [0, 1]; of floats, the same values."""
    white = _WHITE_LEVEL.get(values.dtype.name)
    if white is None:
        return values.astype("float32", copy=False)
    return values / np.float32(white)


def from_floats(values: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """Floats in [0, 1] as uint8 or uint16, clipped and rounded; as floats, unchanged.

    The inverse of `as_floats`: 8 and 16 bits come back exactly.
    """
    white = _WHITE_LEVEL.get(np.dtype(dtype).name)
    if white is None:
        return values.astype(dtype, copy=False)
    levels = np.clip(values, 0, 1) * np.float32(white)
    return np.rint(levels, out=levels).astype(dtype)


def read_picture(source: str | os.PathLike | Image.Image | np.ndarray) -> Picture:
    """The picture in a file, a Pillow image or an array.

    Files are turned upright as their EXIF says; an animation gives its first frame,
    a palette RGB. 16 bits are kept of grey, and of colour in PNG and TIFF files unless
    it is CMYK or premultiplied; Pillow images of colour have 8. A profile that does
    not describe grey or RGB pixels, such as that of CMYK, is dropped.

    Args:
        source: a path; a Pillow image; or uint8, uint16, or floats in [0, 1], of
            shape `(height, width)` or `(height, width, 1, 3 or 4)`, 4 being RGB and
            alpha. Arrays are not copied where their dtype allows.

    Raises:
        InputError: the file is missing, broken or larger than twice
            `PIL.Image.MAX_IMAGE_PIXELS` (179 megapixels), or values have no range
            that is agreed upon.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    name = "the image" if isinstance(source, Image.Image) else source
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of size, and of odd but legal files
            if isinstance(source, Image.Image):
                return _from_image(ImageOps.exif_transpose(source))
            return _from_file(Path(source))
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{name} has more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels: cut it into "
            "pieces, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it."
        ) from error
    except FileNotFoundError as error:
        raise InputError(f"There is no file {name}.") from error
    except _BROKEN as error:
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "no known image format" if unknown else error
        raise InputError(
            f"Cannot read {name} ({reason}): repair or remove it."
        ) from error


def picture_size(path: str | os.PathLike) -> tuple[int, int]:
    """Height and width of the picture in a file, upright, without decoding it.

    Raises:
        InputError: the file is missing or broken.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as when the picture is read
            with _open(Path(path)) as file:
                return _upright_size(file)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    except (*_BROKEN, Image.DecompressionBombError) as error:
        raise InputError(
            f"Cannot read {path} ({error}): repair or remove it."
        ) from error


def _upright_size(file: Image.Image) -> tuple[int, int]:
    tags = getattr(file, "tag_v2", None)  # Pillow may have turned a TIFF's size already
    width, height = file.size if tags is None else (tags[_WIDTH], tags[_HEIGHT])
    on_its_side = file.getexif().get(ExifTags.Base.Orientation) in _ON_THEIR_SIDE
    return (width, height) if on_its_side else (height, width)


def to_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Grey or RGB pixels as the other, uint8 `(height, width, channels)`.

    Args:
        pixels: `(height, width, 1 or 3)`; more than 8 bits are rounded.
        channels: 1 (grey by ITU-R 601, as Pillow's mode L) or 3.
    """
    pixels = _bytes(pixels)
    if pixels.shape[-1] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=-1)
    return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]


def write_picture(picture: Picture, path: str | os.PathLike) -> None:
    """Writes a file of the format that the ending of `path` names.

    PNG, TIFF, WebP and BMP are lossless, JPEG has quality 95. Floats are written with
    8 bits. The profile is kept, except in BMP. WebP, and TIFF of 16 bits with
    transparency, hold grey as RGB, without a profile.

    Raises:
        InputError: as `check_writable`; nothing is written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    has_alpha, dtype = picture.alpha is not None, picture.pixels.dtype
    check_writable(path, picture.pixels.shape[:2], dtype, has_alpha)
    is_deep = dtype == np.uint16
    tiff_lacks_it = _FORMATS[suffix] is _TIFF and is_deep and has_alpha
    if picture.channels == 1 and (suffix == ".webp" or tiff_lacks_it):
        picture = Picture(np.repeat(picture.pixels, 3, axis=-1), picture.alpha)
    with complete_file(path) as temporary:
        if not is_deep:
            options = _FORMATS[suffix].options
            if picture.icc:
                options = options | {"icc_profile": picture.icc}
            _to_image(picture).save(temporary, **options)
        elif suffix == ".png":
            _write_deep_png(picture, temporary)
        else:
            _write_deep_tiff(picture, temporary)


def check_writable(
    path: str | os.PathLike,
    size: tuple[int, int],
    dtype: DTypeLike = "uint8",
    has_alpha: bool = False,
) -> None:
    """Refuses now what `write_picture` could not write after minutes of work.

    Args:
        path: the file to write.
        size: height and width in pixels.
        dtype, has_alpha: of the picture.

    Raises:
        InputError: the folder does not exist, the ending names no format, or the
            format cannot hold such a picture.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _FORMATS:
        raise InputError(
            f"{path} cannot be written: give a name that ends in {', '.join(_FORMATS)}."
        )
    if not path.parent.is_dir():
        raise InputError(
            f"{path} cannot be written: make the folder {path.parent} first."
        )
    kind = _FORMATS[suffix]
    if has_alpha and not kind.has_alpha:
        raise InputError(
            f"{path} cannot hold the transparency of the picture: give a name that "
            "ends in .png, .webp or .tif."
        )
    if np.dtype(dtype) == np.uint16 and not kind.has_16_bits:
        raise InputError(
            f"{path} cannot hold the 16 bits of the picture: give a name that ends in "
            ".png or .tif."
        )
    if max(size) > kind.longest_side:
        raise InputError(
            f"{path} cannot hold {max(size)} pixels in a row, at most "
            f"{kind.longest_side}: give a name that ends in .png or .tif."
        )


def _from_array(values: np.ndarray) -> Picture:
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or values.shape[-1] not in (1, 3, 4):
        raise InputError(
            "A picture has the shape (height, width) or (height, width, 1, 3 or 4), "
            f"not {values.shape}: reshape it, or pass one picture at a time."
        )
    if values.size == 0:
        raise InputError("The picture is empty: it needs at least one pixel.")
    if np.issubdtype(values.dtype, np.floating):
        low, high = values.min(), values.max()
        if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):  # NaN is out as well
            raise InputError(
                f"A picture of floats lies in [0, 1], not from {low:.6g} to "
                f"{high:.6g}: rescale it, or pass uint8 or uint16."
            )
        return _split(values.astype("float32", copy=False))
    if values.dtype.name not in _WHITE_LEVEL:
        raise InputError(
            f"A picture of dtype {values.dtype} has no agreed range: pass uint8 (0 to "
            "255), uint16 (0 to 65535) or floats in [0, 1]."
        )
    return _split(values.astype(values.dtype.name, copy=False))  # native byte order


def _from_file(path: Path) -> Picture:
    if path.is_dir():
        raise InputError("It is a folder: name a picture in it.")
    with _open(path) as file:
        _refuse_planes(file)
        rawmode, info = _rawmode(file), file.info
        kind, _, order = rawmode.partition(";16")
        if kind not in ("LA", "RGB", "RGBA", "RGBX") or order not in _OTHER_ORDER:
            ImageOps.exif_transpose(file, in_place=True)
            return _from_image(file)
    if kind == "LA":  # both bytes of both values, as if four of 8 bits
        return _split(_decode(path, "RGBA").view(">u2").astype("uint16"), info)
    values = _decode(path, rawmode).astype("uint16")
    values <<= 8
    values |= _decode(path, f"{kind};16{_OTHER_ORDER[order]}")
    return _split(values, info)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Image.Image]:
    # Given a path, Pillow may map the file, and then garbles TIFF files on their side.
    with path.open("rb") as stream, Image.open(stream) as file:
        yield file


def _rawmode(file: Image.Image) -> str:
    """Pillow's name for the layout of a pixel in the file."""
    if not file.tile:
        return ""
    args = file.tile[0][3]
    return args if isinstance(args, str) else str(args[0])


def _refuse_planes(file: Image.Image) -> None:
    """Raises an `InputError` for 16-bit colours apart, which Pillow gets wrong."""
    tags = getattr(file, "tag_v2", {})
    if tags.get(_TIFF_PLANES) == _APART and max(tags.get(_TIFF_BITS, [1])) > 8:
        raise InputError(
            "It keeps 16-bit colours in separate planes: save it with interleaved "
            "colours (planar configuration 1)."
        )


def _decode(path: Path, rawmode: str) -> np.ndarray:
    """`(height, width, channels)` of uint8: what `rawmode` picks of every pixel."""
    with _open(path) as file:
        file.tile = [_with_rawmode(tile, rawmode) for tile in file.tile]
        ImageOps.exif_transpose(file, in_place=True)
        return _to_array(file, file.mode)


def _with_rawmode(tile: tuple, rawmode: str) -> tuple:
    args = tile[3]
    args = rawmode if isinstance(args, str) else (rawmode, *args[1:])
    make = getattr(type(tile), "_make", tuple)  # a plain tuple before Pillow 11
    return make((*tile[:3], args))


def _from_image(image: Image.Image) -> Picture:
    if 0 in image.size:
        raise InputError("It is empty: it needs at least one pixel.")
    if image.mode == "F":
        raise InputError(
            "Its floats have no agreed range: save it with 8 or 16 bits, or pass an "
            "array of floats in [0, 1]."
        )
    if image.mode.startswith("I"):
        return _split(_grey_16(image)[..., None], image.info)
    is_grey = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        mode = "LA" if is_grey else "RGBA"
    else:
        mode = "L" if is_grey else "RGB"
    values = _to_array(image, mode)
    return _split(values, {"icc_profile": image.info.get("icc_profile")})


def _grey_16(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    if image.mode == "I" and (pixels.min() < 0 or pixels.max() > 65535):
        raise InputError(
            "Its 32-bit integers have no agreed range: save it with 8 or 16 bits."
        )
    return pixels.astype("uint16")


def _to_array(image: Image.Image, mode: str) -> np.ndarray:
    """The image converted to a `mode` of 8 bits: `(height, width, bands)`."""
    values = np.empty((image.height, image.width, len(mode)), "uint8")
    for rows in _bands(image.height, image.width):
        band = image.crop((0, rows.start, image.width, rows.stop))
        values[rows] = np.asarray(band.convert(mode)).reshape(values[rows].shape)
    return values


def _split(values: np.ndarray, info: dict | None = None) -> Picture:
    """A picture of `(height, width, 1 to 4)`: grey or RGB, perhaps with alpha.

    Args:
        info: Pillow's, with "icc_profile", and "transparency" where one value of the
            pixels means transparent.
    """
    info = info or {}
    channels = 1 if values.shape[-1] < 3 else 3
    pixels, alpha = values[..., :channels], None
    if values.shape[-1] > channels:
        alpha = values[..., -1]
    elif info.get("transparency") is not None:
        is_clear = (pixels == np.array(info["transparency"])).all(axis=-1)
        alpha = np.where(is_clear, 0, _WHITE_LEVEL[values.dtype.name])
        alpha = alpha.astype(values.dtype)
    icc = info.get("icc_profile")
    fits = icc and icc[16:20] == _ICC_SPACE[channels]
    return Picture(pixels, alpha, icc if fits else None)


def _to_image(picture: Picture) -> Image.Image:
    """Pillow image of 8 bits."""
    pixels, alpha = picture.pixels, picture.alpha
    image = Image.fromarray(_bytes(pixels[..., 0] if picture.channels == 1 else pixels))
    if alpha is not None:
        image.putalpha(Image.fromarray(_bytes(alpha)))
    return image


def _bytes(values: np.ndarray) -> np.ndarray:
    return values if values.dtype == np.uint8 else from_floats(values, "uint8")


def _bands(height: int, width: int) -> Iterator[slice]:
    """Rows from the top to the bottom, about `_BAND` pixels at a time."""
    step = max(1, _BAND // width)
    for top in range(0, height, step):
        yield slice(top, min(height, top + step))


def _write_deep_png(picture: Picture, path: Path) -> None:
    height, width, channels = picture.pixels.shape
    kind = (2 if channels == 3 else 0) + (4 if picture.alpha is not None else 0)
    with path.open("wb") as file:

        def chunk(name: bytes, content: bytes) -> None:
            file.write(struct.pack(">I", len(content)) + name + content)
            file.write(struct.pack(">I", zlib.crc32(name + content)))

        file.write(b"\x89PNG\r\n\x1a\n")
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
        if picture.icc:
            chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc))
        stream = zlib.compressobj()
        for rows in _bands(height, width):
            values = picture.pixels[rows]
            if picture.alpha is not None:
                values = np.dstack([values, picture.alpha[rows]])
            if compressed := stream.compress(_filtered(values)):
                chunk(b"IDAT", compressed)
        chunk(b"IDAT", stream.flush())
        chunk(b"IEND", b"")


def _filtered(rows: np.ndarray) -> bytes:
    """PNG's filter 1, which compresses well: each byte less that one pixel before."""
    lines = rows.astype(">u2").view("uint8").reshape(len(rows), -1)
    step = 2 * rows.shape[-1]
    lines[:, step:] -= lines[:, :-step].copy()
    return np.insert(lines, 0, 1, axis=1).tobytes()


def _write_deep_tiff(picture: Picture, path: Path) -> None:
    import tifffile

    values, kind, extra = picture.pixels, "rgb", []
    if picture.channels == 1:
        values, kind = values[..., 0], "minisblack"
    elif picture.alpha is not None:
        values, extra = np.dstack([values, picture.alpha]), ["unassalpha"]
    tifffile.imwrite(
        path,
        values,
        photometric=kind,
        extrasamples=extra,
        compression="zlib",
        iccprofile=picture.icc,
        metadata=None,
        software=False,
    )
