"""Photographs keep size, depth, transparency and profile, or an error names why."""

import tracemalloc
import warnings
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from ae_zoo.data.pictures import (
    Picture,
    check_writable,
    pixels,
    read_picture,
    write_picture,
)
from ae_zoo.data.values import as_floats, from_floats
from ae_zoo.errors import InputError

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY = SRGB[:16] + b"GRAY" + SRGB[20:]  # only its header is ever looked at
CMYK = SRGB[:16] + b"CMYK" + SRGB[20:]
PROFILES = {1: GREY, 3: SRGB}


def noise(*shape, dtype="uint8"):
    """Values all over the range of the dtype."""
    rng = np.random.default_rng(0)
    if dtype == "float32":
        return rng.random(shape, "float32")
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def picture(channels, has_alpha=False, dtype="uint8", size=(13, 7), icc=None):
    alpha = noise(*size, dtype=dtype)[::-1] if has_alpha else None
    return Picture(noise(*size, channels, dtype=dtype), alpha, icc)


def assert_same(a, b):
    assert (a.pixels.dtype, a.icc) == (b.pixels.dtype, b.icc)
    np.testing.assert_array_equal(a.pixels, b.pixels)
    assert (a.alpha is None) == (b.alpha is None)
    if a.alpha is not None:
        assert a.alpha.dtype == a.pixels.dtype
        np.testing.assert_array_equal(a.alpha, b.alpha)


LOSSLESS = [
    *((".png", "uint8"), (".webp", "uint8"), (".tif", "uint8"), (".bmp", "uint8")),
    *((".png", "uint16"), (".TIFF", "uint16")),
]


