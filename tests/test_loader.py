"""Saving and loading weights folders, and what loading refuses."""

import json
import os
import pickle
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest
from hub_server import serve
from model_cases import CASES, IMAGE
from zoo_files import digest, make_entry, read_folder, write_folder, write_manifest

import ae_zoo
from ae_zoo import models
from ae_zoo.errors import (
    DownloadError,
    IntegrityError,
    ManifestError,
    UnknownNameError,
)
from ae_zoo.zoo.folder import load_folder

CONFIG, METADATA, WEIGHTS = FILES = ("config.json", "metadata.json", "model.weights.h5")
X = np.random.default_rng(0).random((8, *IMAGE), dtype="float32")


def build(**arguments):
    return models.vae(input_shape=IMAGE, latent_dim=4, hidden=(8,), **arguments)


@pytest.fixture(scope="module")
def model():
    return build()


@pytest.fixture(scope="module")
def files(model, tmp_path_factory):
    """The bytes of a good folder."""
    folder = tmp_path_factory.mktemp("good") / "vae"
    ae_zoo.save(model, folder)
    return read_folder(folder)


def promising(files):
    """`files` with metadata that promises exactly their bytes."""
    metadata = json.loads(files[METADATA])
    metadata["ae_zoo"]["files"] = {n: digest(files[n]) for n in (CONFIG, WEIGHTS)}
    return files | {METADATA: json.dumps(metadata).encode()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_round_trip(case, tmp_path):
    model = case.build()
    draw = np.random.default_rng(0).uniform  # no two arrays alike, as after a training
    for weight in model.weights:
        if weight.trainable or weight.name.startswith("moving"):
            weight.assign(draw(0.1, 0.2, weight.shape))
    ae_zoo.save(model, tmp_path / "saved")
    assert set(read_folder(tmp_path / "saved")) == set(FILES)
    loaded = ae_zoo.load(tmp_path / "saved")
    assert loaded.family == case.family
    assert loaded.get_config() == json.loads(json.dumps(model.get_config()))
    for mine, theirs in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    x = case.examples(X)
    np.testing.assert_array_equal(model(x), loaded(x))
    ae_zoo.save(loaded, tmp_path / "again")
    assert read_folder(tmp_path / "again") == read_folder(tmp_path / "saved")


def test_training_state_is_not_saved(tmp_path):
    model = build()
    model.compile(metrics=["mae"])
    model.fit(X, X, verbose=0)
    ae_zoo.save(model, tmp_path / "trained")
    loaded = ae_zoo.load(tmp_path / "trained")
    assert not loaded.compiled
    ae_zoo.save(loaded, tmp_path / "loaded")
    assert read_folder(tmp_path / "trained") == read_folder(tmp_path / "loaded")
    loaded.compile()
    loaded.fit(X, X, verbose=0)


def test_keras_reads_the_folder(model, files, tmp_path):
    folder = write_folder(tmp_path / "f", files | {"README.md": b"# card"})
    loaded = keras.saving.load_model(folder)
    assert isinstance(loaded, ae_zoo.Autoencoder)
    np.testing.assert_array_equal(model(X), loaded(X))


def test_saving_keeps_the_card_and_spares_other_folders(model, files, tmp_path):
    folder = write_folder(tmp_path / "f", files | {"README.md": b"# card"})
    ae_zoo.save(build(beta=2.0), folder)
    assert (folder / "README.md").read_bytes() == b"# card"
    assert ae_zoo.load(folder).get_config()["beta"] == 2.0

    thesis = write_folder(tmp_path / "thesis", {"chapter.tex": b"...", CONFIG: b"{}"})
    with pytest.raises(ManifestError, match="not a weights folder"):
        ae_zoo.save(model, thesis)
    with pytest.raises(ManifestError, match="not a weights folder"):
        ae_zoo.save(model, thesis / "chapter.tex")
    assert set(read_folder(thesis)) == {"chapter.tex", CONFIG}
    assert {path.name for path in tmp_path.iterdir()} == {"f", "thesis"}
    (tmp_path / "empty").mkdir()
    ae_zoo.save(model, tmp_path / "empty")
    ae_zoo.load(tmp_path / "empty")


def test_a_folder_by_its_name(files, tmp_path, monkeypatch):
    write_folder(tmp_path / "mine", files)
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "./mine", str(tmp_path / "mine")):
        assert ae_zoo.load(name).family == "vae"
    assert ae_zoo.download("mine").samefile(tmp_path / "mine")
    with pytest.raises(UnknownNameError, match="no weights folder"):
        ae_zoo.load("./missing")
    with pytest.raises(DownloadError, match="no revisions"):
        ae_zoo.load("./mine", revision="main")


