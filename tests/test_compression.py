"""Learned compression: probabilities of the model, and round trips of files."""

import json

import keras
import numpy as np
import pytest
from PIL import Image
from skimage import data

import ae_zoo
from ae_zoo import tasks
from ae_zoo.cli import main
from ae_zoo.corruptions.mapped import with_map
from ae_zoo.errors import CodecError, InputError
from ae_zoo.tasks import Compressor
from ae_zoo.tasks.codec import compressor, container, range_coder
from ae_zoo.tasks.codec.files import decompress_files
from ae_zoo.tasks.codec.hyperprior_model import swap_halves

SMALL = {"filters": (8, 12, 16), "lambdas": (0.005, 0.05), "seed": 0}
FAMILIES = {
    "factorized_ae": SMALL,
    "hyperprior_ae": SMALL | {"blocks": 1, "hidden": 12, "side": 6},
}


@pytest.fixture(scope="module", params=FAMILIES)
def model(request):
    """A small codec, trained for seconds on a photograph."""
    keras.utils.set_random_seed(0)
    model = ae_zoo.registry.build(request.param, **FAMILIES[request.param])
    picture = data.coffee()[:384, :576] / np.float32(255)
    windows = picture.reshape(6, 64, 9, 64, 3).swapaxes(1, 2).reshape(-1, 64, 64, 3)
    model.compile(optimizer=keras.optimizers.Adam(3e-3))
    model.optimizer.build(model.trainable_variables)  # not in the graph: quicker
    x = model.corruption.corrupt(windows, 0)
    model.fit(x, windows, batch_size=9, epochs=15, verbose=0)
    model.finish()
    return model


@pytest.fixture(scope="module")
def codec(model):
    return Compressor(model)


@pytest.fixture(scope="module")
def photograph():
    return data.coffee()[40:141, 80:213]  # 101 x 133


def test_bits_are_those_of_the_tables(model):
    """Where rounding falls on integers, the density's mass is the table's."""
    bottleneck = getattr(model.bottleneck, "factorized", model.bottleneck)
    channels = np.arange(bottleneck.channels)
    values = np.arange(-6, 7, dtype="float32")
    grid = np.broadcast_to(values[None, :, None, None], (1, 13, 1, len(channels)))
    for quality, tables in enumerate(bottleneck.entropy_model()._tables):
        bits = np.asarray(bottleneck.bits(grid, np.array([quality])))[0, :, 0]
        columns = values[:, None].astype(int) - tables.lows
        p = tables.probabilities[channels, columns]
        likely = p > 1e-4  # the tables' floor takes a little from every value
        np.testing.assert_allclose(2.0 ** -bits[likely], p[likely], rtol=0.02)


def test_codes_are_integers_and_decode_as_reconstructed(model, photograph):
    windows = photograph[None, :96, :128] / np.float32(255)
    for quality in range(2):
        x = with_map(windows, quality)
        *codes, qualities = model.encode(x)
        for code in codes:
            np.testing.assert_array_equal(code, np.rint(code))
        assert qualities.tolist() == [[quality]]
        restored = model.decode([*codes, qualities])
        np.testing.assert_allclose(restored, model.reconstruct(x), atol=1e-6)


def test_codes_of_files_are_those_of_the_model(model, codec, photograph):
    """Ties excepted, which the exact network and the model may round differently."""
    windows = photograph[None, :96, :128]
    *expected, _ = model.encode(with_map(windows / np.float32(255), 1))
    codes = codec.encode_pixels(windows[0], 1)
    told = [*as_encoded(codes), np.ones((1, 1))]
    for code, other in zip(told, expected, strict=False):
        assert code.any() and np.mean(code != other) < 1e-3
    latents = codec.read_latents([*codec.write_codes(codes, 1)], 1, (96, 128))
    pixels = codec.decode_pixels(latents, 1, (96, 128, 3), "float32")
    np.testing.assert_allclose(pixels, model.decode(told)[0], atol=1e-4)


def as_encoded(codes) -> list[np.ndarray]:
    """Codes of a file as the model encodes one picture."""
    first, *halves = (code.astype("float32") for code in codes)
    if halves:
        halves = [swap_halves(np.concatenate(halves, axis=-1), 0)]
    return [code[None] for code in (first, *halves)]


