"""The `.aez` format: the entropy coder, the file around it, and what both refuse."""

import io
import re
import struct
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
from mutations import fields_of, mutations, pieces

from ae_zoo.errors import CodecError, InputError
from ae_zoo.tasks.codec.container import (
    Header,
    pack_alpha,
    pack_icc,
    read,
    read_header,
    unpack_alpha,
    unpack_icc,
    write,
)
from ae_zoo.tasks.codec.range_coder import SMALLEST, Tables, decode, encode, information

INT32 = np.iinfo(np.int32)
HEADER = Header(30, 20, 4, 8, 3, "codec.photos", "0123456789abcdef" * 4)
SCALES = np.geomspace(0.2, 9, 12)


def laplace_tables(symbols=64):
    steps = abs(np.arange(symbols) - symbols // 2)
    p = np.exp(-steps / SCALES[:, None])
    p /= p.sum(axis=1, keepdims=True)
    return Tables.from_probabilities(p, np.full(len(SCALES), -(symbols // 2)))


TABLES = laplace_tables()


def draw(count, seed=0):
    """Values drawn from the tables, with a few outside of them, and their tables."""
    rng = np.random.default_rng(seed)
    which = rng.integers(0, len(SCALES), count)
    return np.round(rng.laplace(0, SCALES[which])).astype("int32"), which


def to_bytes(header, segments):
    file = io.BytesIO()
    write(file, header, segments)
    return file.getvalue()


def seal(fields, segments, version=1):
    """A file with correct checksums from any segments (kind, payload, length)."""
    data = b"AEZ\n" + struct.pack("<BH", version, len(fields)) + fields
    crc = zlib.crc32(data)
    data += struct.pack("<I", crc)
    for kind, payload, length in segments:
        part = struct.pack("<4sI", kind, length) + payload
        crc = zlib.crc32(part, crc)
        data += part + struct.pack("<I", crc)
    return data


# The entropy coder


@pytest.mark.parametrize("count", [0, 1, 2, 100, 20_000])
def test_values_come_back_at_the_size_of_their_information(count):
    values, which = draw(count)
    data = encode(values, which, TABLES)
    back = decode(data, which, TABLES)
    assert back.dtype == np.int32
    np.testing.assert_array_equal(back, values)
    bits = information(values, which, TABLES)
    assert bits * 0.999 <= 8 * len(data) <= bits * 1.001 + 64 * (count > 0)


def test_any_int32_comes_back_from_any_table():
    lows = np.array([INT32.min, -1, INT32.max - 2], "int32")
    tables = Tables.from_probabilities(np.full((3, 3), 1 / 3), lows)
    edges = np.array([INT32.min, INT32.min + 3, -2, -1, 0, 1, 2, INT32.max - 3])
    values = np.tile(np.concatenate([edges, [INT32.max]]), 3)
    which = np.repeat([2, 0, 1], len(edges) + 1)
    back = decode(encode(values, which, tables), which, tables)
    np.testing.assert_array_equal(back, values)


def test_many_escapes_cost_what_information_says():
    rng = np.random.default_rng(1)
    values = rng.integers(INT32.min, INT32.max, 20_000)
    values[::2] >>= rng.integers(0, 32, 10_000)
    which = rng.integers(0, len(SCALES), 20_000)
    data = encode(values, which, TABLES)
    np.testing.assert_array_equal(decode(data, which, TABLES), values)
    assert 8 * len(data) == pytest.approx(information(values, which, TABLES), rel=0.01)


def test_a_value_just_outside_its_table_costs_little():
    tables = Tables.from_probabilities(np.full((1, 4), 0.125), [0])  # escape: half
    assert information([0], [0], tables) == pytest.approx(3, abs=0.01)
    assert information([4], [0], tables) == pytest.approx(2, abs=0.1)
    assert information([-1], [0], tables) < 5


def test_what_a_table_lacks_goes_to_the_escape():
    tables = Tables.from_probabilities([[0.5, 0.0, 0.25], [1.0, 0.0, 0.0]], [0, 7])
    assert tables.symbols == 3
    assert tables.probabilities.dtype == np.float32 and tables.lows.dtype == np.int32
    expected = [[0.5, SMALLEST, 0.25, 0.25], [1, SMALLEST, SMALLEST, SMALLEST]]
    np.testing.assert_allclose(tables.probabilities, expected, rtol=1e-5)
    assert (tables.probabilities >= SMALLEST).all()
    np.testing.assert_allclose(tables.probabilities.sum(axis=1), 1, rtol=1e-6)


HALVES = np.float32([[0.5, 0.5]])


@pytest.mark.parametrize(
    ("probabilities", "lows", "words"),
    [
        (HALVES.astype(float), [0], "convert them"),
        (HALVES[0], [0], "no tables"),
        (HALVES, [0, 0], "no tables"),
        (HALVES[:0], [], "no tables"),
        (HALVES[:, :1], [0], "4096 columns"),
        (np.full((1, 4097), 1 / 4097, "float32"), [0], "4096 columns"),
        (HALVES / 2, [0], "sum to 1"),
        (HALVES * [[np.nan, 1]], [0], "sum to 1"),
        (HALVES * [[np.inf, 1]], [0], "sum to 1"),
        (HALVES * [[3, -1]], [0], "sum to 1"),
        (HALVES * [[2, 0]], [0], "sum to 1"),
        (np.full((1, 3), 1 / 3, "float32"), [INT32.max], "beyond int32"),
    ],
)
def test_what_is_no_table_is_refused(probabilities, lows, words):
    if words != "convert them":
        probabilities = probabilities.astype("float32")
    with pytest.raises(InputError, match=words):
        Tables(probabilities, np.array(lows, "int32"))


@pytest.mark.parametrize("p", [[0.5], [[0.6, 0.6]], [[-0.1, 0.5]], [[np.nan, 0.5]]])
def test_what_are_no_probabilities_is_refused(p):
    with pytest.raises(InputError, match="sum to at most 1"):
        Tables.from_probabilities(p, [0])


@pytest.mark.parametrize(
    ("values", "which", "words"),
    [
        ([0.5], [0], "round"),
        ([[1]], [[0]], "ravel"),
        ([2**31], [0], "32 bits"),
        ([1, 2], [0], "one for each"),
        ([1], [-1], "0 to 11"),
        ([1], [12], "0 to 11"),
        ([1], [0.0], "round"),
    ],
)
def test_values_that_do_not_fit_the_tables_are_refused(values, which, words):
    for function in (encode, information):
        with pytest.raises(InputError, match=words):
            function(np.array(values), np.array(which), TABLES)


@pytest.mark.parametrize("count", [1, 5, 50, 400])
def test_coded_values_that_were_cut_or_continued_are_refused(count):
    values, which = draw(count)
    data = encode(values, which, TABLES)
    for cut in range(len(data)):
        with pytest.raises(CodecError):
            decode(data[:cut], which, TABLES)
    for wrong in (data + b"\0", data + bytes(4), data + data):
        with pytest.raises(CodecError, match="damaged"):
            decode(wrong, which, TABLES)
    with pytest.raises(CodecError):
        decode(data, which[:0], TABLES)


def test_coded_values_beyond_int32_are_refused():
    high, low = (Tables.from_probabilities([[0.5, 0.5]], [at]) for at in (100, -100))
    for tables, others, value in (
        (low, high, INT32.max),
        (high, low, INT32.min),
    ):
        data = encode([value], [0], tables)
        with pytest.raises(CodecError):
            decode(data, [0], others)


def test_the_entropy_decoder_survives_any_bytes():
    rng = np.random.default_rng(2)
    values, which = draw(200)
    valid = encode(values, which, TABLES)
    refused = 0
    for trial in range(3_000):
        if trial % 2:
            data = rng.bytes(rng.integers(0, 200))
        else:
            data = bytearray(valid)
            data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        try:
            back = decode(bytes(data), which, TABLES)
        except CodecError:
            refused += 1
        else:
            assert back.dtype == np.int32 and back.shape == which.shape
    for byte in (b"\0", b"\xff"):
        for words in range(20):
            try:
                decode(4 * words * byte, which, TABLES)
            except CodecError:
                refused += 1
    assert refused > 1_500


def read_by_the_book(data, which, tables):
    """Decodes values, implemented only from docs/aez.md."""
    words = [*np.frombuffer(data, "<u4").tolist(), *[0] * (2 + 40 * len(which))]
    mask, total = 2**64 - 1, 2**24
    words.reverse()
    point, lower, span = words.pop() << 32 | words.pop(), 0, mask

    def starts(probabilities):
        one = np.float32
        norm = one(0)
        for p in probabilities:
            norm = one(norm + p)
        scale = one(one(total - len(probabilities)) / norm)
        starts, before = [], one(0)
        for column, p in enumerate(probabilities):
            starts.append(int(one(before * scale)) + column)
            before = one(before + p)
        return [*starts, total]

    def take(starts):
        nonlocal point, lower, span
        scale = span >> 24
        target = (point - lower & mask) // scale
        column = next(i for i, end in enumerate(starts[1:]) if target < end)
        lower = lower + scale * starts[column] & mask
        span = scale * (starts[column + 1] - starts[column])
        if span < 2**32:
            lower, span = lower << 32 & mask, span << 32
            point = (point << 32 | words.pop()) & mask
        return column

    values, escaped = {}, []
    for table, probabilities in enumerate(tables.probabilities):
        row = starts(probabilities)
        for index in np.flatnonzero(which == table):
            column = take(row)
            values[index] = int(tables.lows[table]) + column
            if column == tables.symbols:
                escaped.append(index)
    row = starts(np.float32(1) / np.float32([n * (n + 1) for n in range(1, 34)]))
    lengths = [take(row) + 1 for _ in escaped]
    numbers = [1 << length - 1 for length in lengths]
    for bit in range(32):
        for i, length in enumerate(lengths):
            if length - 1 > bit:
                numbers[i] |= take([0, 2**23, 2**24]) << bit
    for index, number in zip(escaped, numbers, strict=True):
        low = int(tables.lows[which[index]])
        high = low + tables.symbols
        values[index] = high + number // 2 if number % 2 else low - number // 2
    return [values[index] for index in range(len(which))]


def test_the_document_is_enough_to_read_coded_values():
    values, which = draw(2_000)
    values[::97] *= 12_345_678
    values[:2] = INT32.min, INT32.max
    data = encode(values, which, TABLES)
    assert read_by_the_book(data, which, TABLES) == values.tolist()


# The file


SEGMENTS = [("HYPR", b"\1\2\3"), ("LATN", b""), ("LATN", bytes(1000))]


def test_a_file_comes_back(tmp_path):
    path = tmp_path / "picture.aez"
    write(path, HEADER, iter(SEGMENTS))
    assert read(path) == read(str(path)) == read(path.read_bytes())
    assert read(path) == (HEADER, SEGMENTS)
    assert to_bytes(HEADER, SEGMENTS) == path.read_bytes()
    assert read(to_bytes(HEADER, [])) == (HEADER, [])


@pytest.mark.parametrize("mode", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", [8, 16])
def test_the_header_comes_back_without_the_rest(tmp_path, mode, bits):
    header = Header(2**28, 1, mode, bits, 15.9375, "μ" * 127, "f" * 64)
    file = to_bytes(header, SEGMENTS)
    (tmp_path / "cut.aez").write_bytes(pieces(file)[0])
    assert read_header(tmp_path / "cut.aez") == read_header(file) == header


def test_the_bytes_of_a_file_never_change():
    tables = Tables.from_probabilities([[0.25, 0.5]], [-1])
    header = Header(3, 2, 1, 8, 7, "a.b", "00" * 31 + "ff")
    file = to_bytes(header, [("LATN", encode([0, -1, 9, -70_000], [0] * 4, tables))])
    assert file.hex() == GOLDEN


GOLDEN = (
    "41455a0a012f00030000000200000001080703612e62"
    + "00" * 31
    + "ff0b70d1044c41544e08000000ff2ab75f61b33784de133402454e4420000000001c8ee9e5"
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": 0}, "pixels"),
        ({"height": -1}, "pixels"),
        ({"width": 2**14, "height": 2**14 + 1}, "pixels"),
        ({"mode": 0}, "mode is 1 to 4, not 0"),
        ({"mode": 5}, "mode"),
        ({"bits": 10}, "bits is 8 or 16"),
        ({"quality": 16}, "quality is below 16, in sixteenths, not 16"),
        ({"quality": 0.3}, "quality"),
        ({"weight": ""}, "name"),
        ({"weight": "é" * 128}, "name"),
        ({"weight": "a\x1b[2J"}, "name"),
        ({"sha256": "0" * 63}, "sha256"),
        ({"sha256": "A" * 64}, "sha256"),
    ],
)
def test_a_header_that_cannot_be_is_refused(change, words):
    with pytest.raises(InputError, match=words):
        replace(HEADER, **change)


@pytest.mark.parametrize("kind", ["END ", "ABC", "ABCDE", "ABC\n", "ABé"])
def test_a_kind_that_cannot_be_is_refused_and_nothing_written(tmp_path, kind):
    with pytest.raises(InputError, match="kind"):
        write(tmp_path / "a.aez", HEADER, [("LATN", b""), (kind, b"")])
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_named(tmp_path):
    for function in (read, read_header):
        with pytest.raises(InputError, match=r"no file .*none\.aez"):
            function(tmp_path / "none.aez")


FILE = to_bytes(HEADER, SEGMENTS)


def flipped(at):
    return FILE[:at] + bytes([FILE[at] ^ 1]) + FILE[at + 1 :]


BORDERS = np.cumsum([len(piece) for piece in pieces(FILE)]).tolist()
END = b"END ", b"", 0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not an .aez file"),
        (b"AEZ", "not an .aez file"),
        (b"\x89PNG\r\n", "not an .aez file"),
        (b"AEZ\r\n", "not an .aez file"),
        (seal(fields_of(FILE), [END], version=2), "newer version.*update ae_zoo"),
        (seal(fields_of(FILE), [END], version=0), "damaged in its header"),
        (flipped(8), "damaged in its header"),
        (FILE[:20], "truncated .*in its header"),
        (flipped(BORDERS[0]), "damaged in its segment 1"),
        (flipped(BORDERS[0] + 9), "damaged in its segment 1"),
        (flipped(BORDERS[1] - 1), "damaged in its segment 1"),
        (FILE[: BORDERS[1]], "truncated .*in its segment 2"),
        (FILE[: BORDERS[-2] - 5], "truncated .*in its segment 3"),
        (FILE[: BORDERS[-2]], "truncated .*in its segment 4"),
        (FILE + b"\0", "after its end"),
        (FILE + FILE, "after its end"),
        (seal(fields_of(FILE), [(b"END ", b"x", 1)]), "after its end"),
        (seal(fields_of(FILE), [(b"LATN", b"", 2**32 - 1), END]), "truncated"),
        (seal(fields_of(FILE), [(b"\0\0\0\xff", b"", 0), END]), "segment 1"),
        (seal(b"", [END]), "damaged in its header"),
        (seal(fields_of(FILE)[:-1], [END]), "damaged in its header"),
        (seal(fields_of(FILE) + b"\0", [END]), "damaged in its header"),
        (seal(b"\xff" * 8 + fields_of(FILE)[8:], [END]), "damaged in its header"),
        (seal(fields_of(FILE)[:12] + b"\xff" * 44, [END]), "damaged in its header"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path, data, words):
    path = tmp_path / "picture.aez"
    path.write_bytes(data)
    for source, name in ((path, re.escape(str(path))), (data, "The data")):
        with pytest.raises(CodecError, match=f"^{name} .*{words}.*[.]$"):
            read(source)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (20, 30)])
def test_an_alpha_plane_comes_back(dtype, shape):
    rng = np.random.default_rng(3)
    alpha = rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    header = replace(HEADER, height=shape[0], width=shape[1], bits=8 * alpha.itemsize)
    back = unpack_alpha(pack_alpha(alpha), header)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, alpha)


def test_an_alpha_plane_of_columns_costs_one_row():
    alpha = np.random.default_rng(4).integers(0, 256, (1, 500), "uint8")
    one, many = (len(pack_alpha(np.tile(alpha, (n, 1)))) for n in (1, 500))
    assert many < one + 400


@pytest.mark.parametrize("shape", [(19, 30), (21, 30), (1, 1)])
def test_an_alpha_plane_of_another_size_is_refused(shape):
    payload = pack_alpha(np.zeros(shape, "uint8"))
    with pytest.raises(CodecError, match="alpha plane is damaged"):
        unpack_alpha(payload, HEADER)


@pytest.mark.parametrize(
    "change", [lambda x: x[:-1], lambda x: x + b"\0", lambda x: b""]
)
def test_what_zlib_cannot_read_is_refused(change):
    alpha = change(pack_alpha(np.zeros((20, 30), "uint8")))
    with pytest.raises(CodecError, match="alpha plane is damaged"):
        unpack_alpha(alpha, HEADER)
    with pytest.raises(CodecError, match="colour profile is damaged"):
        unpack_icc(change(pack_icc(b"a profile")))


def test_a_colour_profile_comes_back_and_has_a_limit():
    profile = np.random.default_rng(5).bytes(3_000)
    assert unpack_icc(pack_icc(profile)) == profile
    assert unpack_icc(pack_icc(b"")) == b""
    assert unpack_icc(pack_icc(bytes(2**24))) == bytes(2**24)
    with pytest.raises(InputError, match="sRGB"):
        pack_icc(bytes(2**24 + 1))
    with pytest.raises(CodecError):
        unpack_icc(zlib.compress(bytes(2**24 + 1)))


@pytest.mark.parametrize("alpha", [np.zeros((2, 2)), np.zeros(4, "uint8")])
def test_what_is_no_alpha_plane_is_refused(alpha):
    with pytest.raises(InputError, match="alpha plane is"):
        pack_alpha(alpha)


# Damage of every kind


def valid_files():
    """Files with the same and with other headers, so that all can be mixed."""
    rng = np.random.default_rng(6)
    for seed, header in enumerate([HEADER, HEADER, replace(HEADER, quality=4)]):
        hyper, latents = (encode(*draw(n, seed), TABLES) for n in (20, 200))
        segments = [("HYPR", hyper), ("LATN", latents)]
        alpha = pack_alpha(rng.integers(0, 9, (20, 30), "uint8"))
        yield to_bytes(header, [("ICC ", pack_icc(bytes(99))), *segments])
        yield to_bytes(header, [*segments, *segments[::-1], ("ALPH", alpha)])
    yield to_bytes(HEADER, [])


def test_ten_thousand_damages_are_noticed():
    files = list(valid_files())
    contents = [read(file) for file in files]
    intact = 0
    tracemalloc.start()
    try:
        for data in mutations(files, 10_000):
            try:
                content = read(data)
            except CodecError:
                assert data not in files
                continue
            intact += 1
            assert content in contents
            seed = contents.index(content) // 2
            for kind, payload in content[1]:
                if kind in ("HYPR", "LATN"):
                    values, which = draw({"HYPR": 20, "LATN": 200}[kind], seed)
                    back = decode(payload, which, TABLES)
                    np.testing.assert_array_equal(back, values)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0 < intact < 1_000  # such as a piece put in the place of itself
    assert peak < 2**21


def test_lies_with_right_checksums_are_refused_or_harmless():
    rng = np.random.default_rng(8)
    fields = fields_of(FILE)
    for trial in range(3_000):
        lie = bytearray(fields if trial % 2 else rng.bytes(rng.integers(80)))
        for _ in range(rng.integers(1, 4)):
            if lie:
                lie[rng.integers(len(lie))] = rng.integers(256)
        kind, payload = rng.bytes(4), rng.bytes(rng.integers(40))
        length = len(payload) if trial % 3 else int(rng.integers(2**32))
        data = seal(bytes(lie), [(kind, payload, length), END])
        try:
            header, segments = read(data)
        except CodecError:
            continue
        assert to_bytes(header, segments) == data


def test_a_small_file_never_needs_much_memory():
    huge = seal(fields_of(FILE), [(b"LATN", b"", 2**32 - 1), END])
    bomb = zlib.compress(bytes(2**26), 9)
    tracemalloc.start()
    try:
        for refused in (
            lambda: read(huge),
            lambda: unpack_alpha(bomb, HEADER),
            lambda: unpack_alpha(b"x" * 99, replace(HEADER, width=2**23)),
        ):
            with pytest.raises(CodecError):
                refused()
        peak = tracemalloc.get_traced_memory()[1]
        with pytest.raises(CodecError):
            unpack_icc(bomb)
        bomb_peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**20
    assert bomb_peak < 3 * 2**24
