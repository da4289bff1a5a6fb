"""User data becomes float32 in [0, 1], or one sentence names the remedy."""

import numpy as np
import pytest
from PIL import Image

from ae_zoo.data import inputs
from ae_zoo.data.arrays import read_array
from ae_zoo.data.files import list_files
from ae_zoo.data.images import read_image
from ae_zoo.errors import InputError

GREY, RGB = (6, 5, 1), (6, 5, 3)


def ramp(*shape, dtype="uint8"):
    """Distinct values over the whole range of uint8."""
    return np.linspace(0, 255, np.prod(shape)).astype(dtype).reshape(shape)


@pytest.fixture
def folder(tmp_path):
    """A folder of two grey images and some other files."""
    (tmp_path / "sub").mkdir()
    Image.fromarray(ramp(6, 5)).save(tmp_path / "sub" / "b.png")
    Image.fromarray(ramp(6, 5) // 2).save(tmp_path / "a.PNG")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "._a.png").write_bytes(b"a resource fork")
    return tmp_path


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 51, 255]], "uint8"), [0, 0.2, 1]),
        (np.array([[0, 13107, 65535]], "uint16"), [0, 0.2, 1]),
        (np.array([[0, 13107, 65535]], ">u2"), [0, 0.2, 1]),
        (np.array([[False, True, True]]), [0, 1, 1]),
        (np.array([[0, 0.25, 1]], "float16"), [0, 0.25, 1]),
        (np.array([[0, 0.2, 1 + 1e-9]]), [0, 0.2, 1]),
    ],
)
def test_values_are_converted_by_dtype(values, expected):
    x = inputs.to_inputs(values, (3,))
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, [expected], rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "received", "n"),
    [
        (GREY, (6, 5), 1),
        (GREY, (6, 5, 1), 1),
        (GREY, (4, 6, 5), 4),
        (GREY, (4, 6, 5, 1), 4),
        (GREY, (6, 6, 5), 6),
        (RGB, (6, 5, 3), 1),
        (RGB, (4, 6, 5, 3), 4),
        ((7,), (7,), 1),
        ((7,), (4, 7), 4),
    ],
)
def test_missing_axes_are_added(shape, received, n):
    values = ramp(*received)
    x = inputs.to_inputs(values, shape)
    assert x.shape == (n, *shape)
    np.testing.assert_allclose(x.ravel(), values.ravel() / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.full((6, 5), 255.0), r"values up to 255\.0: divide by 255 or pass uint8"),
        (np.full((6, 5), 4000.0), "divide by 65535 or pass uint16"),
        (np.full((6, 5), 1e6), r"rescale them to \[0, 1\]"),
        (np.full((6, 5), -1.0), r"from -1 to -1: rescale them to \[0, 1\]"),
        (np.full((6, 5), np.nan), "NaN or infinite values: replace"),
        (np.full((6, 5), np.inf), "NaN or infinite values: replace"),
        (ramp(6, 5, dtype="int64"), "int64 have no agreed range: pass uint8"),
        (np.full((6, 5), "a"), "no agreed range"),
        (np.full((6, 5), None), "dtype object have no agreed range"),
        (ramp(4, 30), r"reshape it with x.reshape\(-1, 6, 5, 1\)"),
        (ramp(4, 8, 8), r"takes .* \(n, 6, 5, 1\) or \(n, 6, 5\) but .* \(4, 8, 8\)"),
        (ramp(4, 6, 5, 3), "resize or convert it, or pass images"),
        (ramp(0, 6, 5), "empty"),
        ([], "takes arrays of shape"),
        ([[1, 2], [3]], "is not an array"),
        ({"x": 1}, "takes arrays of shape"),
    ],
)
def test_misfits_are_refused_with_a_remedy(values, says):
    with pytest.raises(InputError, match=says):
        inputs.to_inputs(values, GREY)