def test_manifest_names(files, tmp_path, monkeypatch):
    monkeypatch.setenv("AE_ZOO_MANIFEST", str(tmp_path / "manifest.json"))
    entries = [make_entry(f"vae.{data}", files) for data in ("one", "two")]
    write_manifest(tmp_path / "manifest.json", *entries)
    folder = write_folder(tmp_path / "weights" / "vae.one", files)
    assert ae_zoo.load("vae.one").family == "vae"
    with pytest.raises(UnknownNameError, match=r"vae\.one, vae\.two"):
        ae_zoo.load("vae")
    with pytest.raises(UnknownNameError, match=r"did you mean vae\.one"):
        ae_zoo.load("vae.on")
    with pytest.raises(DownloadError, match=r"neither bundled .*ae-zoo train vae\.two"):
        ae_zoo.load("vae.two")
    with pytest.raises(DownloadError, match="not on the Hub"):
        ae_zoo.load("vae.one", revision="v1")
    assert [row["problem"] for row in ae_zoo.verify("vae.two")] == [
        "not on this machine"
    ] * 3

    # A consistent folder that is not the promised one.
    ae_zoo.save(build(), folder)
    with pytest.raises(IntegrityError, match=rf"vae\.one.*{METADATA}"):
        ae_zoo.load("vae.one")
    with pytest.raises(IntegrityError):
        ae_zoo.download("vae.one")
    assert [row["file"] for row in ae_zoo.verify() if row["problem"]] == [
        METADATA,
        WEIGHTS,
    ]
    (folder / CONFIG).unlink()
    assert ae_zoo.verify("vae.one")[0]["problem"] == "missing"


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_other_bytes_than_promised(files, tmp_path, name):
    changed = bytearray(files[name])
    changed[len(changed) // 2] ^= 1
    folder = write_folder(tmp_path / "f", files | {name: bytes(changed)})
    with pytest.raises(IntegrityError, match=f"{name}: wrong sha256"):
        ae_zoo.load(folder)
    (folder / name).write_bytes(files[name][:-1])
    with pytest.raises(IntegrityError, match=rf"{name}: \d+ bytes instead"):
        ae_zoo.load(folder)
    (folder / name).unlink()
    with pytest.raises(IntegrityError, match=f"{name}: missing"):
        ae_zoo.load(folder)


LAMBDA = {
    "module": "keras.layers",
    "class_name": "Lambda",
    "config": {"function": {"class_name": "__lambda__", "config": {"code": "4w"}}},
}
CONFIGS = {
    "another class": ({"class_name": "Sequential", "registered_name": None}, "own"),
    "Lambda layer": (LAMBDA, "own"),
    "a module to import": (
        {"module": "os", "class_name": "system", "registered_name": "os>system"},
        "own",
    ),
    "our class by another's name": ({"registered_name": "x>Autoencoder"}, "own"),
    "unknown family": ({"config": {"family": "gan"}}, "unknown family 'gan'"),
    "no family": ({"config": {"input_shape": [8, 8, 1]}}, "unknown family"),
    "family is a list": ({"config": {"family": ["vae"]}}, "unknown family"),
    "config is a list": ({"config": ["vae"]}, "no arguments by name"),
    "object as argument": (
        {"config": {"family": "vae", "hidden": [8], "activation": LAMBDA}},
        "no config can store",
    ),
    "object in a list": (
        {"config": {"family": "vae", "hidden": [LAMBDA]}},
        "no config can store",
    ),
    "unknown argument": (
        {"config": {"family": "conv_ae", "run": "rm"}},
        "does not take",
    ),
    "unknown backbone": ({"config": {"family": "vae", "backbone": "x"}}, "not take"),
    "wrong type": ({"config": {"family": "vae", "input_shape": "abc"}}, "not take"),
    "negative": ({"config": {"family": "vae", "latent_dim": -4}}, "not take"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_hostile_config(files, tmp_path, case):
    change, message = CONFIGS[case]
    config = json.dumps(json.loads(files[CONFIG]) | change).encode()
    folder = write_folder(tmp_path / "f", promising(files | {CONFIG: config}))
    with pytest.raises(ManifestError, match=message):
        ae_zoo.load(folder)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("name", [CONFIG, METADATA])
def test_unreadable_json(files, tmp_path, name, content):
    changed = files | {name: content}
    folder = write_folder(
        tmp_path / "f", promising(changed) if name == CONFIG else changed
    )
    with pytest.raises(ManifestError, match=name):
        ae_zoo.load(folder)


def test_folder_without_checksums(model, tmp_path):
    model.save(tmp_path / "plain", zipped=False)
    with pytest.raises(ManifestError, match=r"ae_zoo\.save\(model, folder\)"):
        ae_zoo.load(tmp_path / "plain")


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


def test_pickled_file(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bomb = pickle.dumps(Bomb())
    folder = write_folder(tmp_path / "f", promising(files | {WEIGHTS: bomb}))
    with pytest.raises(ManifestError, match=WEIGHTS):
        ae_zoo.load(folder)
    extra = {"model.pkl": bomb, "config.pkl": bomb}
    ae_zoo.load(write_folder(tmp_path / "extra", files | extra))
    assert not (tmp_path / "exploded").exists()


def _external_link(file):
    del file["layers/gaussian_bottleneck/projection/vars/0"]
    file["layers/gaussian_bottleneck/projection/vars/0"] = h5py.ExternalLink(
        "secret.h5", "x"
    )
    file["filler"] = np.zeros(1)


def _hole(file):
    del file["layers/gaussian_bottleneck/vars/0"]
    file["layers/gaussian_bottleneck/vars"].create_dataset(
        "0", (1 << 20, 1 << 20), "float32", chunks=(1, 1024), compression="gzip"
    )


def _reshape(file):
    kernel = file["layers/gaussian_bottleneck/projection/vars/0"][()]
    del file["layers/gaussian_bottleneck/projection/vars/0"]
    file["layers/gaussian_bottleneck/projection/vars/0"] = kernel.T


H5_DAMAGE = {
    "external link": (_external_link, "outside the file"),
    "decompression bomb": (_hole, "compressed arrays"),
    "another shape": (_reshape, "too few arrays of shape"),
    "a layer missing": (
        lambda f: f.pop("layers/gaussian_bottleneck"),
        "too few arrays of shape",
    ),
    "a layer too many": (lambda f: f.update({"more": np.zeros(3)}), "arrays instead"),
    "a layer elsewhere": (
        lambda f: f.move("layers/gaussian_bottleneck", "layers/other"),
        "does not hold the weights",
    ),
    "every layer elsewhere": (
        lambda f: f.move("layers", "other"),
        "does not hold the weights",
    ),
}


@pytest.mark.parametrize("damage", H5_DAMAGE)
def test_weights_that_do_not_fit(files, tmp_path, damage):
    change, message = H5_DAMAGE[damage]
    path = tmp_path / "damaged.h5"
    path.write_bytes(files[WEIGHTS])
    with h5py.File(path, "r+") as file:
        change(file)
    changed = promising(files | {WEIGHTS: path.read_bytes()})
    folder = write_folder(tmp_path / "f", changed)
    with pytest.raises(ManifestError, match=message):
        load_folder(folder)


SCRIPT = """
import json, sys
import numpy as np
import ae_zoo
x = np.load(sys.argv[1])
found = [ae_zoo.load(n).reconstruct(x) for n in ("hf://org/vae", "vae.one", "vae")]
np.savez(sys.argv[2], *found)
"""


@pytest.mark.slow
def test_load_from_the_hub(model, files, tmp_path):
    np.save(tmp_path / "x.npy", X)
    with serve() as hub:
        commit = hub.add("org/vae", files)
        entry = make_entry("vae.one", files, {"repo": "org/vae", "revision": commit})
        manifest = write_manifest(tmp_path / "manifest.json", entry)
        subprocess.run(
            [sys.executable, "-c", SCRIPT, tmp_path / "x.npy", tmp_path / "y.npz"],
            env=hub.environment(tmp_path / "home", AE_ZOO_MANIFEST=str(manifest)),
            check=True,
            timeout=200,
        )
    for found in np.load(tmp_path / "y.npz").values():
        np.testing.assert_allclose(found, model.reconstruct(X), atol=1e-6)


def test_a_model_that_only_has_a_recipe_says_how_to_make_it(tmp_path, monkeypatch):
    path = write_manifest(tmp_path / "empty.json")
    monkeypatch.setenv("AE_ZOO_MANIFEST", str(path))
    command = r"no published weights yet.*ae-zoo train conv_ae\.mnist --out"
    with pytest.raises(DownloadError, match=command):
        ae_zoo.load("conv_ae.mnist")
