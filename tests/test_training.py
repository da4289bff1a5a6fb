"""Recipes, and training by them, on a small synthetic set."""

import json

import numpy as np
import pytest

from ae_zoo import models, training
from ae_zoo.errors import DownloadError, InputError, RecipeError, UnknownNameError
from ae_zoo.training import run
from ae_zoo.zoo.folder import load_folder

RECIPE = """
name: dense_ae.mnist
model: {family: dense_ae, latent_dim: 4}
data: {name: mnist}
training: {epochs: 3, batch_size: 8, learning_rate: 1.0e-2}
"""


@pytest.fixture
def images():
    return np.random.default_rng(0).random((24, 28, 28, 1), dtype="float32")


@pytest.fixture
def fake_data(monkeypatch, images):
    """Puts a small synthetic set in the place of the real one."""
    import tensorflow as tf

    def dataset(name, split, batch_size, **_):
        x = images[: len(images) // batch_size * batch_size]
        batches = tf.data.Dataset.from_tensor_slices((x, x))
        return batches.batch(batch_size, drop_remainder=True)

    monkeypatch.setattr(run, "training_dataset", dataset)


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


def test_every_recipe_is_named_after_its_file_and_data():
    names = training.list_recipes()
    assert len(names) >= 20
    for name in names:
        recipe = training.load_recipe(name)
        assert recipe.name == name
        assert name.split(".")[1] == recipe.data.name
        assert recipe.data.licence
        assert recipe.model["family"] in models.FAMILIES


@pytest.mark.parametrize("name", training.list_recipes())
def test_every_recipe_trains(name, fake_data, tmp_path):
    if name.endswith("fashion_mnist"):
        twin = training.load_recipe(name.replace("fashion_mnist", "mnist"))
        if twin.model == training.load_recipe(name).model:
            return  # the same network as for mnist, trained there
    overrides = {"training.epochs": 1, "training.batch_size": 8, "training.jit": False}
    if training.load_recipe(name).training.pretrain:
        overrides["training.pretrain.epochs"] = 1
    folder = training.train(name, tmp_path, overrides, verbose=0)
    report = json.loads((tmp_path / "history.json").read_text())
    assert np.isfinite(report["history"]["loss"]).all()
    model = load_folder(folder)
    assert model.get_config()["family"] == training.load_recipe(name).model["family"]


def test_training_lowers_the_loss_and_is_reproducible(fake_data, recipe_file, tmp_path):
    folders = [training.train(recipe_file, tmp_path / name, verbose=0) for name in "ab"]
    report = json.loads((tmp_path / "a" / "history.json").read_text())
    losses = report["history"]["loss"]
    assert losses[-1] < losses[0]
    first, second = ((f / "model.weights.h5").read_bytes() for f in folders)
    assert first == second


def test_interrupted_training_goes_on(fake_data, recipe_file, tmp_path, monkeypatch):
    whole = training.train(recipe_file, tmp_path / "whole", verbose=0)
    epochs_seen = []

    class Interrupted(Exception):
        pass

    def warmup(epochs):
        class Stop(training.PenaltyWarmup):
            def on_epoch_begin(self, epoch, logs=None):
                epochs_seen.append(epoch)
                if len(epochs_seen) == 3:
                    raise Interrupted

        return Stop(epochs)

    monkeypatch.setattr(run, "PenaltyWarmup", warmup)
    overrides = {"training.penalty_warmup_epochs": 1}
    with pytest.raises(Interrupted):
        training.train(recipe_file, tmp_path / "cut", overrides, verbose=0)
    resumed = training.train(recipe_file, tmp_path / "cut", overrides, verbose=0)
    assert epochs_seen == [0, 1, 2, 2]
    for a, b in zip(
        load_folder(whole).get_weights(),
        load_folder(resumed).get_weights(),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_pretraining_lowers_every_layers_error(images):
    import tensorflow as tf

    model = models.stacked_ae(hidden=(64, 32), latent_dim=8)
    data = tf.data.Dataset.from_tensor_slices((images, images)).batch(8)
    before = [np.array(w) for w in model.get_weights()]
    losses = training.pretrain_stack(model, data, epochs=30, learning_rate=3e-3)
    assert len(losses) == 3
    assert all(layer[-1] < layer[0] for layer in losses)
    moved = [
        not np.array_equal(a, b)
        for a, b in zip(before, model.get_weights(), strict=True)
    ]
    assert sum(moved) >= 9  # three kernels, and the biases of both directions
    assert len(model.trainable_variables) == len(model.weights) - 1


def test_penalty_warmup_ends_at_one(images):
    model = models.vae(hidden=(8,), latent_dim=2)
    model.compile()
    seen = []

    class Record(training.PenaltyWarmup):
        def on_epoch_begin(self, epoch, logs=None):
            super().on_epoch_begin(epoch, logs)
            seen.append(float(self.model.bottleneck.penalty_scale))

    model.fit(images, images, epochs=3, callbacks=[Record(2)], verbose=0)
    assert seen == [0.5, 1.0, 1.0]


def test_overrides_reach_the_recipe(recipe_file):
    overrides = {"training.epochs": 7, "model.latent_dim": 9}
    recipe = training.load_recipe(recipe_file, overrides)
    assert (recipe.training.epochs, recipe.model["latent_dim"]) == (7, 9)
    printed = recipe_file.with_name("printed.yaml")
    printed.write_text(recipe.to_yaml())
    assert training.load_recipe(printed) == recipe


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"training.epoch": 3}, "training.epochs"),
        ({"training.epochs": "three"}, "training.epochs must be int"),
        ({"training.learning_rate": "1e-3"}, "with a point"),
        ({"training.epochs.deeper": 3}, "cannot be set"),
        ({"training": 3}, "must hold keys"),
        ({"model": {"latent_dim": 3}}, "model.family"),
    ],
)
def test_a_wrong_recipe_names_the_mistake(recipe_file, overrides, words):
    with pytest.raises(RecipeError, match=words):
        training.load_recipe(recipe_file, overrides)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"family": "dense_ea"}, "dense_ae"),
        ({"family": "dense_ae", "latent": 3}, "latent"),
        ({"family": "vae", "backbone": "cnv"}, "conv"),
    ],
)
def test_a_model_that_cannot_be_built_is_a_recipe_error(
    fake_data, recipe_file, tmp_path, model, words
):
    with pytest.raises(RecipeError, match=words):
        training.train(recipe_file, tmp_path / "out", {"model": model}, verbose=0)


