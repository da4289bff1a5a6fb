"""Compression of photographs to small files by autoencoders."""

import functools
import hashlib
import io
import itertools
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ae_zoo.corruptions.mapped import with_map
from ae_zoo.data.pictures import (
    Picture,
    check_writable,
    read_picture,
    write_picture,
)
from ae_zoo.data.values import from_floats
from ae_zoo.errors import CodecError, InputError
from ae_zoo.tasks import tiles
from ae_zoo.tasks.batch import run_batch
from ae_zoo.tasks.codec import container, range_coder
from ae_zoo.zoo.manifest import list_models

if TYPE_CHECKING:
    from PIL import Image

    from ae_zoo.autoencoder import Autoencoder

CODEC = "hyperprior_ae.bsds500"
SUFFIX = ".aez"
MOST_VALUES = 2**21  # of a segment, which bounds the memory
TILE = 1024  # pixels
LATENTS = "LATN"


class Compressor:
    """Compresses photographs to `.aez` files, and back.

    Args:
        model: a learned codec such as `hyperprior_ae`, or a name or path for
            `ae_zoo.load`; by default the weight of the zoo. If the model is not in the
            zoo, its files can be decompressed only with the model.

    Example:

        codec = ae_zoo.tasks.Compressor()
        data = codec.compress("photo.png", quality=3)    # bytes
        image = codec.decompress(data)                   # a Pillow image
    """

    def __init__(self, model: "Autoencoder | str | os.PathLike | None" = None):
        if model is None or isinstance(model, (str, os.PathLike)):
            from ae_zoo.zoo.loader import load

            self.name = os.fspath(model or CODEC)
            model = load(self.name)
        else:
            self.name = model.name
        if "compress" not in model.tasks:
            raise InputError(
                f"{model.name!r} does not compress photographs: choose a model like "
                f"{CODEC!r}."
            )
        self.model = model
        self.qualities = model.corruption.qualities
        self.sha256 = _fingerprint(model)
        self._entropy_model = model.bottleneck.entropy_model()
        self._synthesis = model.bottleneck.unwrap(model.decoder)

    def compress(self, source, quality: int | None = None) -> bytes:
        """Compresses a picture to the content of an `.aez` file.

        Args:
            source: an array (uint8, uint16, or floats in [0, 1], which get 8 bits), a
                Pillow image, or a path. Transparency and colour profile are
                kept.
            quality: from 0, the smallest file, to `qualities` - 1; None takes the
                middle, `qualities` // 2.

        Raises:
            InputError: the source is not a picture, or there is no such quality.
        """
        quality = self._checked(quality)
        picture = _integers(read_picture(source))
        file = io.BytesIO()
        self._write(file, picture, quality)
        return file.getvalue()

    def decompress(self, source: bytes | str | os.PathLike) -> "Image.Image":
        """The picture in the content of an `.aez` file, or in a file.

        Raises:
            CodecError: it is not such a file, it is damaged, or another model wrote it.
        """
        return self._unpack(*container.read(source)).image()

    def run(
        self,
        source: str | os.PathLike,
        target: str | os.PathLike,
        quality: int | None = None,
    ) -> list[tuple[Path, str]]:
        """Compresses a file, or every picture of a folder.

        Args:
            source, target: two files or two folders.
            quality: as for `compress`.

        Returns:
            The files of a folder that failed, and why.

        Raises:
            InputError: the source cannot be read, or the target cannot be written.
        """
        quality = self._checked(quality)

        def work(path: Path, out: Path) -> None:
            if out.suffix.lower() != SUFFIX:
                raise InputError(f"{out} must end in {SUFFIX}: rename it.")
            self._write(out, _integers(read_picture(path)), quality)

        return run_batch(work, source, target, suffix=SUFFIX)

    def encode_pixels(self, pixels: np.ndarray, quality: int) -> list[np.ndarray]:
        """Encodes pixels of a `Picture` to codes `(rows, columns, channels)`, int32."""
        backbone = self.model.backbone
        padded = tiles.pad_to_multiple(pixels, backbone.shrink)
        rows, columns = self._latent_size(pixels.shape)
        channels = self.model.encoder.outputs[0].shape[-1]
        latents = np.empty((rows, columns, channels), "float32")

        def analyse(window: np.ndarray) -> np.ndarray:
            colour = np.broadcast_to(window, (*window.shape[:2], 3))
            told = with_map(colour[None], quality)
            return self.model.encoder.predict_on_batch(told)[0][0]

        tiles.apply(
            analyse,
            padded,
            latents,
            margin=backbone.reach,
            tile=TILE,
            multiple=backbone.shrink,
            scale=Fraction(1, backbone.shrink),
        )
        return self._entropy_model.quantise(latents, quality)

    def decode_pixels(
        self,
        codes: list[np.ndarray],
        quality: int,
        shape: tuple[int, ...],
        dtype: str,
    ) -> np.ndarray:
        """Decodes codes to pixels, the lossy inverse of `encode_pixels`.

        Args:
            codes: output of `encode_pixels`.
            quality: quality of the codes.
            shape: shape of the pixels, `(height, width, 1 or 3)`.
            dtype: dtype of the pixels, as in `Picture`.
        """
        backbone = self.model.backbone
        latents, channels = self._entropy_model.restore(codes, quality), shape[-1]
        told = np.full((1, 1), quality, "float32")
        sides = (side * backbone.shrink for side in latents.shape[:2])
        padded = np.empty((*sides, channels), dtype)

        def synthesise(window: np.ndarray) -> np.ndarray:
            colour = self._synthesis.predict_on_batch([window[None], told])[0]
            return colour if channels == 3 else colour.mean(axis=-1, keepdims=True)

        tiles.apply(
            synthesise,
            latents,
            padded,
            margin=-(-backbone.reach // backbone.shrink),
            tile=TILE // backbone.shrink,
            multiple=1,
            scale=backbone.shrink,
        )
        return padded[: shape[0], : shape[1]]

    def write_codes(self, codes: list[np.ndarray], quality: int) -> Iterator[bytes]:
        """Codes as entropy-coded segments of several rows."""
        for i, code in enumerate(codes):
            tables, which = self._entropy_model.tables(codes[:i], quality, code.shape)
            for part in _parts(code.shape):
                yield range_coder.encode(
                    code[part].ravel(), which[part].ravel(), tables
                )

    def read_codes(
        self, segments: list[bytes], quality: int, size: tuple[int, int]
    ) -> list[np.ndarray]:
        """The inverse of `write_codes`, for a picture of known height and width.

        Raises:
            CodecError: the segments do not hold such codes.
        """
        shapes = self._entropy_model.shapes(*self._latent_size(size))
        parts = [list(_parts(shape)) for shape in shapes]
        if len(segments) != sum(map(len, parts)):
            raise CodecError(
                f"A picture of {size[1]} x {size[0]} pixels has "
                f"{sum(map(len, parts))} segments, not {len(segments)}: the file is "
                "damaged, copy it again."
            )
        codes, rest = [], iter(segments)
        for shape, rows in zip(shapes, parts, strict=True):
            tables, which = self._entropy_model.tables(codes, quality, shape)
            blocks = [
                range_coder.decode(next(rest), which[part].ravel(), tables)
                for part in rows
            ]
            codes.append(np.concatenate(blocks).reshape(shape))
        return codes

    def _latent_size(self, size: tuple[int, ...]) -> tuple[int, int]:
        shrink = self.model.backbone.shrink
        return -(-size[0] // shrink), -(-size[1] // shrink)

    def _checked(self, quality: int | None) -> int:
        if quality is None:
            return self.qualities // 2
        if quality not in range(self.qualities):
            raise InputError(
                f"{self.name!r} has the qualities 0 to {self.qualities - 1}, not "
                f"{quality}: choose one of them."
            )
        return quality

    def _write(self, file, picture: Picture, quality: int) -> None:
        pixels, alpha = picture.pixels, picture.alpha
        height, width, channels = pixels.shape
        header = container.Header(
            width=width,
            height=height,
            mode=channels + (alpha is not None),
            bits=8 * pixels.itemsize,
            quality=quality,
            weight=self.name,
            sha256=self.sha256,
        )
        segments = []
        if picture.icc:
            segments.append(("ICC ", container.pack_icc(picture.icc)))
        if alpha is not None:
            segments.append(("ALPH", container.pack_alpha(alpha)))
        codes = self.encode_pixels(pixels, quality)
        coded = ((LATENTS, part) for part in self.write_codes(codes, quality))
        container.write(file, header, itertools.chain(segments, coded))

    def _unpack(self, header: container.Header, segments: list) -> Picture:
        if header.sha256 != self.sha256:
            raise CodecError(
                f"The file was made by the weight {header.weight!r} of another version "
                f"than {self.name!r}: decompress it with the one that made it."
            )
        if header.quality >= self.qualities:
            raise CodecError("The file has a quality that its weight does not have.")
        size = header.height, header.width
        coded = [payload for kind, payload in segments if kind == LATENTS]
        codes = self.read_codes(coded, header.quality, size)
        others = {kind: payload for kind, payload in segments if kind != LATENTS}
        if ("ALPH" in others) is not (header.mode in (2, 4)):
            raise CodecError("The file's alpha plane is missing: copy it again.")
        shape = (*size, 1 if header.mode <= 2 else 3)
        pixels = self.decode_pixels(codes, header.quality, shape, f"uint{header.bits}")
        alpha, icc = others.get("ALPH"), others.get("ICC ")
        return Picture(
            pixels,
            None if alpha is None else container.unpack_alpha(alpha, header),
            None if icc is None else container.unpack_icc(icc),
        )


def decompress(source: bytes | str | os.PathLike) -> "Image.Image":
    """The picture in an `.aez` file, by the zoo's weight that the file names.

    Raises:
        CodecError: it is not such a file, it is damaged, or it was written by a model
            outside of the zoo: use the `Compressor` of that model.
        DownloadError: the weight cannot be downloaded; the message names the remedy.
    """
    header, segments = container.read(source)
    return codec_of(header)._unpack(header, segments).image()


def decompress_files(
    source: str | os.PathLike,
    target: str | os.PathLike,
    codec: Compressor | None = None,
    suffix: str = ".png",
) -> list[tuple[Path, str]]:
    """Decompresses a file, or every `.aez` file of a folder.

    Args:
        source, target: two files or two folders.
        codec: codec that wrote the files; None takes the weight of the zoo that each
            file names.
        suffix: suffix of the pictures of a folder.

    Returns:
        The files of a folder that failed, and why.

    Raises:
        CodecError, DownloadError: as `decompress`.
        InputError: the target cannot be written.
    """

    def work(path: Path, out: Path) -> None:
        header, segments = container.read(path)
        size, dtype = (header.height, header.width), f"uint{header.bits}"
        check_writable(out, size, dtype, header.mode in (2, 4))
        picture = (codec or codec_of(header))._unpack(header, segments)
        write_picture(picture, out)

    is_folder = Path(source).is_dir()
    return run_batch(
        work, source, target, suffix if is_folder else None, suffixes=(SUFFIX,)
    )


def codec_of(header: container.Header) -> Compressor:
    """The codec of the zoo that a file names, see `decompress`."""
    if header.weight not in list_models():
        raise CodecError(
            f"The file was made by {header.weight!r}, which is not in the zoo: name "
            "the model that made it."
        )
    return _load(header.weight)


_load = functools.lru_cache(maxsize=2)(Compressor)


def _fingerprint(model: "Autoencoder") -> str:
    """SHA-256 of the weights' values, in the order of `get_weights`."""
    digest = hashlib.sha256()
    for values in model.get_weights():
        digest.update(np.ascontiguousarray(values, "<f4").tobytes())
    return digest.hexdigest()


def _integers(picture: Picture) -> Picture:
    """The picture with 8 or 16 bits; floats get 8."""
    if picture.pixels.dtype != np.float32:
        return picture
    alpha = picture.alpha
    return Picture(
        from_floats(picture.pixels, "uint8"),
        None if alpha is None else from_floats(alpha, "uint8"),
        picture.icc,
    )


def _parts(shape: tuple[int, ...]) -> Iterator[slice]:
    """The rows of each segment of a code `(rows, columns, channels)`."""
    rows, columns, channels = shape
    step = max(1, MOST_VALUES // (columns * channels))
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))
