"""The fine-tuning guide runs, and pretraining improves the accuracy."""

import importlib.util
import re
import shlex

import keras
import numpy as np
import pytest
import yaml
from conftest import ROOT

import ae_zoo
from ae_zoo.cli import main
from ae_zoo.training import find_recipe, load_recipe

GUIDE = (ROOT / "docs" / "fine_tuning.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """Variables of the guide after its Python blocks were run in order."""
    folder = tmp_path_factory.mktemp("fine_tuning")
    names = {"__name__": "__fine_tuning__", "folder": folder}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HF_HUB_OFFLINE", "1")
        keras.utils.set_random_seed(0)
        for code in blocks("python"):
            line = GUIDE[: GUIDE.index(code)].count("\n")
            exec(compile("\n" * line + code, "fine_tuning.md", "exec"), names)
    return names


@pytest.fixture(scope="module")
def script():
    path = ROOT / "scripts" / "compare_fine_tuning.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_an_autoencoder_fits_its_data_better_after_fine_tuning(session):
    def error(model):
        return np.mean((model.reconstruct(session["x"]) - session["x"]) ** 2)

    tuned = ae_zoo.load(session["folder"] / "conv_ae.digits")
    assert error(tuned) < 0.9 * error(ae_zoo.load("conv_ae.mnist"))


@pytest.mark.slow
def test_the_classifier_beats_the_same_network_from_scratch(session):
    classifier, x, y = session["classifier"], session["x"], session["y"]
    assert all(layer.trainable for layer in classifier.layers)
    scratch = [
        from_scratch(classifier, x[:100], y[:100], rate).evaluate(
            x[900:], y[900:], verbose=0, return_dict=True
        )["accuracy"]
        for rate in (1e-3, 3e-3)
    ]
    assert session["accuracy"] > 0.9
    # The better of two rates on the test digits, which favours the baseline.
    assert session["accuracy"] > max(scratch) + 0.005


def from_scratch(classifier, x, y, rate):
    """The network of `classifier`, trained from random weights for as many epochs."""
    keras.utils.set_random_seed(0)
    other = keras.models.clone_model(classifier)
    old, new = classifier.get_weights()[0], other.get_weights()[0]
    assert old.shape == new.shape and not np.allclose(old, new)
    other.compile(
        keras.optimizers.Adam(rate),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    other.fit(x, y, epochs=60, verbose=0)
    return other


def test_the_recipe_is_one(tmp_path):
    path = tmp_path / "mine.yaml"
    [text] = blocks("yaml")
    path.write_text(text)
    recipe = load_recipe(path)
    assert (recipe.start, recipe.model) == ("conv_ae.mnist", None)
    same = find_recipe(start="conv_ae.mnist", data="images/").training
    for key in yaml.safe_load(text)["training"]:
        assert getattr(recipe.training, key) == getattr(same, key)


def test_the_command_prints_a_recipe_that_starts_from_the_weight(capsys):
    train, *_ = (shlex.split(line) for line in "".join(blocks("bash")).splitlines())
    assert main([*train[1:], "--print"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["start"] == "conv_ae.mnist"


def test_labels_are_drawn_evenly_and_by_seed(script):
    images, labels = np.arange(100), np.arange(100) % 5
    x, y = script.draw(images, labels, 20, seed=0)
    assert np.bincount(y).tolist() == [4] * 5
    assert len(set(x)) == 20 and (x % 5 == y).all()
    assert (x == script.draw(images, labels, 20, seed=0)[0]).all()
    assert (x != script.draw(images, labels, 20, seed=1)[0]).any()


def test_a_variational_encoder_brings_no_penalty(script, data_dir):
    """Dropout, rate and epochs were chosen on held-out training images."""
    pool = script.load_arrays("fashion_mnist", "train[:50000]", data_dir)[:2]
    test = script.load_arrays("fashion_mnist", "test", data_dir)[:2]
    x, y = script.draw(*pool, 500, seed=0)
    keras.utils.set_random_seed(0)
    encoder = ae_zoo.load("vae.fashion_mnist").code_encoder()
    head = [keras.layers.Dropout(0.2), keras.layers.Dense(10, activation="softmax")]
    classifier = keras.Sequential([encoder, *head])
    for trainable, rate, epochs in ((False, 1e-2, 20), (True, 1e-4, 30)):
        encoder.trainable = trainable
        script.fit(classifier, x, y, rate, epochs)
    assert script.accuracy(classifier, *test) >= 0.79


def test_pretraining_pays_on_real_digits(script, data_dir):
    name = "conv_ae.mnist"
    pool = script.load_arrays("mnist", "train[:20000]", data_dir)[:2]
    test = script.load_arrays("mnist", "test[:4000]", data_dir)[:2]
    x, y = script.draw(*pool, 500, seed=0)
    tuned = script.fine_tuned(name, x, y, test, 0, 0.01, 3e-4, head=10, tune=5)
    scratch = script.from_scratch(name, x, y, test, 0, 3e-3, epochs=20)
    assert tuned["fine-tuned"] > 0.91
    assert tuned["fine-tuned"] > scratch["scratch"] + 0.003
