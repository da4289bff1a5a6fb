"""Exported networks compute what the models do, in runtimes without Keras."""

import importlib.util
import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from model_cases import BY_ID

import ae_zoo
from ae_zoo.cli import main
from ae_zoo.errors import ExportError, InputError, UnknownNameError
from ae_zoo.publishing import formats

# Noise and gelu; rounding, and a grid as code; any size, and several codes.
FAMILIES = ("denoising_ae-conv", "fsq_ae-conv", "factorized_ae-default")
FILES = {"onnx": "network.onnx", "litert": "network.tflite", "saved_model": "network"}


def needing(format):
    """Skips a test where packages of the format are missing."""
    missing = [
        package
        for package in formats.get(format).packages
        if importlib.util.find_spec(package) is None
    ]
    reason = f"needs {', '.join(missing)}: pip install 'ae_zoo[export]'"
    return pytest.mark.skipif(bool(missing), reason=reason)


ANY_FORMAT = pytest.mark.parametrize(
    "format", [pytest.param(name, marks=needing(name)) for name in FILES]
)


@pytest.fixture(scope="module")
def models():
    """A small model of each of these families."""
    keras.utils.set_random_seed(0)
    return {name: BY_ID[name].build() for name in FAMILIES}


@pytest.fixture(scope="module")
def tiny():
    """The quickest model to export."""
    return ae_zoo.models.vae(input_shape=(8, 8, 1), latent_dim=3, hidden=(16,))


class Unsteady(keras.layers.Layer):
    """Adds another number in each graph, so that no two graphs agree."""

    def call(self, x):
        return x + np.random.default_rng().random()


class InverseErf(keras.layers.Layer):
    """A function that neither ONNX nor LiteRT has."""

    def call(self, x):
        return keras.ops.erfinv(x / 2)


def network_of(layer):
    inputs = keras.Input((5,))
    return keras.Model(inputs, layer(inputs), name="mine")


@ANY_FORMAT
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("part", ["whole", "encoder", "decoder"])
def test_each_part_computes_the_same(models, family, part, format, tmp_path):
    done = ae_zoo.export(models[family], tmp_path / FILES[format], format, part)
    assert done.difference <= 1e-5
    assert done.path.exists()
    assert done.bytes > 1000
    taken = ["code"] if part == "decoder" else ["input"]
    given = ["code"] if part == "encoder" else ["reconstruction"]
    if family == "factorized_ae-default":  # a code of two arrays
        taken = ["code_0", "code_1"] if part == "decoder" else taken
        given = ["code_0", "code_1"] if part == "encoder" else given
    assert list(done.inputs) == taken
    assert list(done.outputs) == given
    assert all(shape[0] is None for shape in done.inputs.values())
    assert not done.flex_ops


