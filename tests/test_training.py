"""Recipes, and training by them, on small data."""

import csv
import dataclasses
import json

import keras
import numpy as np
import pytest

from ae_zoo import models, registry, training
from ae_zoo.datasets import Examples
from ae_zoo.errors import InputError, RecipeError, TrainingError
from ae_zoo.training import examples
from ae_zoo.training.placement import get_placement
from ae_zoo.training.run import Run
from ae_zoo.zoo.folder import load_folder, save

RECIPE = """
name: dense_ae.digits
model: {family: dense_ae, latent_dim: 4, input_shape: [12, 12, 1]}
data: {path: DATA}
training: {epochs: 3, batch_size: 8, learning_rate: 1.0e-2}
"""


@pytest.fixture
def recipe_file(tmp_path, digits):
    np.savez(tmp_path / "digits.npz", x=digits)
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.replace("DATA", str(tmp_path / "digits.npz")))
    return path


@pytest.fixture
def fake_data(monkeypatch):
    """Replaces the data sets by a few synthetic examples."""

    def load_examples(name, split, data_dir, shape):
        draw = np.random.default_rng(0).integers
        return Examples(draw(0, 256, (40, *shape), dtype="uint8"))

    monkeypatch.setattr(examples, "load_examples", load_examples)
    photographs = [
        np.random.default_rng(i).integers(0, 256, (66 + i, 72, 3), dtype="uint8")
        for i in range(4)
    ]
    monkeypatch.setattr(examples, "load_pictures", lambda *arguments: photographs)


def train(recipe, out, verbose=False, **overrides):
    overrides = {key.replace("__", "."): value for key, value in overrides.items()}
    return training.train(recipe, out, overrides, verbose=verbose)


def history(out):
    return json.loads((out / "history.json").read_text())["history"]


def test_every_recipe_is_named_after_its_file_and_data():
    names = training.list_recipes()
    assert len(names) >= 22
    for name in names:
        recipe = training.load_recipe(name)
        assert recipe.name == name
        assert name.split(".")[1] == recipe.data.name
        assert recipe.data.licence
        assert recipe.model["family"] in registry.names()


def first_steps(name):
    """What decides the first steps of a recipe: all but what its data are called, how
    long and how fast it learns, and what it must reach."""
    content = dataclasses.asdict(training.load_recipe(name))
    del content["name"], content["reach"], content["data"]["name"]
    del content["data"]["licence"]
    for key in ("epochs", "steps", "learning_rate"):
        del content["training"][key]
    return json.dumps(content)