def test_a_higher_quality_is_better_and_larger(codec, photograph):
    sizes, errors = [], []
    for quality in range(2):
        file = codec.compress(photograph, quality)
        sizes.append(len(file))
        restored = np.asarray(codec.decompress(file), "float32")
        errors.append(np.mean((restored - photograph) ** 2))
    assert sizes[0] < sizes[1] < photograph.size / 4
    assert errors[1] < errors[0] < photograph.astype("float32").var() / 4


def test_real_bits_are_the_estimated_ones(codec):
    pixels = data.astronaut()
    codes = codec.encode_pixels(pixels, 1)
    estimate = 0
    for i, code in enumerate(codes):
        tables = codec._entropy_model.tables(i, 1)
        expected = [*codec._entropy_model.expect(codes[:i], code.shape, 1)]
        which = np.concatenate(expected)["table"].ravel()
        estimate += range_coder.information(code.ravel(), which, tables)
    segments = list(codec.write_codes(codes, 1))
    assert 8 * sum(map(len, segments)) == pytest.approx(estimate, rel=0.01)
    # And the bits counted in training, except that tables round their scales.
    assert estimate == pytest.approx(counted_bits(codec.model, codes), rel=0.03)


def counted_bits(model, codes) -> float:
    first, *rest = as_encoded(codes)
    bottleneck = getattr(model.bottleneck, "factorized", model.bottleneck)
    quality = np.ones((1, 1), "float32")
    bits = np.sum(bottleneck.bits(first, np.array([1])))
    for code in rest:
        prediction = model.bottleneck.prediction
        factors = prediction.gain.factors(quality)
        scaled = code / factors
        _, levels = prediction.moments(first, quality, scaled.__add__)
        bits += np.sum(model.bottleneck.bits(code, levels))
    return float(bits)


