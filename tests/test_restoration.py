"""Photographs restored: arrays, Pillow images, files and folders."""

import functools
import io

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data
from skimage.restoration import inpaint_biharmonic

import ae_zoo
from ae_zoo.cli import main
from ae_zoo.corruptions.camera import camera_noise
from ae_zoo.corruptions.holes import block, scattered, strokes
from ae_zoo.corruptions.mapped import (
    UNKNOWN,
    MappedHoles,
    MappedNoise,
    with_map,
    without,
)
from ae_zoo.data.augment import grey
from ae_zoo.errors import InputError
from ae_zoo.layers import PullPush, SkipFilter, Smooth
from ae_zoo.tasks import Denoiser, Inpainter, tiles
from ae_zoo.tasks.denoiser import (
    COLOUR_DENOISER,
    DENOISER,
    is_clean,
    is_colourless,
)
from ae_zoo.tasks.masks import grow, read_mask
from ae_zoo.tasks.noise import estimate_noise


@pytest.fixture(scope="module")
def denoiser():
    """A denoiser with a small random network, which changes pictures a little."""
    keras.utils.set_random_seed(0)
    model = ae_zoo.models.restoration_ae(filters=(4, 6, 8), blocks=1)
    last = [v for v in model.decoder.trainable_variables if v.name == "kernel"][-1]
    last.assign(0.02 * last)
    return Denoiser(model)


def model_of(denoiser):
    return denoiser._models[1].get()


@pytest.fixture(scope="module")
def photograph():
    return data.coffee()[40:141, 80:213]  # 101 x 133


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(9, 14), (9, 14, 1), (9, 14, 3), (9, 14, 4)])
def test_an_array_gives_an_array_like_it(denoiser, shape, dtype):
    values = np.random.default_rng(0).random(shape)
    white = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    x = (values * white).astype(dtype)
    restored = denoiser(x, sigma=20)
    assert restored.shape == x.shape and restored.dtype == x.dtype
    assert restored.min() >= 0 and restored.max() <= white
    assert not np.array_equal(restored[..., :3], x[..., :3])
    if shape[-1] == 4:
        np.testing.assert_allclose(restored[..., 3], x[..., 3], atol=1e-7)


def test_what_it_computes(denoiser, photograph):
    """Each channel is the output of the network with the noise level given."""
    x = photograph / np.float32(255)
    restored = denoiser(photograph, sigma=25)
    for c in range(3):
        told = with_map(x[None, ..., c : c + 1], 25 / 255)
        expected = model_of(denoiser).reconstruct(told)[0, ..., 0]
        expected = np.clip(expected, 0, 1) * 255
        assert np.abs(restored[..., c] - expected).max() <= 0.5 + 1e-3


def test_tiles_leave_no_seam(denoiser, photograph, monkeypatch):
    x = photograph[..., :1] / np.float32(255)
    whole = denoiser.restore_pixels(x, 25)
    in_tiles = functools.partial(tiles.apply, tile=32)
    monkeypatch.setattr("ae_zoo.tasks.tiles.apply", in_tiles)
    tiled = denoiser.restore_pixels(x, 25)
    assert np.abs(tiled - whole).max() < 1e-5


def test_an_unknown_level_is_estimated(denoiser, photograph):
    noise = np.random.default_rng(0).normal(0, 25, photograph.shape)
    noisy = np.clip(photograph + noise, 0, 255).astype("uint8")
    level = 255 * estimate_noise(noisy / np.float32(255))
    np.testing.assert_array_equal(denoiser(noisy), denoiser(noisy, sigma=level))


@pytest.mark.parametrize("sigma", [5, 15, 25, 50])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_noise_of_a_photograph_is_told(sigma, channels):
    # Smoothed, so that its own noise does not count.
    clean = gaussian_filter(data.astronaut().astype("float32"), (1, 1, 0))
    clean = clean[:384, :384, :channels]
    noise = np.random.default_rng(0).standard_normal(clean.shape, dtype="float32")
    estimate = 255 * estimate_noise((clean + sigma * noise) / np.float32(255))
    assert estimate == pytest.approx(sigma, abs=0.3 + 0.02 * sigma)


