"""Compression of photographs to small files by autoencoders."""

import functools
import hashlib
import io
import itertools
import numbers
import os
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ae_zoo._files import complete_file, is_path
from ae_zoo.corruptions.mapped import with_map
from ae_zoo.data.pictures import Picture, read_picture
from ae_zoo.errors import CodecError, InputError
from ae_zoo.tasks import tiles
from ae_zoo.tasks.arguments import as_model, check_pixels
from ae_zoo.tasks.batch import run_batch
from ae_zoo.tasks.codec import container, range_coder, targets
from ae_zoo.tasks.codec.bands import Bands
from ae_zoo.tasks.codec.limits import MOST_PIXELS, check_cost, read_limited

if TYPE_CHECKING:
    from PIL import Image

    from ae_zoo.autoencoder import Autoencoder

CODEC = "hyperprior_ae.bsds500"
SUFFIX = ".aez"
MOST_VALUES = 2**21  # of a segment, which bounds the memory
ROW_COST = 32  # pixels that cost as much memory as a value of a row, all at once
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
        given = CODEC if model is None else model
        model = as_model(given)
        self.name = os.fspath(given) if is_path(given) else model.name
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

    def compress(
        self,
        source,
        quality: float | None = None,
        target_bytes: int | None = None,
        target_psnr: float | None = None,
    ) -> bytes:
        """Compresses a picture to the content of an `.aez` file.

        Args:
            source: an array (uint8, uint16, or floats in [0, 1], which get 8 bits), a
                Pillow image, or a path. Transparency and colour profile are
                kept.
            quality: from 0, the smallest file, to `qualities` - 1, for some families in
                sixteenths; None takes the middle, `qualities` // 2.
            target_bytes: instead of a quality, what the file may have at most; it gets
                the highest quality that is small enough.
            target_psnr: instead of a quality, the decibels that the picture's colours
                shall have at least; it gets the lowest quality that suffices.

        Raises:
            InputError: the source is not a picture, there is no such quality, or no
                quality reaches the target.
        """
        write = self._writer(quality, target_bytes, target_psnr)
        return write(read_picture(source).integers())

    def decompress(
        self, source: bytes | str | os.PathLike, most_pixels: int = MOST_PIXELS
    ) -> "Image.Image":
        """The picture in the content of an `.aez` file, or in a file.

        Args:
            source: bytes or a path.
            most_pixels: limit of the file's `cost`, which bounds time and memory; a
                small file may hold a large picture.

        Raises:
            CodecError: it is not such a file, it is damaged, another model wrote it, or
                its picture is too large.
        """
        return self.unpack(*read_limited(source, most_pixels), most_pixels).image()

    def cost(self, size: tuple[int, int]) -> int:
        """Pixels by which the decompression of a picture of this size is limited.

        It is the number of pixels, padded to whole codes. The codes of a row are
        decoded at once, so that it is at least 32 times their number of values.
        """
        rows, columns = self._latent_size(size)
        shapes = self._entropy_model.shapes(rows, columns)
        widest = max(columns * channels for _, columns, channels in shapes)
        padded = rows * columns * self.model.backbone.shrink**2
        return max(padded, ROW_COST * widest)

    def unpack(
        self,
        header: container.Header,
        segments: list[tuple[str, bytes]],
        most_pixels: int = MOST_PIXELS,
    ) -> Picture:
        """The picture in the header and the segments of a file, as `decompress`."""
        if header.sha256 != self.sha256:
            raise CodecError(
                f"The file was made by the weight {header.weight!r} of another version "
                f"than {self.name!r}: decompress it with the one that made it."
            )
        try:
            quality = self._checked(header.quality)
        except InputError as error:
            raise CodecError(
                "The file has a quality that its weight does not have."
            ) from error
        size = header.height, header.width
        check_cost(header, self.cost(size), most_pixels)
        others = {kind: payload for kind, payload in segments if kind != LATENTS}
        if ("ALPH" in others) is not (header.mode in (2, 4)):
            raise CodecError("The file's alpha plane is missing: copy it again.")
        alpha, icc = others.get("ALPH"), others.get("ICC ")
        alpha = None if alpha is None else container.unpack_alpha(alpha, header)
        icc = None if icc is None else container.unpack_icc(icc)
        coded = [payload for kind, payload in segments if kind == LATENTS]
        latents = self.read_latents(coded, quality, size)
        shape = (*size, 1 if header.mode <= 2 else 3)
        dtype = f"uint{header.bits}"
        pixels = self.decode_pixels(latents, quality, shape, dtype)
        return Picture(pixels, alpha, icc)

    def run(
        self,
        source: str | os.PathLike,
        target: str | os.PathLike,
        quality: float | None = None,
        target_bytes: int | None = None,
        target_psnr: float | None = None,
    ) -> list[tuple[Path, str]]:
        """Compresses a file, or every picture of a folder.

        Args:
            source, target: two files or two folders.
            quality, target_bytes, target_psnr: as for `compress`.

        Returns:
            The files of a folder that failed, and why.

        Raises:
            InputError: the source cannot be read, or the target cannot be written.
        """
        write = self._writer(quality, target_bytes, target_psnr)

        def work(path: Path, out: Path) -> None:
            if out.suffix.lower() != SUFFIX:
                raise InputError(f"{out} must end in {SUFFIX}: rename it.")
            data = write(read_picture(path).integers())
            with complete_file(out) as temporary:
                Path(temporary).write_bytes(data)

        return run_batch(work, source, target, suffix=SUFFIX)

    def encode_pixels(self, pixels: np.ndarray, quality: float) -> list[np.ndarray]:
        """Encodes pixels of a `Picture` to codes `(rows, columns, channels)`, int32."""
        check_pixels(pixels)
        backbone = self.model.backbone
        padded = tiles.pad_to_multiple(pixels, backbone.shrink)
        rows, columns = self._latent_size(pixels.shape)
        channels = self.model.encoder.outputs[0].shape[-1]
        latents = np.empty((rows, columns, channels), "float32")

        def analyse(window: np.ndarray) -> np.ndarray:
            colour = np.broadcast_to(window, (*window.shape[:2], 3))
            mapped = with_map(colour[None], quality)
            return self.model.encoder.predict_on_batch(mapped)[0][0]

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

    def write_codes(self, codes: list[np.ndarray], quality: float) -> Iterator[bytes]:
        """Codes as entropy-coded segments of several rows."""
        for i, code in enumerate(codes):
            tables = self._entropy_model.tables(i, quality)
            bands = self._entropy_model.expect(codes[:i], code.shape, quality)
            expected = Bands(code.shape, bands)
            for rows in _parts(code.shape):
                which = expected[rows, :]["table"]
                yield range_coder.encode(code[rows].ravel(), which.ravel(), tables)

    def read_latents(
        self, segments: list[bytes], quality: float, size: tuple[int, int]
    ) -> Bands:
        """The latent values in the segments of `write_codes`, decoded as needed.

        Args:
            segments: output of `write_codes`.
            quality: quality of the codes.
            size: height and width of the picture.

        Raises:
            CodecError: the segments do not hold such codes; of the last code, when its
                rows are read.
        """
        shapes = self._entropy_model.shapes(*self._latent_size(size))
        expected = sum(len(_parts(shape)) for shape in shapes)
        if len(segments) != expected:
            raise CodecError(
                f"A picture of {size[1]} x {size[0]} pixels has {expected} segments, "
                f"not {len(segments)}: the file is damaged, copy it again."
            )
        known, rest = [], iter(segments)
        for shape in shapes[:-1]:
            parts = self._decode(known, rest, quality, shape)
            known.append(np.concatenate([values for values, _, _ in parts]))
        last = self._decode(known, rest, quality, shapes[-1])
        restored = (self._entropy_model.restore(*part) for part in last)
        shape = *shapes[-1][:2], self.model.encoder.outputs[0].shape[-1]
        return Bands(shape, restored)

    def decode_pixels(
        self,
        latents: np.ndarray | Bands,
        quality: float,
        shape: tuple[int, ...],
        dtype: str,
    ) -> np.ndarray:
        """Decodes latent values to pixels, the lossy inverse of `encode_pixels`.

        Args:
            latents: `(rows, columns, channels)`, output of `read_latents`.
            quality: quality of the codes.
            shape: shape of the pixels, `(height, width, 1 or 3)`.
            dtype: dtype of the pixels, as in `Picture`.
        """
        backbone, channels = self.model.backbone, shape[-1]
        qualities = np.full((1, 1), quality, "float32")
        sides = (side * backbone.shrink for side in latents.shape[:2])
        padded = np.empty((*sides, channels), dtype)

        def synthesise(window: np.ndarray) -> np.ndarray:
            colour = self._synthesis.predict_on_batch([window[None], qualities])[0]
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

    def _decode(
        self, known: list, segments: Iterator[bytes], quality: float, shape: tuple
    ) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
        """Decodes a code from its segments.

        Yields:
            For each segment its values, what was to expect of them, and the number of
            its first row.
        """
        tables = self._entropy_model.tables(len(known), quality)
        bands = self._entropy_model.expect(known, shape, quality)
        expected = Bands(shape, bands)
        for rows, segment in zip(_parts(shape), segments, strict=False):
            part = expected[rows, :]
            values = range_coder.decode(segment, part["table"].ravel(), tables)
            yield values.reshape(part.shape), part, rows.start

    def _latent_size(self, size: tuple[int, ...]) -> tuple[int, int]:
        shrink = self.model.backbone.shrink
        return -(-size[0] // shrink), -(-size[1] // shrink)

    def _checked(self, quality: float | None) -> float:
        if quality is None:
            return self.qualities // 2
        steps, last = self._entropy_model.steps, self.qualities - 1
        if not isinstance(quality, numbers.Real) or not (
            0 <= quality <= last and steps * quality % 1 == 0
        ):
            among = f"0 to {last}" + (f" in steps of 1/{steps}" if steps > 1 else "")
            raise InputError(
                f"{self.name!r} has the qualities {among}, not {quality!r}: choose one "
                "of them."
            )
        return float(quality) if quality % 1 else int(quality)

    def _writer(
        self,
        quality: float | None,
        target_bytes: int | None,
        target_psnr: float | None,
    ) -> Callable[[Picture], bytes]:
        """What makes the file of a picture."""
        given = (quality, target_bytes, target_psnr)
        if sum(value is not None for value in given) > 1:
            raise InputError(
                "A file has one aim: give one of quality, target_bytes and target_psnr."
            )
        quality = self._checked(quality)
        last, steps = self.qualities - 1, self._entropy_model.steps
        every = [n / steps for n in range(steps * last + 1)]

        def write(picture: Picture) -> bytes:
            file = functools.partial(self._file, picture)
            if target_bytes is not None:
                return targets.within_bytes(file, every, target_bytes)
            if target_psnr is not None:
                return targets.of_psnr(
                    file, self._pixels, picture.pixels, every, target_psnr
                )
            return file(quality)

        return write

    def _pixels(self, data: bytes) -> np.ndarray:
        return self.unpack(*container.read(data), most_pixels=sys.maxsize).pixels

    def _file(self, picture: Picture, quality: float) -> bytes:
        """The content of the file of a picture."""
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
        file = io.BytesIO()
        container.write(file, header, itertools.chain(segments, coded))
        return file.getvalue()


def _fingerprint(model: "Autoencoder") -> str:
    """SHA-256 of the weights' values, in the order of `get_weights`."""
    digest = hashlib.sha256()
    for values in model.get_weights():
        digest.update(np.ascontiguousarray(values, "<f4").tobytes())
    return digest.hexdigest()


def _parts(shape: tuple[int, ...]) -> list[slice]:
    """The rows of each segment of a code `(rows, columns, channels)`."""
    rows, columns, channels = shape
    step = max(1, MOST_VALUES // (columns * channels))
    return [slice(top, min(rows, top + step)) for top in range(0, rows, step)]