@pytest.mark.parametrize("shape", [(1, 1), (9, 14), (17, 8, 1), (33, 20, 3), (5, 7, 4)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_every_kind_of_picture_comes_back(codec, shape, dtype):
    values = np.random.default_rng(0).random(shape)
    white = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    file = codec.compress((values * white).astype(dtype), 1)
    header = container.read_header(file)
    assert (header.height, header.width) == shape[:2]
    assert header.bits == (16 if dtype == "uint16" else 8)
    assert header.mode == {2: 1}.get(len(shape), shape[-1])
    picture = codec.unpack(*container.read(file))
    assert picture.pixels.shape[:2] == shape[:2]
    if shape[-1] == 4:
        kind = "uint16" if dtype == "uint16" else "uint8"
        top = {"uint8": 255, "uint16": 65535}[kind]
        given = (values[..., 3] * white).astype(dtype)
        expected = np.rint(given * top) if dtype == "float32" else given
        np.testing.assert_array_equal(picture.alpha, expected.astype(kind))


def test_large_pictures_in_tiles_and_segments(codec, monkeypatch):
    pixels = data.astronaut()[:200, :312]
    whole = codec.encode_pixels(pixels, 1)
    monkeypatch.setattr(compressor, "TILE", 64)
    monkeypatch.setattr(compressor, "MOST_VALUES", 5 * 39 * 16)
    for code, other in zip(codec.encode_pixels(pixels, 1), whole, strict=True):
        assert np.mean(code != other) < 1e-3  # ties
    segments = list(codec.write_codes(whole, 1))
    assert len(segments) == {1: 5, 3: 1 + 2 * 3}[len(whole)]
    latents = codec.read_latents(segments, 1, (200, 312))
    assert latents.shape == (25, 39, 16)
    tiled = codec.decode_pixels(latents, 1, pixels.shape, "float32")
    values = codec.read_latents(segments, 1, (200, 312))[slice(0, 25), slice(None)]
    monkeypatch.undo()
    segments_of_whole = list(codec.write_codes(whole, 1))
    untiled = codec.read_latents(segments_of_whole, 1, (200, 312))[0:25, :]
    np.testing.assert_array_equal(values, untiled)
    untiled = codec.decode_pixels(untiled, 1, pixels.shape, "float32")
    np.testing.assert_allclose(tiled, untiled, atol=1e-5)
    with pytest.raises(CodecError, match=f"has {len(whole)} segments, not"):
        codec.read_latents(segments, 1, (200, 312))


def test_files_and_folders(codec, photograph, tmp_path, capsys):
    profile = b"\0" * 12 + b"mntrRGB XYZ " + b"\0" * 104
    source = tmp_path / "source"
    source.mkdir()
    Image.fromarray(photograph).save(source / "a.png", icc_profile=profile)
    (source / "bad.jpg").write_bytes(b"nothing")
    failures = codec.run(source, tmp_path / "files", quality=1)
    assert [path.name for path, _ in failures] == ["bad.jpg"]
    file = tmp_path / "files" / "a.aez"
    assert file.read_bytes() == codec.compress(source / "a.png", 1)
    assert decompress_files(tmp_path / "files", tmp_path / "back", codec) == []
    back = Image.open(tmp_path / "back" / "a.png")
    assert back.info["icc_profile"] == profile
    np.testing.assert_array_equal(back, codec.decompress(file))


def test_commands(codec, photograph, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(compressor, "Compressor", lambda name: codec)
    monkeypatch.setattr(tasks, "Compressor", lambda name: codec)
    picture, file, back = (tmp_path / name for name in ("a.png", "a.aez", "b.png"))
    Image.fromarray(photograph).save(picture)
    assert main(["compress", str(picture), str(file), "--quality", "1"]) == 0
    told = capsys.readouterr()
    assert told.out == f"{file}\n" and f"{file.stat().st_size:,} bytes" in told.err
    assert main(["info", str(file), "--json"]) == 0
    header = json.loads(capsys.readouterr().out)
    assert header["bytes"] == file.stat().st_size
    assert (header["width"], header["height"], header["quality"]) == (133, 101, 1)
    assert main(["info", str(file)]) == 0
    assert "133 x 101, RGB, 8 bits" in capsys.readouterr().out
    assert main(["decompress", str(file), str(back), "--model", "mine"]) == 0
    np.testing.assert_array_equal(Image.open(back), codec.decompress(file))

    capsys.readouterr()
    for arguments, words in (
        (["info", str(tmp_path / "none.aez")], "There is no file"),
        (["compress", str(picture), str(file), "--quality", "9"], "qualities 0 to 1"),
        (["compress", str(picture), str(back)], "must end in .aez"),
        (
            ["decompress", str(picture), str(back), "--model", "mine"],
            "is not an .aez file",
        ),
        (["decompress", str(file), str(back)], "is not in the zoo"),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1


def test_what_cannot_be_compressed_or_decompressed(codec, photograph, tmp_path):
    with pytest.raises(InputError, match=r"qualities 0 to 1.*, not 2: choose"):
        codec.compress(photograph, 2)
    with pytest.raises(InputError, match="does not compress"):
        Compressor(ae_zoo.models.restoration_ae(filters=(4,), blocks=1))
    with pytest.raises(InputError, match="no probability tables"):
        Compressor(ae_zoo.registry.build(codec.model.family, filters=(4, 8)))
    file = codec.compress(photograph, 0)
    with pytest.raises(CodecError, match=f"'{codec.name}', which is not in the zoo"):
        ae_zoo.tasks.decompress(file)
    other = ae_zoo.registry.build(codec.model.family, **FAMILIES[codec.model.family])
    other.finish()
    with pytest.raises(CodecError, match="another version"):
        Compressor(other).decompress(file)
    Image.fromarray(photograph).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"must end in \.aez"):
        codec.run(tmp_path / "a.png", tmp_path / "b.png", quality=0)


def test_damaged_files_are_refused_or_right(codec, photograph):
    rng = np.random.default_rng(0)
    file = codec.compress(photograph[:40, :50], 0)
    expected = np.asarray(codec.decompress(file))
    for number in range(200):
        damaged = bytearray(file)
        if number % 2:
            damaged = damaged[: rng.integers(len(file))]
        else:
            damaged[rng.integers(len(file))] ^= 1 << rng.integers(8)
        with pytest.raises(CodecError):
            codec.decompress(bytes(damaged))
    np.testing.assert_array_equal(codec.decompress(file), expected)


def test_layers_rebuild_from_their_config(model):
    parts = (*model.encoder.layers, model.bottleneck, *model.decoder.layers)
    ours = [layer for layer in parts if type(layer).__module__.startswith("ae_zoo")]
    assert len(ours) >= 3
    for layer in ours:
        config = keras.saving.serialize_keras_object(layer)
        rebuilt = keras.saving.deserialize_keras_object(config)
        assert type(rebuilt) is type(layer)
        assert rebuilt.get_config() == layer.get_config()