def test_the_noise_of_large_tiny_and_flat_pictures():
    rng = np.random.default_rng(0)
    large = rng.normal(0.5, 0.1, (3000, 1100, 1)).astype("float32")
    assert estimate_noise(large) == pytest.approx(0.1, rel=0.03)
    assert estimate_noise(np.zeros((5, 9, 3), "float32")) == 0
    assert estimate_noise(np.full((60, 60, 1), 0.7, "float32")) < 1e-3


def test_a_model_must_restore(photograph):
    with pytest.raises(InputError, match="does not denoise photographs"):
        Denoiser("conv_ae.mnist")(photograph, sigma=10)
    colour = ae_zoo.models.restoration_ae((None, None, 6), filters=(4,), blocks=1)
    assert Denoiser(colour)(photograph, sigma=10).shape == photograph.shape
    assert Denoiser(colour)(photograph[..., 0], sigma=10).shape == photograph.shape[:2]


@pytest.mark.parametrize("sigma", [-1, 64, 256, "25", [25]])
def test_a_level_out_of_range(denoiser, photograph, sigma):
    with pytest.raises(InputError, match=r"sigma must be between 0 and 63\.75"):
        denoiser(photograph, sigma=sigma)


@pytest.mark.parametrize("strength", [-0.1, 1.1, None])
def test_a_strength_out_of_range(denoiser, photograph, strength):
    with pytest.raises(InputError, match="strength must be between 0 and 1"):
        denoiser(photograph, sigma=5, strength=strength)


def test_strength_keeps_some_of_the_noise(denoiser, photograph):
    x = 0.2 + 0.5 * photograph / np.float32(255)
    none, half, whole = (denoiser(x, 25, strength) for strength in (0, 0.5, 1))
    np.testing.assert_allclose(none, x, atol=1e-6)
    np.testing.assert_allclose(half, (x + whole) / 2, atol=1e-6)


def test_a_blind_model_is_told_that_the_level_is_unknown(photograph):
    model = ae_zoo.models.restoration_ae(
        (None, None, 6), filters=(4,), blocks=1, blind=0.5
    )
    x = photograph / np.float32(255)
    expected = model.reconstruct(with_map(x[None], np.full(3, UNKNOWN)))[0]
    restored = Denoiser(model)(x)
    np.testing.assert_allclose(restored, np.clip(expected, 0, 1), atol=1e-6)


def test_a_grey_picture_of_three_channels_stays_grey(photograph):
    grey = np.repeat(photograph[..., :1], 3, axis=-1)
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "JPEG", quality=60)
    nearly = np.asarray(Image.open(file))
    denoise = Denoiser()
    for picture in (grey, nearly):
        restored = denoise(picture, sigma=10)
        assert (restored == restored[..., :1]).all()
    noisy = photograph + np.random.default_rng(0).normal(0, 20, photograph.shape)
    assert not is_colourless(np.clip(noisy, 0, 255).astype("uint8"))


