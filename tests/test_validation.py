"""The validation counts every held-out example once, on any number of replicas."""

import json

import keras
import numpy as np
import pytest

from ae_zoo import training
from ae_zoo.data.batches import Batches
from ae_zoo.data.sources import Arrays, hold_out
from ae_zoo.training.workers import _compiled, _names_of_logs, _test_step, _validate
from ae_zoo.zoo.folder import load_folder

HELD_OUT = 19  # of 64, a prime
SPARSE = {"activation": "sigmoid", "penalty": "kl", "weight": 0.1}


def train(digits, folder, strategy, model, **settings):
    np.savez(folder / "digits.npz", x=digits)
    content = {
        "name": "small.digits",
        "model": {"input_shape": [12, 12, 1], "latent_dim": 4, **model},
        "data": {"path": str(folder / "digits.npz"), "validation": HELD_OUT / 64},
        "training": {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3, **settings},
    }
    out = folder / strategy
    recipe = training.parse_recipe(content)
    training.train(recipe, out, strategy=strategy, verbose=False)
    return json.loads((out / "history.json").read_text())["history"][-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "settings"),
    [
        # 2 batches of 8 and one of 3
        ({"family": "sparse_ae", **SPARSE}, {}),
        # noise: the training's own must not matter here
        (
            {"family": "denoising_ae", "backbone": "dense", "hidden": [8]},
            {"ema": 0.5, "learning_rate": 1e-9},
        ),
        # less than one batch
        ({"family": "dense_ae"}, {"batch_size": 32}),
    ],
)
def test_the_loss_does_not_depend_on_the_replicas(
    model, settings, digits, mirrored, tmp_path
):
    one, two = (
        train(digits, tmp_path, strategy, model, **settings, optimizer="sgd")
        for strategy in ("single", "mirrored")
    )
    for key in ("val_loss", "val_mse"):
        assert two[key] == pytest.approx(one[key], rel=1e-5)


def test_the_loss_is_that_of_all_examples(digits, mirrored, tmp_path):
    row = train(digits, tmp_path, "mirrored", {"family": "dense_ae"})
    model = load_folder(tmp_path / "mirrored" / "model")
    _, held = hold_out(Arrays(digits, (12, 12, 1)), HELD_OUT / 64, 0)
    x = held.take(np.arange(HELD_OUT))
    error = np.square(model.reconstruct(x) - x).mean()
    assert row["val_mse"] == pytest.approx(error, rel=1e-5)


def test_the_loop_of_several_workers_counts_them_too(digits, mirrored):
    from ae_zoo import models

    with mirrored.scope():
        model = models.vae(input_shape=(12, 12, 1), latent_dim=4, hidden=(16,), l2=0.01)
        model.compile(jit_compile=False)
    source = Arrays(digits[:HELD_OUT], (12, 12, 1))
    batches = Batches(source, 8, shuffle=False, replicas=2)
    step = _compiled(mirrored, _test_step, model)
    names = _names_of_logs(model)
    logs = _validate(mirrored, step, names, batches, keras.callbacks.CallbackList())
    x = digits[:HELD_OUT]
    error = np.square(model.reconstruct(x) - x).mean()
    assert logs.pop("val_mse") == pytest.approx(error, rel=1e-5)
    terms = model.loss_terms(x)
    expected = {"loss": sum(terms.values()), **terms}
    expected = {f"val_{key}": value for key, value in expected.items()}
    assert logs == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("replicas", [1, 2, 4])
def test_every_replica_gets_the_rest(replicas, digits):
    batches = Batches(Arrays(digits[:HELD_OUT], (12, 12, 1)), 8, replicas=replicas)
    sizes = [len(batches.batch(step)[0]) for step in range(batches.steps_per_pass)]
    assert sizes == [8, 8, 3 * replicas]
    assert sorted(batches.indices(2)) == sorted(set(batches.indices(2)))
