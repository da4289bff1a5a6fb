"""The photographs of the denoising literature, prepared by TensorFlow Datasets."""

import os
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from ae_zoo.datasets import load_examples, load_pictures, loading
from ae_zoo.errors import DownloadError, InputError, IntegrityError

SIZES = {
    "bsds500": {"train": 200, "val": 100, "test": 200},
    "cbsd68": {"test": 68},
    "bsd68": {"test": 68},
    "set12": {"test": 12},
}


@pytest.fixture(autouse=True)
def no_folders(monkeypatch):
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.delenv("AE_ZOO_MANUAL_DIR", raising=False)


@pytest.fixture
def offline(monkeypatch):
    """Makes every download fail at once; lists the addresses that were tried."""
    import requests

    tried = []

    def get(session, url, **options):
        tried.append(url)
        raise requests.ConnectionError

    monkeypatch.setattr(requests.Session, "get", get)
    return tried


@pytest.fixture(scope="session")
def raw(root):
    """The published files; skips the test where they are absent."""
    folder = root.parent / "shared" / "data" / "raw"
    if not (folder / "bsds500").is_dir():
        pytest.skip("needs the files of bsds500, bsd68 and set12")
    return folder


@pytest.fixture(scope="session")
def prepared(raw, tmp_path_factory):
    """A TFDS folder with all sets, prepared from the published files."""
    folder = tmp_path_factory.mktemp("tfds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AE_ZOO_MANUAL_DIR", str(raw))
        for name, sizes in SIZES.items():
            load_pictures(name, f"{next(iter(sizes))}[:1]", folder)
    return folder


def pixels(path):
    """`(height, width, channels)` of a file."""
    values = np.asarray(Image.open(path))
    return values.reshape(*values.shape[:2], -1)


def assert_same_pictures(pictures, paths):
    assert len(pictures) == len(paths)
    for picture, path in zip(pictures, paths, strict=True):
        assert picture.dtype == np.uint8
        np.testing.assert_array_equal(picture, pixels(path), str(path))


def test_every_file_has_one_checksum(root):
    lines = (root / "ae_zoo" / "datasets" / "checksums.tsv").read_text().splitlines()
    rows = [line.split("\t") for line in lines]
    urls, sizes, digests, paths = zip(*rows, strict=True)
    assert len(lines) == 622
    for column in (urls, digests, paths):
        assert len(set(column)) == 622
    assert all(len(bytes.fromhex(digest)) == 32 for digest in digests)
    assert min(map(int, sizes)) > 10_000
    assert list(urls) == sorted(urls), "TFDS keeps them sorted"


def test_builders_know_where_their_files_are():
    from ae_zoo.datasets import photographs

    for cls in (
        photographs.Bsds500,
        photographs.Cbsd68,
        photographs.Bsd68,
        photographs.Set12,
    ):
        addresses = {split: cls.addresses(split) for split in cls.SPLITS}
        assert {s: len(files) for s, files in addresses.items()} == SIZES[cls.name]
        for files in addresses.values():
            assert all(url.endswith(f"/{name}") for name, url in files.items())


@pytest.mark.parametrize("name", ["set12", "bsd68"])
def test_pictures_come_as_pillow_reads_them_by_name(prepared, raw, name):
    pictures = load_pictures(name, "test", prepared)
    assert_same_pictures(pictures, sorted((raw / name).iterdir()))


def test_splits_follow_one_another(prepared, raw):
    test, train = (sorted((raw / "bsds500" / s).iterdir()) for s in ("test", "train"))
    pictures = load_pictures("bsds500", "test[-2:]+train[:3]", prepared)
    assert_same_pictures(pictures, test[-2:] + train[:3])


def test_cbsd68_is_bsd68_in_colour(prepared):
    colours = load_pictures("cbsd68", "test", prepared)
    greys = load_pictures("bsd68", "test", prepared)
    for colour, grey in zip(colours, greys, strict=True):
        luma = colour @ [0.299, 0.587, 0.114]
        assert np.abs(luma - grey[..., 0]).mean() < 0.25  # rounding alone


def test_the_bytes_of_the_files_are_kept(prepared, raw):
    import tensorflow_datasets as tfds

    stored = tfds.load(
        "bsds500",
        split="val",
        data_dir=prepared,
        decoders={"image": tfds.decode.SkipDecoding()},
    )
    examples = list(stored.as_numpy_iterator())
    assert len(examples) == 100
    for example in examples:
        path = raw / "bsds500" / "val" / example["filename"].decode()
        assert example["image"] == path.read_bytes()


def test_a_set_is_read_from_the_folder_that_has_it(
    prepared, tmp_path, monkeypatch, offline
):
    folders = f"{tmp_path}{os.pathsep}{prepared}"
    monkeypatch.setenv("TFDS_DATA_DIR", folders)
    assert len(load_pictures("set12", "test")) == 12
    assert not offline and not list(tmp_path.iterdir())


def test_pictures_of_different_sizes_are_no_array(prepared):
    with pytest.raises(InputError, match="load_pictures"):
        load_examples("set12", "test", prepared)


def test_a_set_without_pictures_is_refused(monkeypatch):
    info = SimpleNamespace(features={"audio": None})
    builder = SimpleNamespace(info=info)
    monkeypatch.setattr(loading, "prepare", lambda name, data_dir: builder)
    with pytest.raises(InputError, match="no pictures of 8 bits"):
        load_pictures("spoken_digit", "train")


def test_another_file_than_the_published_one_is_refused(tmp_path, monkeypatch):
    fake = tmp_path / "files" / "set12" / "01.png"
    fake.parent.mkdir(parents=True)
    fake.write_bytes(b"not Cameraman")
    monkeypatch.setenv("AE_ZOO_MANUAL_DIR", str(fake.parent.parent))
    with pytest.raises(IntegrityError) as caught:
        load_pictures("set12", "test", tmp_path / "tfds")
    message = str(caught.value)
    assert str(fake) in message and "put the original there" in message
    assert "\n" not in message


def test_a_failing_download_is_tried_once(tmp_path, offline):
    with pytest.raises(DownloadError, match=r"TFDS_DATA_DIR.*AE_ZOO_MANUAL_DIR"):
        load_pictures("bsds500", "train", tmp_path)
    assert len(offline) == 1


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "file" / "tfds"))
    with pytest.raises(DownloadError, match=r"file/tfds and .* you can write to"):
        load_pictures("set12", "test")