@pytest.fixture(scope="module")
def weights(denoiser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights") / "model"
    ae_zoo.save(model_of(denoiser), folder)
    return folder


def test_a_file(denoiser, weights, photograph, tmp_path, capsys):
    profile = b"\0" * 12 + b"mntrRGB XYZ " + b"\0" * 104
    image = Image.fromarray(photograph)
    image.putalpha(Image.fromarray(photograph[..., 0]))
    image.save(tmp_path / "in.png", icc_profile=profile)
    out = tmp_path / "out.png"
    arguments = ["denoise", tmp_path / "in.png", out, "--model", weights]
    assert main([*map(str, arguments), "--sigma", "25"]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    written = Image.open(out)
    assert written.mode == "RGBA" and written.info["icc_profile"] == profile
    pixels = np.asarray(written)
    np.testing.assert_array_equal(pixels[..., 3], photograph[..., 0])
    np.testing.assert_array_equal(pixels[..., :3], denoiser(photograph, sigma=25))


def test_a_folder_with_a_bad_file(weights, photograph, tmp_path, capsys):
    source = tmp_path / "source"
    (source / "deeper").mkdir(parents=True)
    Image.fromarray(photograph).save(source / "a.png")
    Image.fromarray(photograph[..., 0]).save(source / "deeper" / "b.jpg")
    (source / "bad.png").write_bytes(b"no picture")
    target = tmp_path / "target"
    arguments = ["denoise", source, target, "--model", weights]
    assert main(list(map(str, arguments))) == 1
    written = {path.relative_to(target).as_posix() for path in target.rglob("*.*")}
    assert written == {"a.png", "deeper/b.jpg"}
    assert Image.open(target / "deeper" / "b.jpg").size == (133, 101)
    assert "bad.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("nothing.png", "out.png", "no file or folder"),
        ("in.png", "out.doc", "ends in .png"),
        ("in.png", "nowhere/out.png", "make the folder"),
        ("in.png", "in.png", "name another"),
    ],
)
def test_bad_paths(weights, photograph, tmp_path, capsys, source, target, message):
    Image.fromarray(photograph).save(tmp_path / "in.png")
    before = (tmp_path / "in.png").read_bytes()
    paths = [str(tmp_path / source), str(tmp_path / target)]
    assert main(["denoise", *paths, "--model", str(weights)]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error:") and message in error
    assert [p.name for p in tmp_path.iterdir()] == ["in.png"]
    assert (tmp_path / "in.png").read_bytes() == before


@pytest.fixture(scope="module", params=[2, 4], ids=["grey", "colour"])
def inpainter(request):
    keras.utils.set_random_seed(0)
    shape = (None, None, request.param)
    model = ae_zoo.models.inpainting_ae(shape, filters=(4, 6), blocks=1)
    rng = np.random.default_rng(0)
    # The initial last kernel is zero, which would not change the rough estimate.
    model.set_weights([w + rng.normal(0, 0.02, w.shape) for w in model.get_weights()])
    return Inpainter(model)


@pytest.fixture(scope="module")
def holes():
    return strokes((101, 133), np.random.default_rng(0), 0.2)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_only_holes_are_filled(inpainter, photograph, holes, dtype):
    white = {"uint8": 255, "uint16": 65535, "float32": 1.0}[dtype]
    channels = inpainter._model.model.output_shape[-1]
    x = (photograph[..., :channels] / 255 * white).astype(dtype)
    filled = inpainter(x, holes)
    assert filled.shape == x.shape and filled.dtype == x.dtype
    np.testing.assert_array_equal(filled[~holes], x[~holes])
    assert np.mean(filled[holes] != x[holes]) > 0.9
    # Values at missing pixels do not matter.
    np.testing.assert_array_equal(inpainter(x * ~holes[..., None], holes), filled)


def test_the_network_itself_leaves_what_is_there(inpainter, photograph, holes):
    model = inpainter._model.model
    x = photograph[..., : model.output_shape[-1]] / np.float32(255)
    told = without(x[None], holes[None])
    filled = model.reconstruct(told)[0]
    np.testing.assert_allclose(filled[~holes], x[~holes], atol=1e-6)
    rough = model.encode(told)[0][0, ..., :-1]
    assert np.abs(filled - rough)[holes].mean() > 1e-4  # corrected there


def test_filled_tiles_leave_no_seam(inpainter, monkeypatch):
    channels = inpainter._model.model.output_shape[-1]
    x = data.astronaut()[:200, :208, :channels] / np.float32(255)
    holes = strokes(x.shape[:2], np.random.default_rng(0), 0.3)
    whole = inpainter.restore_pixels(x, holes[..., None])
    monkeypatch.setattr("ae_zoo.tasks.inpainter.FILLED_TILE", 64)
    tiled = inpainter.restore_pixels(x, holes[..., None])
    assert np.abs(tiled - whole).max() < 1e-5


def test_a_colour_model_fills_grey(photograph, holes):
    model = ae_zoo.models.inpainting_ae(filters=(4, 6), blocks=1)
    grey = photograph[..., 0]
    filled = Inpainter(model)(grey, holes)
    three = np.repeat((grey * ~holes)[..., None] / np.float32(255), 3, axis=-1)
    told = with_map(three[None], holes[None, ..., None])
    expected = np.clip(model.reconstruct(told)[0].mean(axis=-1), 0, 1) * 255
    assert np.abs(filled - expected)[holes].max() <= 0.5 + 1e-3


def test_a_grey_model_refuses_colour(photograph, holes):
    model = ae_zoo.models.inpainting_ae((None, None, 2), filters=(4,), blocks=1)
    with pytest.raises(InputError, match="takes grey, but the picture has colour"):
        Inpainter(model)(photograph, holes)


def test_a_mask_of_another_size(inpainter, photograph):
    with pytest.raises(InputError, match="mask has 7 x 5 pixels and the picture 133 x"):
        inpainter(photograph[..., :1], np.ones((5, 7), bool))


@pytest.mark.parametrize("kind", ["array", "image", "path"])
def test_masks_of_every_kind(photograph, holes, tmp_path, kind):
    inpainter = Inpainter(ae_zoo.models.inpainting_ae(filters=(4,), blocks=1))
    white = Image.fromarray(holes)
    white.save(tmp_path / "mask.png")
    mask = {"array": holes, "image": white, "path": tmp_path / "mask.png"}[kind]
    expected = inpainter(photograph, holes.astype("uint8") * 255)
    np.testing.assert_array_equal(inpainter(photograph, mask), expected)


def test_inpaint_folders(photograph, holes, tmp_path, capsys):
    folder = tmp_path / "weights"
    ae_zoo.save(ae_zoo.models.inpainting_ae(filters=(4,), blocks=1), folder)
    for name in ("source", "masks"):
        (tmp_path / name).mkdir()
    for name in ("a.jpg", "b.png"):
        Image.fromarray(photograph).save(tmp_path / "source" / name)
    Image.fromarray(holes).save(tmp_path / "masks" / "a.png")
    masks, one = tmp_path / "masks", tmp_path / "masks" / "a.png"
    for mask, code, written in ((masks, 1, ["a.jpg"]), (one, 0, ["a.jpg", "b.png"])):
        target = tmp_path / f"target_{code}"
        arguments = [tmp_path / "source", mask, target, "--model", folder]
        assert main(["inpaint", *map(str, arguments)]) == code
        assert sorted(path.name for path in target.iterdir()) == written
        error = capsys.readouterr().err
        assert ("b.png has no mask b in" in error) is (code == 1)


@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_holes(fraction):
    rng = np.random.default_rng(0)
    assert scattered((90, 70), rng, fraction).mean() == pytest.approx(
        fraction, abs=0.02
    )
    lines = strokes((90, 70), rng, fraction)
    assert lines.shape == (90, 70) and fraction <= lines.mean() < fraction + 0.15
    side = round(100 * fraction)
    assert block((90, 70), rng, side).sum() == side**2
    x = np.random.default_rng(1).random((30, 20, 24, 3), "float32")
    told = MappedHoles().corrupt(x, 0)
    np.testing.assert_array_equal(told[..., :3], x * (told[..., 3:] == 0))
    assert set(np.unique(told[..., 3])) == {0, 1}


@pytest.mark.parametrize("size", [(64, 96), (61, 93)])
def test_pull_push_fills_smoothly(photograph, size):
    clean = photograph[: size[0], : size[1]] / np.float32(255)
    holes = scattered(size, np.random.default_rng(0), 0.5)
    given = without(clean[None], holes[None])
    filled = np.asarray(PullPush(5)(given))
    np.testing.assert_array_equal(filled[..., 3], given[..., 3])
    np.testing.assert_allclose(filled[0, ~holes], given[0, ~holes], atol=1e-6)
    error = np.square(filled[0, ..., :3] - clean)[holes].mean()
    assert error < 0.1 * clean[holes].var()
    flat = np.asarray(
        PullPush(5)(without(np.full_like(given[..., :3], 0.3), holes[None]))
    )
    np.testing.assert_allclose(flat[..., :3], 0.3, atol=1e-6)


def test_grey_and_colour_have_their_own_denoiser():
    denoise = Denoiser()
    assert [m.model for m in denoise._models.values()] == [DENOISER, COLOUR_DENOISER]
    rng = np.random.default_rng(0)
    for shape in ((40, 56), (40, 56, 3)):
        clean = gaussian_filter(rng.random(shape), (4, 4, 0)[: len(shape)])
        noisy = np.clip(clean + rng.normal(0, 0.1, shape), 0, 1).astype("float32")
        error = np.square(denoise(noisy, sigma=25.5) - clean).mean()
        assert error < 0.3 * np.square(noisy - clean).mean()


def test_smoothing_solves_the_biharmonic_equation_in_scattered_holes(photograph):
    clean = photograph[..., :3][:48, :40] / np.float32(255)
    holes = scattered(clean.shape[:2], np.random.default_rng(0), 0.4)
    rough = PullPush(5)(without(clean[None], holes[None]))
    smooth = np.asarray(Smooth(8)(rough))[0, ..., :3]
    solved = inpaint_biharmonic(clean, holes, channel_axis=-1)
    np.testing.assert_array_equal(smooth[~holes], clean[~holes])
    before = np.abs(np.asarray(rough)[0, ..., :3] - solved)[holes].mean()
    assert np.abs(smooth - solved)[holes].mean() < 0.2 * before


def test_a_filter_that_is_told_nothing_changes_nothing(photograph, holes):
    given = without(photograph[None, ..., :3] / np.float32(255), holes[None])
    told = np.zeros((*given.shape[:3], 24 + 3), "float32")
    layer = SkipFilter(5)
    np.testing.assert_array_equal(layer([told, given]), given[..., :3])
    told[..., 11] = 1  # the left neighbour instead of the pixel
    moved = np.asarray(layer([told, given]))[0]
    left = np.concatenate([given[0, :, :1, :3], given[0, :, :-1, :3]], axis=1)
    expected = np.where(holes[..., None], left, given[0, ..., :3])
    np.testing.assert_allclose(moved, expected, atol=1e-6)


@pytest.mark.parametrize("side", [40, 100, "border"])
def test_wide_holes_continue_the_picture(side):
    """No black middle: a smooth picture is continued nearly as it was."""
    rows, columns = np.mgrid[:160, :200] / np.float32(200)
    clean = np.stack(
        [0.3 + 0.5 * rows, 0.8 - 0.5 * columns, rows / 2 + columns / 4], -1
    )
    holes = np.ones(clean.shape[:2], bool)
    if side == "border":
        holes[40:-40, 40:-40] = False
    else:
        holes[:] = False
        holes[30 : 30 + side, 50 : 50 + side] = True
    filled = Inpainter()(np.float32(clean) * ~holes[..., None], holes)
    np.testing.assert_array_equal(filled[~holes], np.float32(clean)[~holes])
    assert np.abs(filled - clean)[holes].mean() < 0.12


def test_a_picture_without_known_pixels(inpainter, photograph):
    channels = inpainter._model.model.output_shape[-1]
    everything = np.ones(photograph.shape[:2], bool)
    with pytest.raises(InputError, match="covers the whole picture"):
        inpainter(photograph[..., :channels], everything)


def _drawn(kind: str, holes: np.ndarray):
    """The same mask in another form."""
    marked = holes.astype("uint8")
    red = np.stack([marked * 255, marked * 0, marked * 0], axis=-1)
    return {
        "zeros and ones": marked,
        "16 bits": marked.astype("uint16") * 65535,
        "floats": marked.astype("float32"),
        "signed": marked.astype("int64"),
        "red": red,
        "strokes on a transparent ground": np.dstack([red, marked * 255]),
        "black on a transparent ground": np.dstack([red * 0, marked * 255]),
        "one bit": Image.fromarray(holes),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        *("zeros and ones", "16 bits", "floats", "signed", "red", "one bit"),
        *("strokes on a transparent ground", "black on a transparent ground"),
    ],
)
def test_masks_as_people_draw_them(kind, holes, tmp_path):
    drawn = _drawn(kind, holes)
    np.testing.assert_array_equal(read_mask(drawn)[..., 0], holes)
    if getattr(drawn, "dtype", None) in (np.uint8, np.uint16):
        Image.fromarray(drawn).save(tmp_path / "mask.png")
        np.testing.assert_array_equal(read_mask(tmp_path / "mask.png")[..., 0], holes)
    with pytest.raises(InputError, match="marks no pixel"):
        read_mask(_drawn(kind, np.zeros_like(holes)))