def different_recipes():
    """One recipe of each kind: most of MNIST train Fashion-MNIST in the same way."""
    kinds = {first_steps(name): name for name in training.list_recipes()}
    return sorted(kinds.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", different_recipes())
def test_every_recipe_trains_two_steps(name, fake_data, tmp_path, eager):
    changes = {"training__epochs": None, "training__steps": 2}
    if training.load_recipe(name).training.pretrain:
        changes["training__pretrain.epochs"] = 1
    if training.load_recipe(name).data.window:
        changes["data__window"] = 64
    folder = train(name, tmp_path, training__batch_size=4, **changes)
    (row,) = history(tmp_path)
    assert np.isfinite([row["loss"], row.get("val_loss", 0.0)]).all()
    model = load_folder(folder)
    assert model.get_config()["family"] == training.load_recipe(name).model["family"]


def test_training_lowers_the_loss_and_is_reproducible(recipe_file, tmp_path):
    folders = [train(recipe_file, tmp_path / name) for name in "ab"]
    losses = [row["loss"] for row in history(tmp_path / "a")]
    assert losses[-1] < losses[0]
    first, second = ((f / "model.weights.h5").read_bytes() for f in folders)
    assert first == second


def test_a_training_leaves_its_log_and_pictures(recipe_file, tmp_path):
    out = tmp_path / "out"
    train(recipe_file, out, data__validation=0.25)
    rows = list(csv.DictReader((out / "log.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert {"loss", "mse", "val_loss", "learning_rate"} <= set(rows[0])
    assert (out / "reconstructions.png").read_bytes().startswith(b"\x89PNG")
    assert training.load_recipe(out / "recipe.yaml").training.epochs == 3
    left = {path.name for path in out.iterdir()}
    expected = {
        "model",
        "recipe.yaml",
        "log.csv",
        "history.json",
        "reconstructions.png",
    }
    assert left == expected


def test_a_folder_in_use_is_refused_or_resumed(recipe_file, tmp_path):
    out = tmp_path / "out"
    folder = train(recipe_file, out)
    weights = (folder / "model.weights.h5").read_bytes()
    with pytest.raises(RecipeError, match="--resume"):
        train(recipe_file, out)
    training.train(recipe_file, out, resume=True, verbose=False)  # finished: stays
    assert (folder / "model.weights.h5").read_bytes() == weights
    with pytest.raises(RecipeError, match="another recipe"):
        changes = {"training.epochs": 4}
        training.train(recipe_file, out, changes, resume=True, verbose=False)


def test_progress_says_speed_and_loss(recipe_file, tmp_path, capfd):
    train(recipe_file, tmp_path / "out", verbose=True)
    told = capfd.readouterr().err
    assert "epoch 3/3" in told and "loss" in told and "examples/s" in told


def test_steps_count_batches(recipe_file, tmp_path):
    changes = {"training__epochs": None, "training__steps_per_epoch": 4}
    train(recipe_file, tmp_path / "out", training__steps=20, **changes)
    assert len(history(tmp_path / "out")) == 5  # of 4 steps, though a pass has 8


def test_plateau_lowers_the_rate_three_times_and_converges(recipe_file, tmp_path):
    changes = {"data__validation": 0.25, "training__schedule": "plateau"}
    out = tmp_path / "out"
    train(recipe_file, out, training__epochs=200, training__patience=2, **changes)
    report = json.loads((out / "history.json").read_text())
    rows = report["history"]
    assert report["converged"] and len(rows) < 200
    rates = sorted({row["learning_rate"] for row in rows}, reverse=True)
    np.testing.assert_allclose(rates, [1e-2, 2e-3, 4e-4, 8e-5], rtol=1e-5)
    best = min(row["val_loss"] for row in rows)
    assert rows[report["best_epoch"] - 1]["val_loss"] == best


def test_the_best_weights_are_kept(recipe_file, tmp_path, digits):
    # A rate so high that the loss rises again after a while.
    changes = {"data__validation": 0.25, "training__schedule": "constant"}
    changes |= {"training__learning_rate": 0.3, "training__warmup_steps": 0}
    out = tmp_path / "out"
    folder = train(
        recipe_file, out, training__epochs=30, training__patience=6, **changes
    )
    report = json.loads((out / "history.json").read_text())
    rows, best = report["history"], report["best_epoch"]
    assert best < len(rows) < 30  # stopped early, after the best epoch
    model = load_folder(folder)
    model.compile(metrics=["mse"])
    order = np.random.default_rng(0).permutation(64)  # as hold_out draws it
    held = digits[np.sort(order[:16])]
    loss, _ = model.evaluate(held, held, batch_size=8, verbose=0)
    assert loss == pytest.approx(rows[best - 1]["val_loss"], rel=1e-4)
    assert loss < rows[-1]["val_loss"]


def test_the_moving_average_is_validated_and_kept(recipe_file, tmp_path, digits):
    changes = {"data__validation": 0.25, "training__ema": 0.9}
    plain = load_folder(train(recipe_file, tmp_path / "plain", data__validation=0.25))
    averaged = load_folder(train(recipe_file, tmp_path / "ema", **changes))
    a, b = plain.reconstruct(digits), averaged.reconstruct(digits)
    assert np.abs(a - b).max() > 1e-3
    order = np.random.default_rng(0).permutation(64)
    held = digits[np.sort(order[:16])]
    averaged.compile()
    loss = averaged.evaluate(held, held, batch_size=8, verbose=0)
    assert loss == pytest.approx(history(tmp_path / "ema")[-1]["val_loss"], rel=1e-4)


def test_accumulation_equals_the_whole_batch(recipe_file, tmp_path):
    changes = {"training__optimizer": "sgd", "training__learning_rate": 1e-3}
    changes |= {"training__schedule": "constant", "training__warmup_steps": 0}
    weights = [
        load_folder(
            train(recipe_file, tmp_path / str(n), training__accumulate=n, **changes)
        ).get_weights()
        for n in (1, 4)
    ]
    for whole, parts in zip(*weights, strict=True):
        np.testing.assert_allclose(parts, whole, atol=2e-5)


def test_a_cosine_ends_at_zero_with_accumulation_too(recipe_file, tmp_path):
    rates = []
    for parts in (1, 4):
        train(recipe_file, tmp_path / str(parts), training__accumulate=parts)
        rates.append([row["learning_rate"] for row in history(tmp_path / str(parts))])
    np.testing.assert_allclose(rates[0], rates[1], rtol=1e-5, atol=1e-9)
    assert rates[0][-1] == pytest.approx(0.0, abs=1e-9)


def test_clipping_limits_a_step(recipe_file, tmp_path):
    changes = {"training__optimizer": "sgd", "training__learning_rate": 1.0}
    changes |= {"training__epochs": None, "training__steps": 1}
    changes |= {"training__schedule": "constant", "training__warmup_steps": 0}
    norm = 0.01
    keras.utils.set_random_seed(0)
    before = models.dense_ae(latent_dim=4, input_shape=(12, 12, 1)).get_weights()
    folder = train(recipe_file, tmp_path / "out", training__clip_norm=norm, **changes)
    after = load_folder(folder).get_weights()
    moved = np.sqrt(
        sum(np.square(a - b).sum() for a, b in zip(before, after, strict=True))
    )
    assert moved == pytest.approx(norm, rel=1e-3)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_and_leaves_float32(recipe_file, tmp_path, precision):
    folder = train(recipe_file, tmp_path / "out", training__precision=precision)
    losses = [row["loss"] for row in history(tmp_path / "out")]
    assert losses[-1] < losses[0]
    assert keras.config.dtype_policy().name == "float32"
    assert all(w.dtype == np.float32 for w in load_folder(folder).get_weights())


def test_a_loss_that_is_no_number_stops_with_the_step(recipe_file, tmp_path, digits):
    out = tmp_path / "out"
    # The rate rises until the weights overflow, some epochs after the first.
    changes = {"training__optimizer": "sgd", "training__learning_rate": 3.0}
    changes |= {"training__schedule": "constant", "training__warmup_steps": 10**6}
    changes |= {"model__output": "linear", "training__epochs": 60}
    with pytest.raises(
        TrainingError, match=r"step \d+ .*examples .*clip_norm"
    ) as error:
        train(recipe_file, out, **changes)
    assert str(out / "checkpoint.npz") in str(error.value)
    with np.load(out / "checkpoint.npz") as kept:
        arrays = [kept[name] for name in kept.files if "kernel" in name]
    assert len(arrays) >= 2 and all(np.isfinite(array).all() for array in arrays)


def test_a_bad_example_stops_the_training_and_is_named(recipe_file, tmp_path, digits):
    x = digits.copy()
    x[40] = np.nan
    np.savez(tmp_path / "digits.npz", x=x)
    with pytest.raises(InputError, match="NaN"):
        train(recipe_file, tmp_path / "out")


def test_fine_tuning_starts_from_the_weights(recipe_file, tmp_path, digits):
    model = models.conv_ae(input_shape=(12, 12, 1), filters=(4, 8), latent_dim=6)
    save(model, tmp_path / "start")
    before = model.reconstruct(digits)
    recipe = training.find_recipe(
        start=str(tmp_path / "start"),
        data=str(tmp_path / "digits.npz"),
        overrides={"training.epochs": 2},
    )
    assert recipe.name == "start.digits"
    tuned = load_folder(training.train(recipe, tmp_path / "out", verbose=False))
    assert tuned.family == "conv_ae"
    after = tuned.reconstruct(digits)
    assert np.square(after - digits).mean() < np.square(before - digits).mean()


def test_a_folder_of_images_and_a_table_train(tmp_path, digits, capfd):
    from PIL import Image

    (tmp_path / "photos").mkdir()
    for i, image in enumerate(digits[:20]):
        pixels = (image[..., 0] * 255).astype("uint8")
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{i}.png")
    table = np.random.default_rng(0).normal(5, 3, (50, 6))
    np.savetxt(
        tmp_path / "table.csv", table, delimiter=",", header="a,b,c,d,e,f", comments=""
    )
    for path, shape in (("photos", [12, 12, 1]), ("table.csv", [6])):
        content = {
            "name": f"dense_ae.{path.split('.')[0]}",
            "model": {"family": "dense_ae", "latent_dim": 3, "input_shape": shape},
            "data": {"path": str(tmp_path / path), "validation": 0.2},
            "training": {"epochs": 2, "batch_size": 4, "learning_rate": 1e-2},
        }
        recipe = training.parse_recipe(content)
        out = tmp_path / f"out_{shape[0]}"
        training.train(recipe, out)
        assert np.isfinite(history(out)[-1]["val_loss"])
    said = f"{tmp_path / 'photos'}: 20 files to read, 0 of them converted"
    assert capfd.readouterr().err.count(said) == 1


def test_tensorboard_gets_scalars_and_images(recipe_file, tmp_path):
    training.train(recipe_file, tmp_path / "out", tensorboard=True, verbose=False)
    (events,) = (tmp_path / "out" / "tensorboard").iterdir()
    content = events.read_bytes()
    assert b"reconstructions" in content and b"loss" in content


def test_pretraining_lowers_every_layers_error(digits):
    import tensorflow as tf

    model = models.stacked_ae(input_shape=(12, 12, 1), hidden=(64, 32), latent_dim=8)
    data = tf.data.Dataset.from_tensor_slices((digits, digits)).batch(8)
    before = [np.array(w) for w in model.get_weights()]
    losses = training.pretrain_stack(model, data, epochs=20, learning_rate=3e-3)
    assert len(losses) == 3
    assert all(layer[-1] < layer[0] for layer in losses)
    moved = [
        not np.array_equal(a, b)
        for a, b in zip(before, model.get_weights(), strict=True)
    ]
    assert sum(moved) >= 9  # three kernels, and the biases of both directions
    assert len(model.trainable_variables) == len(model.weights) - 1


def test_penalty_warmup_ends_at_one(digits):
    model = models.vae(input_shape=(12, 12, 1), hidden=(8,), latent_dim=2)
    model.compile()
    seen = []

    class Record(training.PenaltyWarmup):
        def on_epoch_begin(self, epoch, logs=None):
            super().on_epoch_begin(epoch, logs)
            seen.append(float(self.model.bottleneck.penalty_scale))

    model.fit(digits, digits, epochs=3, callbacks=[Record(2)], verbose=0)
    assert seen == [0.5, 1.0, 1.0]


def test_a_model_without_a_penalty_has_nothing_to_warm_up(recipe_file, tmp_path):
    train(recipe_file, tmp_path / "out", training__penalty_warmup_epochs=2)
    assert len(history(tmp_path / "out")) == 3


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
        ({"training.epochs": True}, "training.epochs must be int"),
        ({"training.learning_rate": "1e-3"}, "with a point"),
        ({"training.schedule": "cosin"}, "one of constant, cosine, plateau"),
        ({"training.epochs.deeper": 3}, "cannot be set"),
        ({"training": 3}, "must hold keys"),
        ({"model": {"latent_dim": 3}}, r"model\.family"),
        ({"model": None}, "'model' or 'start'"),
        ({"training.steps": 3}, "epochs or training.steps"),
        ({"training.epochs": 0}, "above 0"),
        ({"training.patience": 3}, r"data\.validation"),
        ({"training.schedule": "plateau"}, r"training\.patience"),
        ({"training.accumulate": 3}, "does not divide"),
        ({"data.validation": 2}, "between 0 and 1"),
        ({"data.augment.flips": True}, r"data\.augment\.flip"),
        ({"reach": {"mse": "small"}}, "<= 0.0034"),
        ({"reach": {"mse": 0.0034}}, "<= 0.0034"),
        ({"training.seed": -1}, "negative"),
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
        ({"family": "conv_ae", "input_shape": [12, 12, 1]}, "dense layers"),
    ],
)
def test_a_model_that_cannot_be_built_is_a_recipe_error(
    recipe_file, tmp_path, model, words
):
    changes = {"training__pretrain": {"epochs": 1}}
    with pytest.raises(RecipeError, match=words):
        train(recipe_file, tmp_path / "out", model=model, **changes)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"training.batch_size": 1000}, "batch_size"),
        ({"data.path": "nowhere.npz"}, "no file nowhere.npz"),
        ({"data.path": "recipe.doc"}, "folder of images"),
        ({"model.input_shape": [8, 8, 1]}, "received"),
    ],
)
def test_data_that_does_not_fit_is_named(recipe_file, tmp_path, overrides, words):
    with pytest.raises(InputError, match=words):
        training.train(recipe_file, tmp_path / "out", overrides, verbose=False)


