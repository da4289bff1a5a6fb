"""Features of images from arrays, folders, files, tf.data and TFDS."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from zoo_files import make_entry, read_folder, write_manifest

import ae_zoo
from ae_zoo.data import inputs
from ae_zoo.datasets import loading as datasets
from ae_zoo.errors import InputError, UnknownNameError
from ae_zoo.tasks import FeatureExtractor, extract

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def model():
    return ae_zoo.models.conv_ae(input_shape=SHAPE, latent_dim=3, filters=(4, 6))


@pytest.fixture(scope="module")
def images():
    """40 real digits, uint8 `(40, 8, 8)`."""
    return np.round(load_digits().images[:40] / 16 * 255).astype("uint8")


@pytest.fixture(scope="module")
def codes(model, images):
    return model.encode(images[..., None].astype("float32") / 255)


@pytest.fixture
def folder(images, tmp_path):
    """The images as files whose sorted paths keep their order."""
    for i, image in enumerate(images):
        (tmp_path / f"class_{i // 20}").mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / f"class_{i // 20}" / f"{i:02}.png")
    return tmp_path


@pytest.mark.parametrize("key", [None, "code", "conv_1", "conv_2"])
def test_features_are_flat_rows_of_the_layer(model, images, key):
    extractor = FeatureExtractor(model, key, batch_size=16)
    features = extractor(images)
    expected = model.features(images[..., None].astype("float32") / 255, key)
    assert features.dtype == np.float32
    assert features.shape == (40, extractor.size)
    np.testing.assert_allclose(features, expected.reshape(40, -1), atol=1e-6)


@pytest.mark.parametrize("suffix", ["", ".npy", ".npz"])
def test_folders_and_files_give_what_arrays_give(model, images, codes, folder, suffix):
    source = folder
    if suffix:
        source = folder / f"images{suffix}"
        save = np.save if suffix == ".npy" else np.savez
        save(source, images)
    features = FeatureExtractor(model).transform(source)
    np.testing.assert_allclose(features, codes, atol=1e-6)


@pytest.mark.parametrize("element", ["x", "(x, y)", "{image}", "({image}, y)"])
def test_tf_data_gives_what_arrays_give(model, images, codes, element):
    import tensorflow as tf

    labels = np.arange(40)
    dataset = tf.data.Dataset.from_tensor_slices(
        {
            "x": images,
            "(x, y)": (images, labels),
            "{image}": {"image": images[..., None], "label": labels, "id": labels},
            "({image}, y)": ({"image": images}, labels),
        }[element]
    ).batch(16)
    np.testing.assert_allclose(FeatureExtractor(model)(dataset), codes, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d, "not batched: use dataset.batch"),
        (lambda d: d.batch(8).repeat(), "repeats for ever"),
        (lambda d: d.take(0).batch(8), "is empty"),
        (lambda d: d.batch(8).map(lambda x: {"a": x, "b": x}), "has a, b; call it 'x'"),
        (lambda d: d.batch(8).map(lambda x: x[:, :6]), r"but received \(8, 6, 8\)"),
    ],
)
def test_tf_data_that_does_not_fit_is_refused(model, images, change, says):
    import tensorflow as tf

    dataset = change(tf.data.Dataset.from_tensor_slices(images))
    with pytest.raises(InputError, match=says):
        FeatureExtractor(model)(dataset)


def test_memory_holds_one_block_at_a_time(model, folder, codes, monkeypatch):
    monkeypatch.setattr(inputs, "_BLOCK_BYTES", 4 * 64 * 12)  # 12 images
    sizes = []
    features = model.features
    monkeypatch.setattr(
        model, "features", lambda x, *rest: sizes.append(len(x)) or features(x, *rest)
    )
    extracted = FeatureExtractor(model)(folder)
    assert sizes == [12, 12, 12, 4]
    np.testing.assert_allclose(extracted, codes, atol=1e-6)


def test_a_name_is_loaded_from_the_zoo(model, images, codes, tmp_path, monkeypatch):
    folder = tmp_path / "weights" / "conv_ae.tiny"
    folder.parent.mkdir()
    ae_zoo.save(model, folder)
    entry = make_entry("conv_ae.tiny", read_folder(folder))
    manifest = write_manifest(tmp_path / "manifest.json", entry)
    monkeypatch.setenv("AE_ZOO_MANIFEST", str(manifest))
    features = FeatureExtractor("conv_ae.tiny")(images)
    np.testing.assert_allclose(features, codes, atol=1e-6)
    with pytest.raises(UnknownNameError, match=r"did you mean conv_ae\.tiny"):
        FeatureExtractor("conv_ae.tinny")


def test_an_unknown_key_is_refused_before_any_reading(model):
    with pytest.raises(UnknownNameError, match="choose one of conv_1, conv_2, code"):
        FeatureExtractor(model, "conv_9")


def test_extract_a_folder(model, folder, codes):
    found = extract(folder, model)
    np.testing.assert_allclose(found["codes"], codes, atol=1e-6)
    assert list(found["paths"][[0, 39]]) == ["class_0/00.png", "class_1/39.png"]
    assert found.keys() == {"codes", "paths"}


def test_extract_one_image(model, folder, codes):
    found = extract(str(folder / "class_0" / "03.png"), model)
    np.testing.assert_allclose(found["codes"], codes[3:4], atol=1e-6)
    assert list(found["paths"]) == ["03.png"]


@pytest.mark.parametrize("labelled", [True, False])
def test_extract_an_archive(model, images, codes, tmp_path, labelled):
    labels = {"labels": np.arange(40)} if labelled else {}
    np.savez(tmp_path / "x.npz", x=images, **labels)
    found = extract(tmp_path / "x.npz", model)
    np.testing.assert_allclose(found.pop("codes"), codes, atol=1e-6)
    assert found.keys() == labels.keys()
    assert not labelled or np.array_equal(found["labels"], np.arange(40))


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ("mnist", ("mnist", "test")),
        ("mnist:train[:50%]", ("mnist", "train[:50%]")),
        ("emnist/letters:train", ("emnist/letters", "train")),
    ],
)
def test_extract_a_tfds_set(model, images, codes, monkeypatch, source, asked):
    def load_arrays(name, split, data_dir, shape):
        assert (name, split, data_dir) == (*asked, "somewhere")
        return images[..., None].astype("float32") / 255, np.arange(40), None

    monkeypatch.setattr(datasets, "load_arrays", load_arrays)
    found = extract(source, model, data_dir="somewhere")
    np.testing.assert_allclose(found["codes"], codes, atol=1e-6)
    np.testing.assert_array_equal(found["labels"], np.arange(40))


def test_extract_real_digits(data_dir):
    model = ae_zoo.models.dense_ae(latent_dim=2)
    found = extract("mnist:test[:20]", model, data_dir=data_dir)
    images, labels, _ = datasets.load_arrays("mnist", "test[:20]", data_dir)
    np.testing.assert_allclose(found["codes"], model.encode(images), atol=1e-6)
    np.testing.assert_array_equal(found["labels"], labels)


def test_extract_an_unknown_split_is_refused(model, data_dir):
    with pytest.raises(InputError, match=r"no such split: .*'train', 'test'"):
        extract("mnist:foo", model, data_dir=data_dir)


@pytest.mark.parametrize("source", ["./no/such folder", "no_such_set"])
def test_extract_nothing_is_refused(model, source, tmp_path):
    with pytest.raises(InputError, match=r"no file or folder .* nor such a TFDS"):
        extract(source, model, data_dir=tmp_path)


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("ae_zoo.tasks", "tensorflow keras sklearn PIL"),
        ("ae_zoo.tasks.features", "tensorflow keras sklearn"),
        ("ae_zoo.tasks.transformer", "tensorflow keras"),
    ],
)
def test_importing_is_light(module, absent):
    code = f"import sys, {module}; print(set({absent.split()}) & sys.modules.keys())"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "set()"
