"""The `.aez` file: a header, then segments of bytes, each with a checksum.

The checksum continues from the header to the end, so that it also detects a segment
that is missing, repeated, moved or from another file. `docs/aez.md` specifies every
byte.
"""

import contextlib
import io
import itertools
import os
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ae_zoo._files import check_path, check_regular, complete_file
from ae_zoo.errors import CodecError, InputError

MAGIC = b"AEZ\n"
VERSION = 1
END = "END "
MOST_PIXELS = 2**28
MOST_PROFILE = 2**24  # bytes
MOST_SEGMENTS = 2**16

START = struct.Struct("<BH")  # version, length of the header
FIELDS = struct.Struct("<IIBBBB")  # the header up to the weight's name
SEGMENT = struct.Struct("<4sI")  # kind, length of the payload
CRC = struct.Struct("<I")


@dataclass(frozen=True)
class Header:
    """The header of a file.

    Args:
        width, height: in pixels, with a product of at most 2^28.
        mode: number of channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
        bits: bits of a sample, 8 or 16.
        quality: a number of sixteenths from 0 to below 16, with a meaning that depends
            on the weight.
        weight: name of the weight that wrote the file, 1 to 255 bytes of UTF-8.
        sha256: SHA-256 of that weight, 64 lower-case hexadecimal digits.

    Raises:
        InputError: a value is out of range or malformed.
    """

    width: int
    height: int
    mode: int
    bits: int
    quality: float
    weight: str
    sha256: str

    def __post_init__(self):
        if not (
            min(self.width, self.height) >= 1
            and self.width * self.height <= MOST_PIXELS
        ):
            raise InputError(
                f"A picture has 1 to 2^28 pixels, not {self.width} x {self.height}: "
                "cut it into pieces."
            )
        for name, known, words in (
            ("mode", range(1, 5), "1 to 4"),
            ("bits", (8, 16), "8 or 16"),
            ("quality", [n / 16 for n in range(256)], "below 16, in sixteenths"),
        ):
            if getattr(self, name) not in known:
                raise InputError(
                    f"{name} is {words}, not {getattr(self, name)}: choose such a one."
                )
        size = len(self.weight.encode(errors="replace"))
        if not (1 <= size <= 255 and self.weight.isprintable()):
            raise InputError(
                f"A weight's name has 1 to 255 printable bytes, not {self.weight!r}: "
                "shorten it."
            )
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise InputError(
                f"{self.sha256!r} is no sha256: give 64 lower-case hexadecimal digits."
            )


def write(
    file: str | os.PathLike | BinaryIO,
    header: Header,
    segments: Iterable[tuple[str, bytes]],
) -> None:
    """Writes an `.aez` file.

    Args:
        file: a path, written atomically, or an open file.
        header: header of the picture.
        segments: kinds (four ASCII characters) and payloads, in the order of the file.

    Raises:
        InputError: a kind is invalid, or a payload exceeds 2^32 - 1 bytes.
    """
    if isinstance(file, str | os.PathLike):
        with complete_file(Path(file)) as temporary, open(temporary, "wb") as opened:
            _write(opened, header, segments)
    else:
        _write(file, header, segments)


def read(source: str | os.PathLike | bytes) -> tuple[Header, list[tuple[str, bytes]]]:
    """The header of an `.aez` file and its segments, in the file's order.

    Args:
        source: a path, or the bytes of a file.

    Raises:
        CodecError: it is not an `.aez` file, or it is damaged, truncated or of a newer
            version.
        InputError: there is no such file, or the source is neither path nor bytes.
    """
    with _opened(source) as reader:
        header, segments = reader.header(), []
        while (segment := reader.segment(len(segments) + 1))[0] != END:
            if len(segments) == MOST_SEGMENTS:
                raise CodecError(
                    f"{reader.name} has more than 2^16 segments: get it again from its "
                    "source."
                )
            segments.append(segment)
        if segment[1] or reader.left:
            raise CodecError(
                f"{reader.name} is damaged, it continues after its end: copy it again."
            )
    return header, segments


def read_header(source: str | os.PathLike | bytes) -> Header:
    """Reads only the header of an `.aez` file; arguments and errors as for `read`."""
    with _opened(source) as reader:
        return reader.header()


def pack_alpha(alpha: np.ndarray) -> bytes:
    """Packs an alpha plane `(height, width)`, uint8 or uint16, to a payload `ALPH`."""
    if alpha.ndim != 2 or alpha.dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"An alpha plane is (height, width) of uint8 or uint16, not {alpha.shape} "
            f"of {alpha.dtype}: convert it."
        )
    delta = np.diff(alpha, axis=0, prepend=np.zeros_like(alpha[:1]))
    return zlib.compress(delta.astype(delta.dtype.newbyteorder("<")).tobytes())


def unpack_alpha(payload: bytes, header: Header) -> np.ndarray:
    """The inverse of `pack_alpha`; uint8 or uint16 depends on `header.bits`.

    Raises:
        CodecError: the payload is not a plane of the size in the header.
    """
    dtype = np.dtype(f"<u{header.bits // 8}")
    size = header.width * header.height * dtype.itemsize
    data = _inflate(payload, size, "alpha plane")
    if len(data) < size:
        raise _damaged("alpha plane")
    delta = np.frombuffer(data, dtype).reshape(header.height, header.width)
    return np.cumsum(delta, axis=0, dtype=dtype.newbyteorder("="))