def test_a_list_may_mix_arrays_images_and_paths(folder):
    image = Image.fromarray(ramp(6, 5))
    x = inputs.to_inputs([ramp(6, 5), image, str(folder / "sub" / "b.png")], GREY)
    assert x.shape == (3, *GREY)
    np.testing.assert_array_equal(x[1], x[0])
    np.testing.assert_array_equal(x[2], x[0])


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "LA", "RGBA", "I;16"])
@pytest.mark.parametrize("shape", [GREY, RGB])
def test_images_of_every_mode_become_grey_or_rgb(mode, shape):
    grey = Image.fromarray(np.repeat(np.uint8([[0], [255]]), 5, axis=1).repeat(3, 0))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype("uint16") * 257)
    else:
        image = grey.convert("RGB").convert(mode) if mode == "CMYK" else grey
        image = image.convert(mode)
    assert image.mode == mode
    x = inputs.to_inputs(image, shape)
    assert x.shape == (1, *shape)
    np.testing.assert_allclose(x[0, :3], 0, atol=1e-6)
    np.testing.assert_allclose(x[0, 3:], 1, atol=1e-6)


def test_rgb_becomes_grey_by_its_luminance():
    x = inputs.to_inputs(Image.new("RGB", (5, 6), (255, 0, 0)), GREY)
    np.testing.assert_allclose(x, 0.299, atol=2 / 255)


def test_transparent_pixels_are_white():
    image = Image.new("RGBA", (5, 6), (0, 0, 0, 0))
    image.putpixel((0, 0), (0, 0, 0, 255))
    x = inputs.to_inputs(image, GREY)[0, ..., 0]
    assert x[0, 0] == 0
    assert x.sum() == x.size - 1


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
def test_images_are_resized_to_the_model(depth, tmp_path):
    level = {"uint8": 51, "uint16": 13107}[depth]
    Image.fromarray(np.full((60, 20), level, depth)).save(tmp_path / "large.png")
    x = inputs.to_inputs(tmp_path / "large.png", GREY)
    assert x.shape == (1, *GREY)
    np.testing.assert_allclose(x, 0.2, rtol=1e-5)


def test_files_are_turned_upright(tmp_path):
    pixels = ramp(6, 5)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate clockwise to view
    Image.fromarray(np.rot90(pixels)).save(tmp_path / "turned.png", exif=exif)
    x = inputs.to_inputs(tmp_path / "turned.png", GREY)
    np.testing.assert_allclose(x[0, ..., 0], pixels / 255, rtol=1e-6)