def test_unknown_recipe_suggests_the_nearest():
    with pytest.raises(RecipeError, match=r"conv_ae\.mnist"):
        training.load_recipe("conv_ae.mnst")


def test_unknown_strategy_is_refused():
    with pytest.raises(RecipeError, match="mirrored"):
        run.get_strategy("both")


def test_real_data_streams_in_range(data_dir):
    from ae_zoo.data import load_arrays, training_dataset

    x, y = load_arrays("mnist", "test[:50]", data_dir)
    assert x.shape == (50, 28, 28, 1) and x.dtype == np.float32 and y.shape == (50,)
    assert x.min() == 0.0 and x.max() == 1.0
    stream = training_dataset(
        "mnist", "test[:50]", 20, binarize=True, data_dir=data_dir
    )
    batches = [batch for batch, _ in stream]
    assert len(batches) == 2
    assert set(np.unique(batches)) == {0.0, 1.0}


def test_missing_data_says_where_to_look(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    from ae_zoo.data import load_arrays

    with pytest.raises(UnknownNameError, match="no_such_set"):
        load_arrays("no_such_set", "test", tmp_path)

    def load(*args, **kwargs):
        raise ConnectionError  # after minutes of retries, as without a network

    monkeypatch.setattr(tfds, "load", load)
    with pytest.raises(DownloadError, match="TFDS_DATA_DIR"):
        load_arrays("mnist", "test", tmp_path)


def test_a_wrong_split_is_named(data_dir):
    from ae_zoo.data import load_arrays

    with pytest.raises(InputError, match="tset"):
        load_arrays("mnist", "tset", data_dir)