def pack_icc(profile: bytes) -> bytes:
    """Packs a colour profile of at most 16 MiB to a payload `ICC `."""
    if len(profile) > MOST_PROFILE:
        raise InputError(
            f"A colour profile has at most 2^24 bytes, not {len(profile)}: convert the "
            "picture to sRGB."
        )
    return zlib.compress(profile)


def unpack_icc(payload: bytes) -> bytes:
    """The inverse of `pack_icc`.

    Raises:
        CodecError: the payload is not a profile, or exceeds 16 MiB.
    """
    return _inflate(payload, MOST_PROFILE, "colour profile")


class _Reader:
    """Reads the parts of an open file and updates their checksum."""

    def __init__(self, file: BinaryIO, name: str):
        self.file, self.name = file, name
        self.left = file.seek(0, os.SEEK_END)
        self.crc = 0
        file.seek(0)

    def header(self) -> Header:
        if self.left < len(MAGIC) or self.take(len(MAGIC), "header") != MAGIC:
            raise CodecError(f"{self.name} is not an .aez file: give one.")
        version, size = START.unpack(self.take(START.size, "header"))
        if version > VERSION:
            raise CodecError(
                f"{self.name} was written by a newer version of ae_zoo: update ae_zoo."
            )
        fields = self.take(size, "header")
        self.check("header")
        try:
            header = _unpack(fields)
        except (struct.error, ValueError) as error:
            raise self.damaged("header") from error
        if version < VERSION:
            raise self.damaged("header")
        return header

    def segment(self, number: int) -> tuple[str, bytes]:
        part = f"segment {number}"
        kind, size = SEGMENT.unpack(self.take(SEGMENT.size, part))
        payload = self.take(size, part)
        self.check(part)
        if not _is_kind(kind):
            raise self.damaged(part)
        return kind.decode("ascii"), payload

    def take(self, size: int, part: str) -> bytes:
        # Checks the length first, so that a short file allocates no memory.
        data = self.file.read(size) if size <= self.left else b""
        if len(data) < size:
            raise CodecError(
                f"{self.name} is truncated or damaged in its {part}: copy it again."
            )
        self.left -= size
        self.crc = zlib.crc32(data, self.crc)
        return data

    def check(self, part: str) -> None:
        crc = self.crc
        if CRC.unpack(self.take(CRC.size, part)) != (crc,):
            raise self.damaged(part)
        self.crc = crc  # the checksum does not cover itself

    def damaged(self, part: str) -> CodecError:
        return CodecError(f"{self.name} is damaged in its {part}: copy it again.")


@contextlib.contextmanager
def _opened(source: str | os.PathLike | bytes) -> Iterator[_Reader]:
    if isinstance(source, bytes | bytearray | memoryview):
        yield _Reader(io.BytesIO(source), "The data")
        return
    check_path("An .aez file", source, "bytes or ")
    check_regular(source)
    if not Path(source).is_file():
        raise InputError(f"There is no file {source}.")
    with open(source, "rb") as file:
        yield _Reader(file, str(source))


def _write(file: BinaryIO, header: Header, segments) -> None:
    fields = _pack(header)
    start = MAGIC + START.pack(VERSION, len(fields)) + fields
    crc = zlib.crc32(start)
    file.write(start + CRC.pack(crc))
    for kind, payload in itertools.chain(map(_segment, segments), [(b"END ", b"")]):
        start = SEGMENT.pack(kind, len(payload))
        crc = zlib.crc32(payload, zlib.crc32(start, crc))
        file.write(start)
        file.write(payload)
        file.write(CRC.pack(crc))


def _pack(header: Header) -> bytes:
    weight = header.weight.encode()
    # The whole part in the lower half of the byte.
    quality = int(header.quality) + (int(16 * header.quality) % 16 << 4)
    numbers = (header.width, header.height, header.mode, header.bits, quality)
    fields = FIELDS.pack(*numbers, len(weight))
    return fields + weight + bytes.fromhex(header.sha256)


def _unpack(fields: bytes) -> Header:
    *numbers, quality, size = FIELDS.unpack_from(fields)
    part, whole = divmod(quality, 16)
    end = FIELDS.size + size
    weight = fields[FIELDS.size : end].decode()
    quality = whole + part / 16 if part else whole
    return Header(*numbers, quality, weight, fields[end:].hex())


def _segment(segment: tuple[str, bytes]) -> tuple[bytes, bytes]:
    kind, payload = segment
    code = kind.encode()
    if not _is_kind(code) or kind == END:
        raise InputError(
            f"A kind of segment is four ASCII characters, but not {END!r} and not "
            f"{kind!r}: rename it."
        )
    if len(payload) >= 2**32:
        raise InputError(
            f"Segment {kind!r} has {len(payload)} bytes, more than 2^32 - 1: split it."
        )
    return code, payload


def _is_kind(code: bytes) -> bool:
    return re.fullmatch(b"[ -~]{4}", code) is not None


def _inflate(payload: bytes, most: int, what: str) -> bytes:
    """Decompresses `payload` by zlib to at most `most` bytes."""
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(payload, most + 1)
    except zlib.error as error:
        raise _damaged(what) from error
    if len(data) > most or not inflater.eof or inflater.unused_data:
        raise _damaged(what)
    return data


def _damaged(what: str) -> CodecError:
    return CodecError(f"The {what} is damaged: copy the file again.")