def test_a_folder_is_read_in_sorted_order(folder):
    names = [path.name for path in list_files(folder)]
    assert names == ["a.PNG", "b.png"]
    x = inputs.to_inputs(folder, GREY)
    expected = np.stack([ramp(6, 5) // 2, ramp(6, 5)])[..., None] / np.float32(255)
    np.testing.assert_array_equal(x, expected)


def test_a_folder_is_streamed(folder, monkeypatch):
    monkeypatch.setattr(inputs, "_BLOCK_BYTES", 4 * 6 * 5)  # one image
    (folder / "sub" / "c.png").write_bytes(b"broken")
    blocks = inputs.stream(folder, GREY)
    assert next(blocks).shape == (1, *GREY)
    assert next(blocks).shape == (1, *GREY)
    with pytest.raises(InputError, match=r"c\.png"):
        next(blocks)


def test_blocks_keep_order_and_number(monkeypatch):
    monkeypatch.setattr(inputs, "_BLOCK_BYTES", 4 * 6 * 5 * 3)  # three images
    images = ramp(7, 6, 5)
    blocks = list(inputs.stream(images, GREY))
    assert [len(block) for block in blocks] == [3, 3, 1]
    np.testing.assert_allclose(np.concatenate(blocks)[..., 0], images / 255, rtol=1e-6)
    pairs = list(inputs.stream([images[:2], images[2:4], images[4:]], GREY))
    np.testing.assert_array_equal(np.concatenate(pairs), np.concatenate(blocks))


def test_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(InputError, match=r"nothing to read in .*\.png"):
        inputs.to_inputs(tmp_path, GREY)


@pytest.mark.parametrize("damage", ["garbage", "cut", "empty", "header only"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".gif", ".bmp", ".webp"])
def test_a_broken_image_is_named(damage, suffix, tmp_path):
    path = tmp_path / f"picture{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), "uint8")
    Image.fromarray(noise).save(path)
    content = path.read_bytes()
    path.write_bytes(
        {
            "garbage": b"garbage" * 100,
            "cut": content[: len(content) // 2],
            "empty": b"",
            "header only": content[:12],
        }[damage]
    )
    with pytest.raises(InputError, match=rf"picture\{suffix} .*repair or remove"):
        inputs.to_inputs(path, GREY)


def test_a_float_image_out_of_range_is_named(tmp_path):
    Image.fromarray(ramp(6, 5, dtype="float32")).save(tmp_path / "levels.tif")
    with pytest.raises(InputError, match=r"levels\.tif: .*divide by 255"):
        inputs.to_inputs(tmp_path / "levels.tif", GREY)


@pytest.mark.parametrize("shape", [(30,), (6, 5, 2)])
def test_models_of_no_image_take_no_images(shape):
    with pytest.raises(InputError, match="takes arrays of shape"):
        inputs.to_inputs(Image.new("L", (5, 6)), shape)


@pytest.mark.parametrize("name", ["x", "image", "images", "digits"])
def test_an_archive_gives_its_examples_and_labels(name, tmp_path):
    images, labels = ramp(4, 6, 5), np.arange(4)
    np.savez(tmp_path / "data.npz", **{name: images, "y": labels})
    x, y = read_array(tmp_path / "data.npz")
    np.testing.assert_array_equal(x, images)
    np.testing.assert_array_equal(y, labels)
    assert inputs.to_inputs(tmp_path / "data.npz", GREY).shape == (4, *GREY)


def test_a_npy_file_is_mapped_not_read(tmp_path):
    np.save(tmp_path / "x.npy", ramp(4, 6, 5))
    x, labels = read_array(tmp_path / "x.npy")
    assert isinstance(x, np.memmap)
    assert labels is None
    np.testing.assert_array_equal(
        inputs.to_inputs(tmp_path / "x.npy", GREY), inputs.to_inputs(x, GREY)
    )


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"a": ramp(2, 6, 5), "b": ramp(2, 6, 5)}, "It has a, b; call it 'x'"),
        ({"y": np.arange(2)}, "It has y; call it 'x'"),
        ({}, "It has none"),
        ({"x": ramp(2, 6, 5), "y": np.arange(3)}, "one label per example"),
        ({"x": np.array([None, {}])}, "must hold an array of numbers"),
    ],
)
def test_an_unclear_archive_is_refused(arrays, says, tmp_path):
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(InputError, match=says):
        inputs.to_inputs(tmp_path / "data.npz", GREY)


def test_python_objects_are_never_unpickled(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (tmp_path.joinpath("pwned").write_text, ("",))

    np.save(tmp_path / "x.npy", np.array([Hostile()], dtype=object))
    with pytest.raises(InputError, match=r"x\.npy: it must hold an array of numbers"):
        inputs.to_inputs(tmp_path / "x.npy", GREY)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"\x93NUMPY\x01\x00", b"PK\x03\x04"]
)
def test_a_broken_array_file_is_named(suffix, content, tmp_path):
    (tmp_path / f"x{suffix}").write_bytes(content)
    with pytest.raises(InputError, match=rf"x\{suffix}: it must hold"):
        inputs.to_inputs(tmp_path / f"x{suffix}", GREY)


def test_a_corrupt_archive_is_named(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=np.random.default_rng(0).integers(0, 255, (50, 6, 5)))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.npz: it must hold"):
        inputs.to_inputs(path, GREY)


@pytest.mark.parametrize("name", ["missing", "missing.png", "missing.npy"])
def test_a_missing_file_is_named(name, tmp_path):
    with pytest.raises(InputError, match=f"There is no .*{name}"):
        inputs.to_inputs(tmp_path / name, GREY)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_grey_tiff_is_turned_upright(orientation, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 36), dtype="uint8")
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = orientation
    for ending in ("png", "tif"):
        image.save(tmp_path / f"a.{ending}", exif=exif)
    size = (36, 20) if orientation > 4 else (20, 36)
    png, tif = (read_image(tmp_path / f"a.{e}", (*size, 1)) for e in ("png", "tif"))
    np.testing.assert_array_equal(tif, png)
