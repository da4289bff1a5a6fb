"""Large pictures in windows, and folders file by file."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from ae_zoo.data.values import as_floats, from_floats
from ae_zoo.errors import InputError
from ae_zoo.tasks import tiles
from ae_zoo.tasks.batch import run_batch

SIZES = [(1, 1), (7, 3), (16, 16), (17, 16), (53, 97), (64, 33)]
RADIUS = 3


def blur(window):
    """Blurs with a radius of `RADIUS` pixels, and zeros beyond the border."""
    kernel = np.arange(1, 2 * RADIUS + 2, dtype="float32") / 28
    for axis in (0, 1):
        window = ndimage.correlate1d(window, kernel, axis, mode="constant")
    return window


def block_means(window):
    """Acts like a convolution of stride 8, which depends on where blocks begin."""
    height, width, channels = window.shape
    padded = tiles.pad_to_multiple(window, 8)
    blocks = padded.reshape(len(padded) // 8, 8, -1, 8, channels).mean(axis=(1, 3))
    return blocks.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]


def noise(*shape, dtype="float32"):
    return from_floats(np.random.default_rng(0).random(shape, "float32"), dtype)


@pytest.mark.parametrize(("function", "margin"), [(blur, RADIUS), (block_means, 0)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("size", SIZES)
def test_tiles_equal_the_whole(size, dtype, function, margin):
    image = noise(*size, 3, dtype=dtype)
    out = np.zeros_like(image)
    tiles.apply(function, image, out, margin=margin, tile=16)
    whole = from_floats(function(as_floats(image)), dtype)
    np.testing.assert_array_equal(out, whole)


def test_a_margin_too_small_shows():
    image = noise(53, 97, 1)
    out = np.zeros_like(image)
    tiles.apply(blur, image, out, margin=1, tile=16, multiple=1)
    assert not np.allclose(out, blur(image))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("multiple", [1, 4, 8])
def test_windows_are_bounded_and_start_at_multiples(size, multiple):
    rows, columns = np.indices(size, "float32")
    image = np.stack([rows, columns], axis=-1)
    windows = []

    def function(window):
        windows.append(window)
        return window

    out = np.full_like(image, -1)
    tiles.apply(function, image, out, margin=5, tile=15, multiple=multiple)
    np.testing.assert_array_equal(out, image)
    margin, tile = {1: (5, 15), 4: (8, 16), 8: (8, 16)}[multiple]
    for window in windows:
        assert window.dtype == np.float32
        assert max(window.shape[:2]) <= tile + 2 * margin
        first, last = window[0, 0], window[-1, -1] + 1
        assert (first % multiple == 0).all()
        assert ((last % multiple == 0) | (last == size)).all()


@pytest.mark.parametrize(("size", "calls"), [((16, 16), 1), ((1, 1), 1), ((17, 33), 6)])
def test_progress_tells_every_tile(size, calls):
    told = []
    image = noise(*size, 1)
    tiles.apply(
        np.copy,
        image,
        np.zeros_like(image),
        margin=40,
        tile=16,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(done, calls) for done in range(1, calls + 1)]


def test_the_result_may_have_other_channels_and_dtype():
    image = noise(40, 30, 3, dtype="uint16")
    out = np.zeros((40, 30, 1), "uint8")
    tiles.apply(lambda x: 4 * x[..., :1] - 2, image, out, margin=8, tile=16)
    expected = from_floats(4 * as_floats(image)[..., :1] - 2, "uint8")
    np.testing.assert_array_equal(out, expected)
    assert (out.min(), out.max()) == (0, 255)


def test_what_would_spoil_the_result_is_refused():
    image = noise(40, 30, 3)
    with pytest.raises(ValueError, match="shares memory"):
        tiles.apply(blur, image, image, margin=3)
    with pytest.raises(ValueError, match="out has shape"):
        tiles.apply(blur, image, np.zeros((41, 30, 3)), margin=3)
    with pytest.raises(ValueError, match="function made"):
        tiles.apply(lambda x: x[1:], image, np.zeros_like(image), margin=3)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (8, 16), (13, 7)])
def test_windows_are_padded_by_reflection(size):
    window = noise(*size, 2)
    padded = tiles.pad_to_multiple(window, 8)
    assert padded.shape == (*(-(-n // 8) * 8 for n in size), 2)
    np.testing.assert_array_equal(padded[: size[0], : size[1]], window)
    if padded.shape[0] > size[0]:
        np.testing.assert_array_equal(padded[size[0]], padded[size[0] - 1])


@pytest.fixture
def folder(tmp_path):
    """Three pictures, one in a folder below, one broken, and a note."""
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    for name in ("a.png", "sub/b.jpg"):
        Image.new("L", (5, 4)).save(source / name)
    (source / "bad.png").write_bytes(b"garbage")
    (source / "notes.txt").write_text("no picture")
    return source


def copy(path, output):
    if b"garbage" in path.read_bytes():
        raise InputError(f"Cannot read {path}:\nrepair it.")
    output.write_bytes(path.read_bytes())


def files(folder):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    )


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [(None, ["a.png", "sub/b.jpg"]), (".aez", ["a.aez", "sub/b.aez"])],
)
@pytest.mark.parametrize("progress", [False, True])
def test_a_bad_file_stops_no_other(
    folder, tmp_path, suffix, expected, progress, capsys
):
    target = tmp_path / "new" / "target"
    failures = run_batch(copy, folder, target, suffix, progress)
    assert files(target) == expected
    bad = folder / "bad.png"
    assert failures == [(bad, f"Cannot read {bad}: repair it.")]
    captured = capsys.readouterr()
    assert captured.err == f"Cannot read {bad}: repair it.\n"
    assert captured.out == ""


def test_a_failure_names_its_file(folder, tmp_path, capsys):
    def fail(path, output):
        raise OSError("disk [full]")

    failures = run_batch(fail, folder, tmp_path / "target")
    assert [message for _, message in failures] == ["disk [full]"] * 3
    assert f"{folder / 'a.png'}: disk [full]\n" in capsys.readouterr().err


def test_a_mistake_in_the_code_is_no_failure_of_a_file(folder, tmp_path):
    with pytest.raises(ZeroDivisionError):
        run_batch(lambda *_: 1 / 0, folder, tmp_path / "target")


def test_other_files_may_be_taken(folder, tmp_path):
    target = tmp_path / "target"
    assert run_batch(copy, folder, target, ".md", suffixes=[".txt"]) == []
    assert files(target) == ["notes.md"]
    with pytest.raises(InputError, match=r"needs files that end in \.aez"):
        run_batch(copy, folder, target, suffixes=[".aez"])
    with pytest.raises(InputError, match="There is nothing to read"):
        run_batch(copy, target, tmp_path / "b")


def test_two_files_are_never_written_to_one(folder, tmp_path):
    Image.new("L", (5, 4)).save(folder / "a.jpg")
    with pytest.raises(InputError, match=r"a\.jpg and .*a\.png .*a\.aez: rename one"):
        run_batch(copy, folder, tmp_path / "target", ".aez")
    assert not (tmp_path / "target").exists()
    assert len(run_batch(copy, folder, tmp_path / "target")) == 1


@pytest.mark.parametrize("target", [".", "..", "sub/.."])
@pytest.mark.parametrize("suffix", [None, ".aez"])
def test_inputs_are_never_overwritten(folder, target, suffix):
    with pytest.raises(InputError, match="name a folder that is not"):
        run_batch(copy, folder, folder / target, suffix)


def test_outputs_below_the_source_are_no_inputs(folder):
    for _ in range(2):
        run_batch(copy, folder, folder / "out")
    assert files(folder / "out") == ["a.png", "sub/b.jpg"]


def test_a_target_that_is_a_file_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match=r"notes\.txt is a file: name a folder"):
        run_batch(copy, folder, folder / "notes.txt")


def test_one_file_is_no_batch(folder, tmp_path):
    assert run_batch(copy, folder / "a.png", tmp_path / "c.png") == []
    assert (tmp_path / "c.png").exists()
    assert run_batch(copy, folder / "a.png", tmp_path, ".aez") == []
    assert (tmp_path / "a.aez").exists()
    with pytest.raises(InputError, match="repair it"):
        run_batch(copy, folder / "bad.png", tmp_path / "d.png")
    with pytest.raises(InputError, match="name another"):
        run_batch(copy, folder / "a.png", folder)
    with pytest.raises(InputError, match="There is no file or folder"):
        run_batch(copy, folder / "missing.png", tmp_path / "d.png")
