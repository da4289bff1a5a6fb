"""Where training examples come from, and the batches they make."""

import numpy as np
import pytest
from PIL import Image

from ae_zoo.data.windows import PictureFile, Windows
from ae_zoo.errors import InputError


def test_an_npy_file_gives_what_the_array_gives(tmp_path, digits):
    from ae_zoo.data import open_source

    pixels = (digits * 255).astype("uint8")
    np.save(tmp_path / "digits.npy", pixels[..., 0])  # without the channel axis
    source = open_source(tmp_path / "digits.npy", (12, 12, 1))
    assert len(source) == 64
    taken = source.take(np.array([5, 0, 63]))
    np.testing.assert_array_equal(taken, (pixels / np.float32(255))[[5, 0, 63]])


def test_an_archive_with_the_name_of_an_npy_file_is_read(tmp_path, digits):
    from ae_zoo.data import open_source

    np.savez(tmp_path / "digits.npz", x=digits)
    path = (tmp_path / "digits.npz").rename(tmp_path / "digits.npy")
    source = open_source(path, (12, 12, 1))
    np.testing.assert_array_equal(source.take(np.array([7])), digits[[7]])


def test_an_npy_file_that_cannot_be_read_by_examples_is_refused(tmp_path, digits):
    from ae_zoo.data import open_source

    path = tmp_path / "digits.npy"
    np.save(path, np.asfortranarray(digits))
    with pytest.raises(InputError, match="ascontiguousarray"):
        open_source(path, (12, 12, 1))
    np.save(path, digits)
    source = open_source(path, (12, 12, 1))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InputError, match="shorter"):
        source.take(np.array([63]))


def test_a_validation_table_is_scaled_like_the_training_table(tmp_path):
    from ae_zoo.data import open_source

    np.savetxt(tmp_path / "a.csv", [[0.0, 5.0], [10.0, 7.0]], delimiter=",")
    np.savetxt(tmp_path / "b.csv", [[5.0, 9.0]], delimiter=",")
    a = open_source(tmp_path / "a.csv", (2,))
    b = open_source(tmp_path / "b.csv", (2,), like=a)
    np.testing.assert_allclose(b.take([0]), [[0.5, 2.0]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no rows"),
        ("a,b\n", "no rows"),
        ("a,b\n1,x\n", "'x' in row 1 of column 'b', which is not a number"),
        ("1,2\n3\n", "is not a table"),
        ("a,b\n1,nan\n", "no value in row 1 of column 'b'"),
        ("1,2,3\n", r"input_shape to \[3\]"),
    ],
)
def test_a_bad_table_is_named(tmp_path, text, words):
    from ae_zoo.data import open_source

    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        open_source(tmp_path / "bad.csv", (2,))


def test_augmentation_moves_and_mirrors(digits):
    from ae_zoo.data.augment import flip, shift

    rng = np.random.default_rng(0)
    flipped = flip(digits, rng)
    same = (flipped == digits).all(axis=(1, 2, 3))
    mirrored = (flipped == digits[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same | mirrored).all() and same.any() and not same.all()
    moved = shift(digits, rng, pixels=2)
    assert moved.shape == digits.shape
    assert (moved == digits).all(axis=(1, 2, 3)).sum() < len(digits) / 2
    # The frame of these digits is black, two pixels wide: moving keeps the ink.
    np.testing.assert_allclose(moved.sum((1, 2, 3)), digits.sum((1, 2, 3)), rtol=1e-5)


def test_batches_hold_every_example_once_a_pass_and_are_shared(digits):
    from ae_zoo.data.batches import Batches
    from ae_zoo.data.sources import Arrays

    source = Arrays(digits, digits.shape[1:])
    batches = Batches(source, 8, seed=3)
    passes = [[batches.indices(8 * p + i) for i in range(8)] for p in range(2)]
    for one_pass in passes:
        assert sorted(np.concatenate(one_pass)) == list(range(64))
    assert not np.array_equal(passes[0], passes[1])
    shares = [Batches(source, 8, seed=3, shard=(w, 2)).indices(5) for w in range(2)]
    np.testing.assert_array_equal(np.concatenate(shares), batches.indices(5))


def test_the_end_of_a_training_does_not_wait_for_a_tuner(digits):
    from ae_zoo.data.batches import Batches
    from ae_zoo.data.sources import Arrays

    dataset = Batches(Arrays(digits, digits.shape[1:]), 8).dataset(0, 2)
    assert dataset.options().autotune.enabled is False


def picture(height, width, seed=0):
    shape = (height, width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype="uint8")


def test_windows_cover_every_photograph_at_every_8th_pixel():
    pictures = [picture(20, 33), picture(9, 50), picture(16, 16)]
    windows = Windows(pictures, side=16)
    assert len(windows) == 3 + 1  # the second is too low
    expected = [pictures[0][:16, left : left + 16] for left in (0, 8, 16)]
    expected.append(pictures[2])
    taken = windows.take(np.arange(4))
    np.testing.assert_array_equal(np.rint(taken * 255), expected)
    assert taken.dtype == np.float32
    np.testing.assert_array_equal(windows.take([3, 0]), taken[[3, 0]])


def test_windows_too_large():
    with pytest.raises(InputError, match=r"64 x 64 pixels.*data\.window"):
        Windows([picture(20, 100)], side=64)


@pytest.mark.parametrize("ending", ["png", "tif", "jpg"])
@pytest.mark.parametrize("channels", [1, 3])
def test_picture_files_are_read_when_a_part_is_asked_for(channels, ending, tmp_path):
    pixels = picture(21, 30)
    turned = Image.fromarray(pixels)
    exif = turned.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    path = tmp_path / f"a.{ending}"
    turned.save(path, exif=exif)
    if ending == "jpg":
        pixels = np.asarray(Image.open(path))
    file = PictureFile(path, channels)
    assert file.shape == (30, 21, channels)
    upright = Image.fromarray(np.rot90(pixels, -1))
    expected = np.asarray(upright.convert("L" if channels == 1 else "RGB")).reshape(
        30, 21, channels
    )
    np.testing.assert_array_equal(file[2:10, 3:9], expected[2:10, 3:9])
