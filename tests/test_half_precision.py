"""Weights stored as float16: written where they fit, loaded as float32, announced."""

import shutil

import h5py
import keras
import numpy as np
import pytest
from zoo_files import make_entry, read_folder, write_manifest

import ae_zoo
from ae_zoo import datasets, evaluation, models
from ae_zoo.errors import IntegrityError, ManifestError
from ae_zoo.evaluation import questions
from ae_zoo.publishing import half
from ae_zoo.zoo import manifest

SHAPE = (8, 8, 1)
WEIGHTS = "model.weights.h5"


def spots(n, seed):
    """Images `(n, 8, 8, 1)` with a bright quarter, and which one it is."""
    rng = np.random.default_rng(seed)
    images, labels = (
        0.1 * rng.random((n, *SHAPE), dtype="float32"),
        rng.integers(0, 4, n),
    )
    for image, label in zip(images, labels, strict=True):
        top, left = 4 * (label // 2), 4 * (label % 2)
        image[top : top + 4, left : left + 4] += rng.uniform(0.6, 0.9)
    return images, labels


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return models.dense_ae(SHAPE, latent_dim=16)


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    """The folder of the model with float16 arrays; in 'full', beside it, as usual."""
    folder = tmp_path_factory.mktemp("models") / "half"
    ae_zoo.save(model, folder, half=True)
    ae_zoo.save(model, folder.with_name("full"))
    return folder


def stored(folder) -> list[np.ndarray]:
    found = []
    with h5py.File(folder / WEIGHTS) as file:
        file.visititems(
            lambda _, item: found.append(item[()]) if hasattr(item, "dtype") else None
        )
    return found


def kernel_of(model):
    return next(w for w in model.weights if len(w.shape) == 2)


def test_a_half_folder_is_small_and_loads_as_float32(model, saved):
    for values in stored(saved):
        assert values.dtype == ("float16" if values.ndim > 1 else "float32")
    kernels = sum(np.size(w) for w in model.weights if len(w.shape) > 1)
    sizes = [(saved.parent / n / WEIGHTS).stat().st_size for n in ("full", "half")]
    assert sizes[0] - sizes[1] == pytest.approx(2 * kernels, abs=64)  # alignment

    loaded = ae_zoo.load(saved)
    for mine, theirs in zip(model.weights, loaded.weights, strict=True):
        assert theirs.dtype == "float32"
        expected = np.asarray(mine)
        if expected.ndim > 1:
            expected = expected.astype("float16").astype("float32")
        np.testing.assert_array_equal(theirs, expected)


def test_what_reads_a_folder_reads_a_half_one(saved, tmp_path):
    loaded, x = ae_zoo.load(saved), spots(8, seed=0)[0]
    expected = loaded.reconstruct(x)
    assert expected.dtype == np.float32
    by_keras = keras.saving.load_model(saved)
    np.testing.assert_array_equal(by_keras.reconstruct(x), expected)
    assert ae_zoo.load(saved, input_shape=(8, 8, 3)).input_shape[1:] == (8, 8, 3)
    assert ae_zoo.download(saved) == saved

    loaded.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.reconstruct(x), expected)
    ae_zoo.save(loaded, tmp_path / "full")
    assert {values.dtype.name for values in stored(tmp_path / "full")} == {"float32"}
    ae_zoo.save(loaded, tmp_path / "half", half=True)
    assert read_folder(tmp_path / "half") == read_folder(saved)

    loaded.compile()
    loaded.fit(x, verbose=0)


@pytest.mark.parametrize(
    ("scale", "precision"),
    [
        (1e-3, "float16"),
        (1e-6, "float32"),  # most digits would be lost
        (1e-9, "float32"),  # all would be zero
        (1e5, "float32"),  # beyond 65,504, infinite
        (1e30, "float32"),
        (0, "float16"),
    ],
)
def test_values_out_of_range_stay_float32(scale, precision, tmp_path):
    scaled = models.dense_ae(SHAPE, latent_dim=16)
    values = scale * np.random.default_rng(0).uniform(0.5, 1, kernel_of(scaled).shape)
    kernel_of(scaled).assign(values)
    ae_zoo.save(scaled, tmp_path / "saved", half=True)
    kinds = [v.dtype for v in stored(tmp_path / "saved") if v.shape == values.shape]
    assert sorted(map(str, kinds)) == sorted(
        ["float16"] * (len(kinds) - 1) + [precision]
    )
    loaded = kernel_of(ae_zoo.load(tmp_path / "saved"))
    np.testing.assert_allclose(loaded, values, rtol=2**-10)


def test_a_few_tiny_values_do_not_keep_an_array_large(tmp_path):
    sparse = models.dense_ae(SHAPE, latent_dim=16)
    values = np.array(kernel_of(sparse))
    values[::2] *= 1e-7
    kernel_of(sparse).assign(values)
    ae_zoo.save(sparse, tmp_path / "saved", half=True)
    assert "float16" in {v.dtype.name for v in stored(tmp_path / "saved")}
    loaded = kernel_of(ae_zoo.load(tmp_path / "saved"))
    np.testing.assert_allclose(loaded, values, rtol=2**-10, atol=2**-24)