@pytest.mark.parametrize("size", [(1, 1), (13, 7), (1, 300), (521, 3)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("suffix", "dtype", "has_alpha"),
    [(*case, False) for case in LOSSLESS]
    + [(*case, True) for case in LOSSLESS if case[0] != ".bmp"],
)
def test_lossless_files_give_back_what_was_written(
    suffix, dtype, has_alpha, channels, size, tmp_path, monkeypatch
):
    monkeypatch.setattr(pixels, "_BAND", 100)  # pixels: these take several bands
    icc = None if suffix == ".bmp" else PROFILES[channels]
    written = picture(channels, has_alpha, dtype, size, icc)
    write_picture(written, tmp_path / f"a{suffix}")
    read = read_picture(tmp_path / f"a{suffix}")
    if read.channels > channels:
        assert suffix == ".webp" or (suffix == ".TIFF" and has_alpha)
        written = Picture(written.pixels.repeat(3, axis=-1), written.alpha)
    assert_same(read, written)
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_jpeg_is_close_and_keeps_its_profile(channels, tmp_path):
    levels = np.linspace(0, 255, 64).astype("uint8")
    written = np.repeat(np.tile(levels, (64, 1))[..., None], channels, axis=-1)
    write_picture(Picture(written, icc=PROFILES[channels]), tmp_path / "a.jpg")
    read = read_picture(tmp_path / "a.jpg")
    assert read.icc == PROFILES[channels]
    np.testing.assert_allclose(read.pixels, written.astype("int"), atol=3)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_floats_are_written_with_8_bits(suffix, tmp_path):
    write_picture(Picture(np.full((5, 4, 3), 0.2, "float32")), tmp_path / f"a{suffix}")
    read = read_picture(tmp_path / f"a{suffix}").pixels
    assert read.dtype == np.uint8
    np.testing.assert_allclose(read, 51, atol=1)


@pytest.mark.parametrize(
    ("mode", "channels", "has_alpha"),
    [
        *(("1", 1, False), ("L", 1, False), ("LA", 1, True), ("La", 1, True)),
        *(("P", 3, False), ("PA", 3, True), ("RGB", 3, False), ("RGBX", 3, False)),
        *(("RGBA", 3, True), ("RGBa", 3, True), ("CMYK", 3, False)),
        *(("YCbCr", 3, False), ("LAB", 3, False), ("HSV", 3, False)),
    ],
)
def test_images_of_every_mode_become_grey_or_rgb(mode, channels, has_alpha):
    """The upper half is black, the lower half white."""
    image = Image.fromarray(np.uint8([0, 255]).repeat(300)[:, None].repeat(5, 1))
    if mode == "LAB":
        image = Image.merge("LAB", [image, *[Image.new("L", image.size, 128)] * 2])
    elif mode in ("RGBa", "La"):
        image = image.convert(mode[:-1] + "A").convert(mode)
    elif mode == "PA":
        image = image.convert("P").convert("PA")
    else:
        image = image.convert("RGB").convert(mode)
    assert image.mode == mode
    read = read_picture(image)
    assert read.pixels.shape == (600, 5, channels)
    assert read.pixels.dtype == np.uint8
    np.testing.assert_allclose(read.pixels[:300], 0, atol=1)
    np.testing.assert_allclose(read.pixels[300:], 255, atol=1)
    assert (read.alpha is not None) == has_alpha
    if has_alpha:
        assert (read.alpha == 255).all()


def test_colours_survive_a_change_of_mode():
    image = Image.new("RGB", (1, 1), (200, 100, 50))
    for mode in ("P", "CMYK", "YCbCr", "HSV", "RGBX"):
        read = read_picture(image.convert(mode, palette=Image.Palette.ADAPTIVE))
        np.testing.assert_allclose(read.pixels[0, 0], (200, 100, 50), atol=3)


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "int32"])
def test_grey_keeps_16_bits(dtype, tmp_path):
    values = noise(5, 4, dtype="uint16")
    image = Image.fromarray(values.astype(dtype))
    assert image.mode.startswith("I")
    read = read_picture(image)
    assert read.pixels.dtype == np.dtype("uint16")
    np.testing.assert_array_equal(read.pixels[..., 0], values)
    image.save(tmp_path / "a.tif")
    assert_same(read_picture(tmp_path / "a.tif"), read)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bands", [3, 4])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_colour_of_foreign_tiff_files_keeps_16_bits(
    compression, byteorder, bands, tile, tmp_path
):
    values = noise(33, 21, bands, dtype="uint16")
    tifffile.imwrite(
        tmp_path / "a.tif",
        values,
        photometric="rgb",
        compression=compression,
        byteorder=byteorder,
        tile=tile,
        extrasamples=["unassalpha"] if bands == 4 else [],
    )
    assert_same(read_picture(tmp_path / "a.tif"), read_picture(values))


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_16_bit_planes_are_refused(compression, tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif",
        noise(3, 9, 8, dtype="uint16"),
        photometric="rgb",
        planarconfig="separate",
        compression=compression,
    )
    with pytest.raises(InputError, match=r"a\.tif: .* planes: save it"):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_becomes_alpha(channels, dtype, tmp_path):
    """PNG may name one colour of opaque pixels as transparent (tRNS)."""
    written = picture(channels, dtype=dtype)
    key = written.pixels[4, 2]
    write_picture(written, tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    start = content.index(b"IDAT") - 4
    body = key.astype(">u2").tobytes()
    trns = len(body).to_bytes(4, "big") + b"tRNS" + body
    crc = zlib.crc32(b"tRNS" + body).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(content[:start] + trns + crc + content[start:])
    read = read_picture(tmp_path / "a.png")
    assert read.alpha[4, 2] == 0
    is_key = (written.pixels == key).all(axis=-1)
    alpha = np.where(is_key, 0, np.iinfo(dtype).max).astype(dtype)
    assert_same(read, Picture(written.pixels, alpha))


@pytest.mark.parametrize("transparency", [1, bytes([255, 0, 128])])
def test_a_palette_may_be_transparent(transparency, tmp_path):
    image = Image.fromarray(np.uint8([[0, 1, 2]])).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.save(tmp_path / "a.png", transparency=transparency)
    read = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(read.pixels[0, 2], [70, 80, 90])
    expected = [255, 0, 255] if transparency == 1 else [255, 0, 128]
    np.testing.assert_array_equal(read.alpha[0], expected)


@pytest.mark.parametrize(
    ("mode", "profile", "is_kept"),
    [
        *(("RGB", SRGB, True), ("P", SRGB, True), ("YCbCr", SRGB, True)),
        *(("RGBA", SRGB, True), ("L", GREY, True), ("LA", GREY, True)),
        *(("L", SRGB, False), ("RGB", GREY, False), ("CMYK", CMYK, False)),
        *(("RGB", b"", False), ("RGB", b"garbage", False)),
    ],
)
def test_a_profile_is_kept_while_it_describes_the_pixels(mode, profile, is_kept):
    image = Image.new(mode, (5, 4))
    image.info["icc_profile"] = profile
    assert read_picture(image).icc == (profile if is_kept else None)


def test_a_cmyk_file_loses_its_profile(tmp_path):
    Image.new("CMYK", (5, 4)).save(tmp_path / "a.jpg", icc_profile=CMYK)
    read = read_picture(tmp_path / "a.jpg")
    assert (read.icc, read.channels, read.pixels.min()) == (None, 3, 255)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_files_are_turned_upright(orientation, suffix, tmp_path):
    stored = np.zeros((32, 16), "uint8")
    stored[:16, :8] = 200  # the first corner
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / f"a{suffix}", exif=exif)
    corner = [(0, 0), (0, 1), (1, 1), (1, 0)][(orientation - 1) % 4]
    read = read_picture(tmp_path / f"a{suffix}").pixels[..., 0]
    assert read.shape == ((32, 16) if orientation < 5 else (16, 32))
    quarters = read[4::16, 4::8] if orientation < 5 else read[4::8, 4::16]
    assert np.unravel_index(quarters.argmax(), (2, 2)) == corner