def test_unknown_recipe_suggests_the_nearest():
    with pytest.raises(RecipeError, match=r"conv_ae\.mnist"):
        training.load_recipe("conv_ae.mnst")


def test_neither_recipe_nor_weights_is_refused():
    with pytest.raises(RecipeError, match="--from NAME"):
        training.find_recipe(data="mnist")


def test_limits_to_reach_are_compared(recipe_file):
    limits = {"mse": "<= 0.01", "probe_accuracy": ">= 0.9", "ssim": ">= 0.5"}
    recipe = training.load_recipe(recipe_file, {"reach": limits})
    missed = training.missed_limits(recipe, {"mse": 0.02, "probe_accuracy": 0.95})
    assert missed == [
        "mse is 0.02, but must be <= 0.01",
        "ssim was not measured, but must be >= 0.5",
    ]


def test_validation_is_not_augmented_and_leaves_none_out(recipe_file, tmp_path):
    changes = {"data.augment": {"flip": True, "shift": 1}, "data.validation": 0.3}
    recipe = training.load_recipe(recipe_file, changes | {"training.batch_size": 16})
    whole = Run(recipe, tmp_path / "out", get_placement("single"))
    assert len(whole.batches.transforms) == 2
    validation = whole.validation()
    assert not validation.transforms
    assert (validation.batch_size, validation.steps_per_pass) == (16, 2)  # of 19