@pytest.mark.parametrize("entry", manifest.read_manifest()["weights"], ids=str)
def test_the_manifest_says_how_a_weight_is_stored(entry):
    folder = manifest.bundled_folder(entry["name"])
    kinds = {values.dtype.name for values in stored(folder) if values.ndim > 1}
    expected = (
        {"float16", "float32"} if entry["precision"] == "float16" else {"float32"}
    )
    assert entry["precision"] in kinds and kinds <= expected
    assert f"stored as {entry['precision']}." in (folder / "README.md").read_text()


def test_an_unknown_precision_is_refused(tmp_path):
    entry = make_entry("vae.mnist", dict.fromkeys(manifest.KERAS_FILES, b""))
    del entry["precision"]
    path = write_manifest(tmp_path / "own.json", entry)
    assert manifest.read_manifest(path)["weights"][0]["precision"] == "float32"
    path = write_manifest(tmp_path / "own.json", entry | {"precision": "int8"})
    with pytest.raises(ManifestError, match=r"'int8'; use one of float32, float16"):
        manifest.read_manifest(path)


# Halving a bundled weight


@pytest.fixture(scope="module")
def found():
    """`evaluate` and cards find `spots` under any name."""
    splits = {"train": spots(200, seed=0), "test": spots(60, seed=1)}
    splits["test[:12]"] = [part[:12] for part in splits["test"]]
    with pytest.MonkeyPatch.context() as patch:
        for module in (questions, datasets):
            patch.setattr(module, "load_arrays", lambda _, split, *more: splits[split])
        yield


@pytest.fixture(scope="module")
def metrics(saved, found):
    return questions.evaluate(ae_zoo.load(saved.with_name("full")), "mnist")["metrics"]


@pytest.fixture
def zoo(saved, metrics, tmp_path, monkeypatch):
    """A zoo with the weight dense_ae.mnist: manifest and entry."""
    folder = tmp_path / "weights" / "dense_ae.mnist"
    entry = make_entry("dense_ae.mnist", read_folder(saved.with_name("full")))
    entry["input"]["shape"], entry["metrics"] = list(SHAPE), dict(metrics)
    shutil.copytree(saved.with_name("full"), folder)
    (folder / "training.json").write_text('{"history": [], "pretraining": []}')
    path = write_manifest(tmp_path / "manifest.json", entry)
    monkeypatch.setenv("AE_ZOO_MANIFEST", str(path))
    return path, entry


def test_a_weight_is_halved_if_its_figures_agree(zoo, saved):
    path, entry = zoo
    figures = half.halve("dense_ae.mnist")
    assert {f.metric for f in figures} == set(entry["metrics"])
    assert all(figure.agrees for figure in figures)

    info = ae_zoo.model_info("dense_ae.mnist")
    assert info["precision"] == "float16"
    assert info["metrics"] == entry["metrics"]
    assert all(row["ok"] for row in ae_zoo.verify("dense_ae.mnist"))
    folder = path.parent / "weights" / "dense_ae.mnist"
    assert read_folder(folder).items() >= read_folder(saved).items()
    assert "stored as float16." in (folder / "README.md").read_text()
    assert kernel_of(ae_zoo.load("dense_ae.mnist")).dtype == "float32"
    with pytest.raises(ManifestError, match="stored as float16 already"):
        half.halve("dense_ae.mnist")

    (folder / WEIGHTS).write_bytes((saved.with_name("full") / WEIGHTS).read_bytes())
    with pytest.raises(IntegrityError, match="bytes instead of"):
        ae_zoo.load("dense_ae.mnist")


@pytest.mark.parametrize("here", [0.5, 0.505])
def test_figures_that_differ_are_measured_again(zoo, here, monkeypatch):
    """On a machine where the weight as it is has another error than published."""
    path, entry = zoo
    errors = iter([0.505, here])  # in half precision, then as it is
    monkeypatch.setattr(
        evaluation, "evaluate", lambda *a: {"metrics": {"mse": next(errors)}}
    )
    entry["metrics"] = {"mse": 0.5}
    write_manifest(path, entry)
    before = read_folder(path.parent / "weights" / "dense_ae.mnist")
    assert half.halve("dense_ae.mnist") == [("mse", here, 0.505)]
    halved = here == 0.505
    info = manifest.resolve("dense_ae.mnist")
    assert info["precision"] == ("float16" if halved else "float32")
    assert info["metrics"] == {"mse": 0.5}
    kept = read_folder(path.parent / "weights" / "dense_ae.mnist") == before
    assert kept is not halved


def test_a_codec_is_not_halved():
    with pytest.raises(ManifestError, match="is a codec"):
        half.halve("factorized_ae.bsds500")


@pytest.mark.parametrize(
    ("full", "halved", "agrees"),
    [
        (0.018555, 0.018604, True),
        (0.018555, 0.018606, True),
        (0.018555, 0.018655, False),
        (0.018549, 0.018552, True),
        (0.018549, 0.018605, False),
        (-252.51, -252.1, True),
        (-252.51, -253.6, False),
        (0.0, 0.0, True),
        (0.0, 1e-9, False),
        (1.0, 0.997, True),
        (1.0, 0.994, False),
    ],
)
def test_the_third_digit(full, halved, agrees):
    assert half.Figure("x", full, halved).agrees is agrees