def test_colour_of_16_bits_is_turned_upright(tmp_path):
    values = noise(6, 5, 3, dtype="uint16")
    tag = (274, "H", 1, 6, True)  # rotate clockwise to view
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extratags=[tag])
    read = read_picture(tmp_path / "a.tif")
    np.testing.assert_array_equal(read.pixels, np.rot90(values, -1))


def test_a_pillow_image_is_left_as_it_is():
    image = Image.new("L", (5, 4))
    image.getexif()[0x0112] = 6
    assert read_picture(image).pixels.shape == (5, 4, 1)
    assert image.size == (5, 4)


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_an_animation_gives_its_first_frame(suffix, tmp_path):
    frames = [Image.new("RGB", (5, 4), colour) for colour in ("red", "blue")]
    frames[0].save(
        tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:], quality=100
    )
    read = read_picture(tmp_path / f"a{suffix}")
    assert read.pixels.shape == (4, 5, 3)
    np.testing.assert_allclose(read.pixels[0, 0], [255, 0, 0], atol=3)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">u2", "float32", "float64"])
@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1), (5, 4, 3), (5, 4, 4)])
def test_arrays_are_pictures(shape, dtype):
    values = noise(
        *shape, dtype={">u2": "uint16", "float64": "float32"}.get(dtype, dtype)
    )
    read = read_picture(values.astype(dtype))
    assert read.pixels.dtype == values.dtype
    whole = values.reshape(5, 4, -1)
    channels = 1 if whole.shape[-1] == 1 else 3
    np.testing.assert_array_equal(read.pixels, whole[..., :channels])
    assert (read.alpha is not None) == (shape[-1] == 4 and len(shape) == 3)
    if read.alpha is not None:
        np.testing.assert_array_equal(read.alpha, whole[..., 3])


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (noise(5, 4, 2), r"not \(5, 4, 2\): reshape"),
        (noise(2, 5, 4, 3), "one picture at a time"),
        (noise(5), "reshape"),
        (noise(0, 4, 3), "empty"),
        (noise(5, 4).astype("int64"), "int64 have no agreed range: pass uint8"),
        (noise(5, 4) > 9, "bool have no agreed range"),
        (noise(5, 4).astype("float32"), r"in \[0, 1\], not from .*: rescale"),
        (np.full((5, 4), np.nan), "not from nan to nan"),
        (Image.new("L", (0, 4)), "empty"),
        (Image.new("F", (5, 4)), "floats have no agreed range: save"),
        (Image.fromarray(np.int32([[-1]])), "integers have no agreed range: save"),
        (Image.fromarray(np.int32([[65536]])), "integers have no agreed range: save"),
        ([1, 2], "must be an array, a Pillow image or a path"),
    ],
)
def test_other_values_than_pictures_are_refused(source, says):
    with pytest.raises(InputError, match=says):
        read_picture(source)