@needing("onnx")
def test_onnx_alone_reconstructs_pictures_of_any_number_and_size(models, tmp_path):
    import onnxruntime

    model = models["factorized_ae-default"]
    ae_zoo.export(model, tmp_path / "codec.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "codec.onnx")
    assert session.get_inputs()[0].shape == ["batch", "input_1", "input_2", 2]
    for n, height, width in ((1, 16, 24), (4, 40, 8)):
        x = np.random.default_rng(0).random((n, height, width, 2), dtype="float32")
        x[..., -1] = 3.0  # the quality
        (y,) = session.run(None, {"input": x})
        np.testing.assert_allclose(y, model.reconstruct(x), atol=1e-5)


@needing("litert")
def test_litert_has_no_loops_where_steps_are_fixed(tmp_path):
    inputs = keras.Input((3, 2))
    recurrent = keras.layers.Bidirectional(keras.layers.LSTM(2))
    model = keras.Model(inputs, recurrent(inputs))
    done = ae_zoo.export(model, tmp_path / "network.tflite", "litert")
    assert done.flex_ops == ()
    assert done.difference <= 1e-5
    assert not recurrent.forward_layer.unroll  # as before


@needing("litert")
def test_operations_of_tensorflow_in_a_litert_file_are_named(tmp_path):
    inputs = keras.Input((None, 2))
    model = keras.Model(inputs, keras.layers.GRU(2)(inputs))
    done = ae_zoo.export(model, tmp_path / "network.tflite", "litert")
    assert "FlexTensorListStack" in done.flex_ops
    assert done.difference is None
    assert done.path.is_file()


@pytest.mark.parametrize(
    ("format", "words"),
    [
        pytest.param("onnx", "Erfinv", marks=needing("onnx")),
        pytest.param("litert", r"\(Erfinv\): use the", marks=needing("litert")),
    ],
)
def test_operations_that_a_format_lacks_are_named(format, words, tmp_path):
    with pytest.raises(ExportError, match=words):
        ae_zoo.export(network_of(InverseErf()), tmp_path / FILES[format], format)
    assert not list(tmp_path.iterdir())


@needing("onnx")
@pytest.mark.slow
def test_the_page_runs(root, tmp_path, monkeypatch):
    page = (root / "docs" / "export.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    session = {"__name__": "__page__"}
    for code in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        exec(compile(code, "export.md", "exec"), session)
    assert session["codes"].shape == (5, 32)
    assert (tmp_path / "classifier.onnx").is_file()


def test_a_difference_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(ExportError, match=r"differs from the model by .*, more than"):
        ae_zoo.export(network_of(Unsteady()), tmp_path / "network", "saved_model")
    assert not list(tmp_path.iterdir())


def test_a_code_of_integers_may_fall_on_the_other_side(models, tmp_path, monkeypatch):
    module = formats.get("saved_model").module
    run, runs = module.run, []

    def first_one_off(path, inputs):
        outputs = run(path, inputs)
        runs.append(inputs)
        if len(runs) == 1:
            outputs["code_0"] = outputs["code_0"] + 1
        return outputs

    monkeypatch.setattr(module, "run", first_one_off)
    model = models["factorized_ae-default"]
    done = ae_zoo.export(model, tmp_path / "network", "saved_model", "encoder")
    assert done.difference <= 1e-5
    assert len(runs) == 2
    assert not np.array_equal(runs[0]["input"], runs[1]["input"])


def test_a_classifier_on_the_encoder_is_exported(tiny, tmp_path):
    import tensorflow as tf

    head = keras.layers.Dense(4, activation="softmax")
    classifier = keras.Sequential([tiny.code_encoder(), head])
    done = ae_zoo.export(classifier, tmp_path / "network", "saved_model")
    assert done.difference <= 1e-5
    x = np.random.default_rng(0).random((2, 8, 8, 1), dtype="float32")
    loaded = tf.saved_model.load(str(done.path))
    y = loaded.serve([x])["output"]
    np.testing.assert_allclose(y, classifier.predict_on_batch(x), atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("a.onnx", "onxx"), UnknownNameError, "choose one of onnx, litert"),
        (("a.onnx", "onnx", "middle"), UnknownNameError, "choose one of whole"),
        (("a.tflite", "onnx"), InputError, "does not end in .onnx"),
        (("a", "litert"), InputError, "does not end in .tflite"),
        (("a.onnx", "saved_model"), InputError, "the format onnx, but a saved_model"),
        (("taken", "saved_model"), InputError, "exists: choose a new name"),
        (("no/a", "saved_model"), InputError, "make the folder .*no first"),
    ],
)
def test_bad_arguments_are_one_sentence(arguments, error, words, tmp_path):
    (tmp_path / "taken").mkdir()
    path, *others = arguments
    with pytest.raises(error, match=words):
        ae_zoo.export("no model is loaded", tmp_path / path, *others)
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


def test_models_that_cannot_be_exported_are_one_sentence(tmp_path):
    classifier = network_of(keras.layers.Dense(2))
    config = {"family": "dense_ae", "input_shape": (8, 8, 1)}
    half = ae_zoo.Autoencoder.from_config(config | {"dtype_policy": "mixed_float16"})
    for model, part, words in (
        (classifier, "encoder", "'mine' is no autoencoder, so it has no encoder"),
        (keras.Sequential([keras.layers.Dense(2)]), "whole", "has no inputs yet"),
        (half, "whole", "computes in float16: load it with dtype='float32'"),
        (np.ones(3), "whole", "not a ndarray"),
    ):
        with pytest.raises(InputError, match=words):
            ae_zoo.export(model, tmp_path / "network", "saved_model", part)


def test_missing_packages_are_named_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ExportError, match=r"needs onnx, .*pip install 'ae_zoo\[exp"):
        ae_zoo.export("conv_ae.mnist", tmp_path / "a.onnx")


def test_other_backends_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ExportError, match="TensorFlow backend, not with jax: set"):
        ae_zoo.export("conv_ae.mnist", tmp_path / "network", "saved_model")


def test_the_command_says_what_it_wrote(tiny, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    ae_zoo.save(tiny, "mine")
    words = ["export", "./mine", "--format", "saved_model", "--part", "encoder"]
    assert main([*words, "--json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert said["path"] == "mine.encoder_saved_model"
    assert Path(said["path"], "saved_model.pb").is_file()
    assert said["outputs"] == {"code": [None, 3]}
    assert said["difference"] <= 1e-5
    assert main(words) == 2
    assert "exists: choose a new name" in capfd.readouterr().err
    assert main([*words, "-o", "again"]) == 0
    assert "largest difference" in capfd.readouterr().out


def test_the_script_writes_a_row_for_each_weight(root, tmp_path):
    path = root / "scripts" / "export_weights.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = tmp_path / "page.md"
    page.write_text(f"before\n{script.BEGIN}\n{script.END}\nafter\n")
    for name, row in (("b", "| `b` | 1 |"), ("a", "| `a` | 2 |"), ("b", "| `b` | 3 |")):
        script.write_row(name, row, page)
    assert page.read_text().splitlines() == [
        "before",
        script.BEGIN,
        *script.HEADER,
        "| `a` | 2 |",
        "| `b` | 3 |",
        script.END,
        "after",
    ]