def test_a_mask_grows(holes):
    one = np.zeros((9, 9, 1), bool)
    one[4, 4] = True
    assert grow(one, 0).sum() == 1 and grow(one, 1).sum() == 5
    assert grow(one, 2).sum() == 13
    with pytest.raises(InputError, match="dilate must be an integer"):
        grow(one, -1)


@pytest.mark.parametrize("channels", [1, 3])
def test_mapped_noise(channels):
    x = np.random.default_rng(0).random((200, 8, 8, channels), "float32")
    given = MappedNoise(0.2, blind=0.4).corrupt(x, 1)
    noisy, levels = np.split(given, 2, axis=-1)
    assert given.dtype == np.float32 and (levels == levels[:, :1, :1]).all()
    blind = levels[:, 0, 0, 0] == UNKNOWN
    assert 0.25 < blind.mean() < 0.55
    np.testing.assert_array_equal(levels[blind], UNKNOWN)
    assert noisy[blind].min() >= 0 and noisy[blind].max() <= 1
    measured = (noisy - x)[~blind].std(axis=(1, 2)) / levels[~blind, 0, 0]
    assert np.median(measured) == pytest.approx(1, abs=0.1)
    np.testing.assert_array_equal(given, MappedNoise(0.2, blind=0.4).corrupt(x, 1))
    with pytest.raises(ValueError, match="blind must be a share"):
        MappedNoise(0.2, blind=2)


