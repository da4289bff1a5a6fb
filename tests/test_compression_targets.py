"""Files of a wanted size or likeness, and qualities between whole ones."""

import keras
import numpy as np
import pytest
from PIL import Image
from skimage import data

import ae_zoo
from ae_zoo import tasks
from ae_zoo.cli import main
from ae_zoo.errors import InputError
from ae_zoo.tasks import Compressor
from ae_zoo.tasks.codec import container


@pytest.fixture(scope="module")
def codec():
    """A codec as it starts, which codes by a linear transform."""
    keras.utils.set_random_seed(0)
    model = ae_zoo.models.hyperprior_ae(
        filters=(12, 48, 96), blocks=1, hidden=12, side=6, lambdas=(0.01, 0.1, 1.0)
    )
    model.finish()
    return Compressor(model)


@pytest.fixture(scope="module")
def photograph():
    return data.coffee()[40:104, 80:208]


def psnr(codec, file, photograph):
    error = np.subtract(codec.decompress(file), photograph, dtype=float)
    return 10 * np.log10(255**2 / np.mean(error**2))


def test_qualities_between_are_between(codec, photograph):
    qualities = (0, 0.25, 0.5, 0.9375, 1, 1.5, 2)
    files = [codec.compress(photograph, quality) for quality in qualities]
    assert [container.read_header(file).quality for file in files] == [*qualities]
    sizes = [len(file) for file in files]
    likeness = [psnr(codec, file, photograph) for file in files]
    assert sizes == sorted(sizes) and likeness == sorted(likeness)
    assert likeness[2] - likeness[0] > 0.3 and likeness[4] - likeness[2] > 0.3


def test_files_between_decode_as_the_model(codec, photograph):
    model, quality = codec.model, 0.8125
    x = np.dstack([photograph / np.float32(255), np.full((64, 128), quality)])
    restored = model.reconstruct(x[None].astype("float32"))[0]
    decoded = np.asarray(codec.decompress(codec.compress(photograph, quality)))
    # Where a value is rounded the other way, pixels differ.
    assert np.abs(restored.clip(0, 1) - decoded / 255).mean() < 0.0015


def test_the_best_file_within_so_many_bytes(codec, photograph):
    sizes = {n: len(codec.compress(photograph, n / 16)) for n in range(33)}
    for most in (sizes[0], sizes[13] + 5, 10**6):
        file = codec.compress(photograph, target_bytes=most)
        assert len(file) == max(size for size in sizes.values() if size <= most)
    with pytest.raises(InputError, match="smallest file has"):
        codec.compress(photograph, target_bytes=sizes[0] - 1)
    with pytest.raises(InputError, match="target_bytes must be an integer above 0"):
        codec.compress(photograph, target_bytes=1000.5)


def test_the_smallest_file_that_is_like_the_picture(codec, photograph):
    low, high = (psnr(codec, codec.compress(photograph, q), photograph) for q in (0, 2))
    for least in (low, (low + high) / 2, high):
        file = codec.compress(photograph, target_psnr=least)
        assert psnr(codec, file, photograph) >= least
        worse = container.read_header(file).quality - 1 / 16
        if worse >= 0:
            file = codec.compress(photograph, worse)
            assert psnr(codec, file, photograph) < least
    with pytest.raises(InputError, match="dB on this picture, less than the 99"):
        codec.compress(photograph, target_psnr=99)
    for wrong in (0, "high", float("nan")):
        with pytest.raises(InputError, match="target_psnr must be a number above 0"):
            codec.compress(photograph, target_psnr=wrong)


def test_one_aim_only(codec, photograph):
    with pytest.raises(InputError, match="has one aim"):
        codec.compress(photograph, quality=1, target_bytes=1000)


def test_targets_on_the_command_line(codec, photograph, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tasks, "Compressor", lambda name: codec)
    picture, file = tmp_path / "a.png", tmp_path / "a.aez"
    Image.fromarray(photograph).save(picture)
    both = ["compress", str(picture), str(file)]
    size = len(codec.compress(photograph, 0.5)) + 100  # the name may be longer
    assert main([*both, "--target-bytes", str(size)]) == 0
    assert file.stat().st_size <= size
    assert main([*both, "--quality", "0.5"]) == 0
    assert container.read_header(file).quality == 0.5
    capsys.readouterr()
    for wrong, words in (
        (["--target-psnr", "99"], "dB on this picture"),
        (["--quality", "0.3"], "0 to 2 in steps of 1/16, not 0.3"),
        (["--quality", "1", "--target-psnr", "30"], "has one aim"),
    ):
        assert main([*both, *wrong]) == 2
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1
