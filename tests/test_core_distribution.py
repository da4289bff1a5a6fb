"""MirroredStrategy on two logical CPUs against one device."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from model_cases import BY_ID, CASES, Case

from ae_zoo import bottlenecks, corruptions, training
from ae_zoo.errors import RecipeError
from ae_zoo.zoo.folder import load_folder

STEPS, BATCH = 12, 16


# One case for each kind of bottleneck and one for each backbone; tied kernels, the
# statistics of a batch and a penalty on its mean are what replicas could get wrong.
# The contractive norm is exact here: its estimate draws noise, and has its own test.
QUIET_CASES = [
    BY_ID[name]
    for name in (
        "vae-dense",
        "contractive_ae-exact",
        "conv1d_ae-default",
        "fsq_ae-conv",
        "conv_ae-batch_norm",
        "convlstm_ae-default",
        "deep_ae-tied",
        "recurrent_ae-feedback",
        "sparse_ae-kl",
    )
]


def test_the_cases_are_one_of_each_kind():
    def kinds(cases):
        models = [case.build() for case in cases]
        return {type(part) for m in models for part in (m.bottleneck, m.backbone)}

    assert kinds(QUIET_CASES) == kinds(CASES)


def silence(model):
    """Removes the noise of training, if a case has any."""
    if model.corruption is not None:
        model.corruption.level = 0.0
    if isinstance(model.bottleneck, bottlenecks.GaussianBottleneck):
        # A posterior so narrow that its sample is its mean.
        model.bottleneck.log_variance.bias.assign([-40.0] * model.code.size)


def train(case, x, strategy, initial=None):
    """`STEPS` steps of SGD on batches that the replicas of `strategy` share.

    Returns:
        The weights before and after, and the mean loss.
    """
    with strategy.scope():
        model = case.build()
        silence(model)
        if initial is not None:
            model.set_weights(initial)
        model.compile(optimizer=keras.optimizers.SGD(1e-3, momentum=0.9))
    initial = model.get_weights()
    data = tf.data.Dataset.from_tensor_slices((x, x)).repeat()
    data = data.batch(BATCH, drop_remainder=True)
    history = model.fit(data, steps_per_epoch=STEPS, verbose=0).history
    return initial, model.get_weights(), history["loss"][0]


@pytest.mark.slow
@pytest.mark.parametrize("case", QUIET_CASES, ids=lambda case: case.id)
def test_two_replicas_train_like_one(case: Case, mirrored, digits, seeded):
    single = tf.distribute.get_strategy()
    x = case.examples(digits)
    initial, expected, expected_loss = train(case, x, single)
    _, reached, loss = train(case, x, mirrored, initial)
    moved = [np.abs(a - b).max() for a, b in zip(initial, expected, strict=True)]
    assert max(moved) > 0.01
    for ours, theirs in zip(reached, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert loss == pytest.approx(expected_loss, rel=1e-4)


NOISY_LAYERS = {
    **{
        name: (lambda kind=kind: kind(0.5, seed=0))
        for name, kind in corruptions.CORRUPTIONS.items()
    },
    "gaussian_bottleneck": lambda: bottlenecks.GaussianBottleneck(6, seed=0),
}


@pytest.mark.parametrize("name", NOISY_LAYERS)
def test_each_replica_draws_its_own_noise(name, mirrored, digits):
    x = tf.constant(digits[:4])
    if name not in corruptions.CORRUPTIONS:
        x = tf.reshape(x, (4, -1))
    with mirrored.scope():
        layer = NOISY_LAYERS[name]()
        layer.build(x.shape)

    @tf.function
    def step():
        return mirrored.run(lambda: layer(x, training=True))

    first, second = mirrored.experimental_local_results(step())
    assert not np.allclose(first, second, atol=1e-3)
    again, _ = mirrored.experimental_local_results(step())
    assert not np.allclose(first, again, atol=1e-3)


def test_each_replica_estimates_the_contractive_norm_by_its_own_noise(mirrored, digits):
    x = tf.constant(digits[:4])
    with mirrored.scope():
        model = BY_ID["contractive_ae-conv"].build()

    @tf.function
    def step():
        def penalty():
            model(x, training=True)
            return model.losses[0]

        return mirrored.run(penalty)

    first, second = map(float, mirrored.experimental_local_results(step()))
    assert first > 0 and second > 0
    assert first != pytest.approx(second, rel=1e-6)


# One case for each place where noise is drawn; the test above has each kind of it.
NOISY_CASES = ["denoising_ae-masking", "vae-dense", "contractive_ae-dense"]


@pytest.mark.slow
@pytest.mark.parametrize("case", map(BY_ID.get, NOISY_CASES), ids=lambda case: case.id)
def test_two_replicas_learn_as_fast_in_spite_of_their_noise(case, mirrored, digits):
    curves = []
    for strategy in (tf.distribute.get_strategy(), mirrored):
        keras.utils.set_random_seed(0)
        with strategy.scope():
            model = case.build()
            model.compile()
        data = tf.data.Dataset.from_tensor_slices((digits, digits)).repeat()
        data = data.batch(64, drop_remainder=True)
        history = model.fit(data, steps_per_epoch=25, epochs=4, verbose=0)
        curves.append(history.history["loss"])
    np.testing.assert_allclose(curves[1], curves[0], rtol=0.02)
    assert np.abs(np.subtract(*curves)).max() > 1e-4  # by noise, not by rounding
    assert curves[0][-1] < curves[0][0]


RECIPES = {
    "conv_ae": {"clip_norm": 1.0, "ema": 0.9},
    "stacked_ae": {"pretrain": {"epochs": 2, "level": 0.0}, "clip_norm": 1.0},
    "deep_ae": {"weight_decay": 0.1, "schedule": "constant"},
}


@pytest.mark.slow
@pytest.mark.parametrize("family", RECIPES)
def test_a_recipe_gives_the_same_on_two_replicas(family, mirrored, digits, tmp_path):
    np.savez(tmp_path / "digits.npz", x=digits)
    content = {
        "name": f"{family}.digits",
        "model": {"family": family} | BY_ID[f"{family}-default"].arguments,
        "data": {"path": str(tmp_path / "digits.npz"), "validation": 0.25},
        "training": {"steps": 20, "batch_size": 16, **RECIPES[family]},
    }
    one, two = (
        training.train(
            training.parse_recipe(content),
            tmp_path / name,
            strategy=name,
            verbose=False,
        )
        for name in ("single", "mirrored")
    )
    expected, reached = (load_folder(folder).get_weights() for folder in (one, two))
    for ours, theirs in zip(reached, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    for row, other in zip(*map(rows_of_log, (one, two)), strict=True):
        assert {"reconstruction_loss", "val_reconstruction_loss"} <= row.keys()
        assert other == pytest.approx(row, rel=1e-3)


def rows_of_log(folder):
    return json.loads((folder.parent / "history.json").read_text())["history"]


@pytest.mark.parametrize(
    ("key", "value"), [("accumulate", 2), ("precision", "mixed_float16")]
)
def test_what_keras_cannot_do_on_several_replicas_is_refused(
    key, value, mirrored, digits, tmp_path
):
    np.savez(tmp_path / "digits.npz", x=digits)
    recipe = training.load_recipe("conv_ae.mnist", {f"training.{key}": value})
    recipe.model["input_shape"] = [12, 12, 1]
    recipe.data.path = str(tmp_path / "digits.npz")
    with pytest.raises(RecipeError, match=f"{key}.* works on one device"):
        training.train(recipe, tmp_path / "out", strategy="mirrored", verbose=False)