def test_camera_noise_is_of_many_kinds():
    x = np.full((300, 16, 16, 3), 0.4, "float32")
    noise = camera_noise(x, np.random.default_rng(0)) - np.rint(x * 255) / 255
    level = 255 * noise.std(axis=(1, 2, 3))
    assert 0.05 < np.mean(level == 0) < 0.25  # clean pictures
    assert np.quantile(level, 0.2) < 3 and np.quantile(level, 0.9) > 15
    noisy = noise[level > 2]
    neighbours = (noisy[:, :, 1:] * noisy[:, :, :-1]).mean(axis=(1, 2, 3))
    correlation = neighbours / np.square(noisy).mean(axis=(1, 2, 3))
    assert np.mean(correlation > 0.3) > 0.1 and np.mean(abs(correlation) < 0.15) > 0.1


def test_what_is_clean(photograph):
    rng = np.random.default_rng(0)
    texture = photograph.copy()
    texture[:30] = rng.integers(0, 255, (30, *photograph.shape[1:]))
    smooth = texture.copy()
    smooth[:30] = 128  # texture of a part, taken for noise
    assert is_clean(photograph, photograph) and is_clean(texture, smooth)
    for level, clean in ((1, True), (4, False)):
        noise = rng.normal(0, level, photograph.shape).round()
        noisy = np.clip(photograph + noise, 0, 255).astype("uint8")
        assert is_clean(noisy, photograph) is clean
    framed = np.zeros((400, 400, 3), "uint8")
    framed[150:251, 150:283] = noisy
    restored = np.zeros_like(framed)
    restored[150:251, 150:283] = photograph
    assert not is_clean(framed, restored)  # the frame does not count


def test_a_share_of_the_pictures_turns_grey():
    x = np.random.default_rng(0).random((200, 4, 4, 3), "float32")
    turned = grey(x, np.random.default_rng(1), share=0.3)
    colourless = np.ptp(turned, axis=-1).max(axis=(1, 2)) < 1e-6
    assert 0.2 < colourless.mean() < 0.4 and turned.dtype == np.float32
    np.testing.assert_array_equal(turned[~colourless], x[~colourless])
    np.testing.assert_array_equal(grey(x[..., :1], None, 0.3), x[..., :1])