@pytest.fixture
def photographs(tmp_path):
    """A folder of real photographs of several sizes."""
    from PIL import Image
    from skimage import data

    folder = tmp_path / "photographs"
    folder.mkdir()
    for name, side in (("coffee", 60), ("astronaut", 77), ("chelsea", 90)):
        picture = Image.fromarray(getattr(data, name)())
        picture.resize((side, side + 5)).save(folder / f"{name}.png")
    return folder


RESTORATION = {
    "name": "mine.photographs",
    "model": {"family": "restoration_ae", "filters": [8, 12], "blocks": 1},
    "training": {"steps": 60, "steps_per_epoch": 20, "batch_size": 8},
}


def test_a_denoiser_trains_on_a_folder_of_photographs(photographs, tmp_path):
    data = {"path": str(photographs), "window": 32, "validation": 0.3}
    data["augment"] = {"flip": True, "turn": True}
    recipe = training.parse_recipe(RESTORATION | {"data": data})
    training.train(recipe, tmp_path / "out", verbose=False)
    rows = history(tmp_path / "out")
    assert rows[-1]["val_loss"] < rows[0]["val_loss"]
    model = load_folder(tmp_path / "out" / "model")
    assert model.input_shape == (None, None, None, 2)
    assert (tmp_path / "out" / "reconstructions.png").stat().st_size > 1000


def test_a_model_without_bottlenecks_has_nothing_to_warm_up(photographs, tmp_path):
    recipe = training.parse_recipe(
        RESTORATION | {"data": {"path": str(photographs), "window": 32}},
        {"training.steps": 2, "training.penalty_warmup_epochs": 2},
    )
    training.train(recipe, tmp_path / "out", verbose=False)
    assert np.isfinite(history(tmp_path / "out")[-1]["loss"])


def test_photographs_need_a_window(photographs, tmp_path):
    recipe = training.parse_recipe(RESTORATION | {"data": {"path": str(photographs)}})
    with pytest.raises(RecipeError, match=r"data\.window"):
        training.train(recipe, tmp_path / "out", verbose=False)