@pytest.mark.parametrize("damage", ["garbage", "cut", "empty", "header only"])
@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        *((".png", "uint8"), (".jpg", "uint8"), (".tif", "uint8"), (".webp", "uint8")),
        *((".bmp", "uint8"), (".png", "uint16"), (".tif", "uint16")),
    ],
)
def test_a_broken_file_is_named(damage, suffix, dtype, tmp_path):
    path = tmp_path / f"broken{suffix}"
    write_picture(picture(3, dtype=dtype, size=(64, 64)), path)
    content = path.read_bytes()
    path.write_bytes(
        {
            "garbage": b"garbage" * 100,
            "cut": content[: len(content) // 2],
            "empty": b"",
            "header only": content[:12],
        }[damage]
    )
    with pytest.raises(InputError, match=rf"broken\{suffix} .*: repair or remove"):
        read_picture(path)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(InputError, match=r"There is no file .*missing\.png"):
        read_picture(tmp_path / "missing.png")
    with pytest.raises(InputError, match="is a folder: name a picture"):
        read_picture(tmp_path)


def test_a_bomb_is_refused_and_large_pictures_do_not_warn(tmp_path, monkeypatch):
    write_picture(picture(3), tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 13 * 7 - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(read_picture(tmp_path / "a.png"), picture(3))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 13 * 7 // 2 - 1)
    with pytest.raises(InputError, match=r"a\.png has more than 88 pixels: cut it"):
        read_picture(tmp_path / "a.png")


def test_a_large_picture_is_held_once_beside_pillows_image(tmp_path):
    size = (3000, 2000)
    Image.new("RGB", size, "red").save(tmp_path / "a.bmp")
    tracemalloc.start()
    read = read_picture(tmp_path / "a.bmp")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read.pixels.shape == (2000, 3000, 3)
    assert read.pixels.nbytes < peak < 1.5 * read.pixels.nbytes


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_new_pixels_take_the_dtype_and_keep_the_rest(dtype):
    old = picture(3, True, dtype, icc=SRGB)
    assert_same(old.replace(old.floats()), old)
    assert_same(old.replace(old.pixels), old)
    assert old.floats().dtype == np.float32
    clipped = old.replace(old.floats() * 4 - 2).floats()
    assert (clipped.min(), clipped.max()) == (0, 1)


def test_every_level_comes_back_from_floats():
    for dtype in ("uint8", "uint16"):
        levels = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
        floats = as_floats(levels)
        assert (floats.dtype, floats[0], floats[-1]) == (np.float32, 0, 1)
        np.testing.assert_array_equal(from_floats(floats, dtype), levels)


def test_pixels_of_another_shape_or_dtype_are_refused():
    with pytest.raises(InputError, match="make a new Picture"):
        picture(3).replace(noise(13, 7, 1))
    with pytest.raises(InputError, match="pass uint8 or floats"):
        picture(3).replace(noise(13, 7, 3, dtype="uint16"))


@pytest.mark.parametrize(
    ("name", "dtype", "has_alpha", "size", "says"),
    [
        ("a.jpg", "uint8", True, (9, 9), r"transparency .* ends in \.png, \.webp or"),
        ("a.bmp", "uint8", True, (9, 9), "transparency"),
        ("a.JPG", "uint16", False, (9, 9), r"16 bits .* ends in \.png or \.tif"),
        ("a.webp", "uint16", True, (9, 9), "16 bits"),
        ("a.webp", "uint8", False, (9, 16384), "16384 pixels in a row, at most 16383"),
        ("a.jpeg", "float32", False, (65501, 9), "at most 65500"),
        ("a.gif", "uint8", False, (9, 9), r"give a name that ends in \.png, \.jpg"),
        ("a", "uint8", False, (9, 9), "give a name"),
        ("b/a.png", "uint8", False, (9, 9), "make the folder .*b first"),
    ],
)
def test_pictures_beyond_the_format_are_refused_early(
    name, dtype, has_alpha, size, says, tmp_path
):
    with pytest.raises(InputError, match=says):
        check_writable(tmp_path / name, size, dtype, has_alpha)
    with pytest.raises(InputError, match=says):
        write_picture(picture(1, has_alpha, dtype, size), tmp_path / name)
    assert not any(tmp_path.iterdir())


def test_a_written_16_bit_png_is_valid(tmp_path):
    """Its bytes, taken apart by another decoder: Pillow's high bytes and its checks."""
    write_picture(picture(3, True, "uint16", icc=SRGB), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        image.verify()
    with Image.open(tmp_path / "a.png") as image:
        high = np.asarray(image)
        assert image.info["icc_profile"] == SRGB
    np.testing.assert_array_equal(high[..., :3], picture(3, True, "uint16").pixels >> 8)
