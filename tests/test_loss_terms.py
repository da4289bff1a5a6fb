"""The terms of the loss, in the logs and of data."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from model_cases import BY_ID, CASES, PICTURE_CASES
from outside_families import outside_pyramid

from ae_zoo import bottlenecks, models
from ae_zoo.assemble import join
from ae_zoo.backbones import DenseBackbone
from ae_zoo.errors import InputError
from ae_zoo.training import PenaltyWarmup

PENALTIES = {
    "beta_vae": "kl",
    "contractive_ae": "contraction",
    "factorized_ae": "rate",
    "hyperprior_ae": "rate",
    "sparse_ae": "sparsity",
    "vae": "kl",
}
# One of each family, and the other penalties.
ONE_EACH = list({case.family: case for case in (*CASES[::-1], *PICTURE_CASES)}.values())
ONE_EACH += [BY_ID["sparse_ae-dense"], BY_ID["contractive_ae-exact"]]
ONE_EACH = sorted({case.id for case in ONE_EACH} | {"sparse_ae-kl"})


def pairs(case, digits):
    """Inputs, which may have a map, and targets."""
    y = case.examples(digits[:4])
    if case not in PICTURE_CASES:
        return y, y
    y = np.tile(np.pad(y, ((0, 0), (2, 2), (2, 2), (0, 0))), (1, 4, 4, 1))  # 64 x 64
    return np.asarray(case.build().corruption.corrupt(y, 0)), y


@pytest.mark.parametrize("name", ONE_EACH)
def test_the_terms_of_every_family_add_up_to_its_loss(name, digits, eager):
    case = BY_ID[name]
    x, y = pairs(case, digits)
    model = case.build(l2=1e-3)
    before = model.loss_terms(x, y)
    expected = ["reconstruction_loss", PENALTIES.get(case.family), "weight_penalty"]
    assert list(before) == [term for term in expected if term]
    # Without noise, only the exact contraction is not 0.
    quiet = name == "contractive_ae-dense"
    assert all(value > 0 for value in before.values()) or quiet
    model.compile(run_eagerly=True)
    logs = model.test_on_batch(x, y, return_dict=True)
    loss = logs.pop("loss")
    assert logs == pytest.approx(before, rel=1e-5)
    assert sum(logs.values()) == pytest.approx(loss, rel=1e-5)


@pytest.fixture(scope="module")
def vae():
    """A compiled `vae` with beta 2 and weight penalties."""
    keras.utils.set_random_seed(0)
    arguments = BY_ID["vae-dense"].arguments | {"beta": 2.0, "l1": 1e-3, "l2": 1e-2}
    model = models.vae(**arguments)
    model.compile(keras.optimizers.SGD(0.0), metrics=["mse"])
    return model


def test_the_terms_are_what_numpy_computes(vae, digits):
    terms = vae.loss_terms(digits, batch_size=24)  # the last batch is smaller
    decoded = np.clip(vae.reconstruct(digits), 1e-7, 1 - 1e-7)
    nats = -digits * np.log(decoded) - (1 - digits) * np.log(1 - decoded)
    kernels = [w.numpy() for w in vae.trainable_weights if w.regularizer]
    assert len(kernels) == 5
    expected = {
        "reconstruction_loss": nats.sum(axis=(1, 2, 3)).mean(),
        "kl": 2 * vae.posterior(digits).kl().mean(),
        "weight_penalty": sum(
            1e-3 * np.abs(k).sum() + 1e-2 * np.square(k).sum() for k in kernels
        ),
    }
    assert terms == pytest.approx(expected, rel=1e-4)
    assert all(type(value) is float for value in terms.values())


def test_logs_show_the_terms_and_numbers_stay_numbers(vae, digits):
    keys = ["loss", "reconstruction_loss", "kl", "weight_penalty"]
    logs = vae.evaluate(digits, batch_size=24, verbose=0, return_dict=True)
    assert set(logs) == {*keys, "mse"}
    assert logs.pop("mse") < 1
    terms = vae.loss_terms(digits)
    assert logs == pytest.approx(terms | {"loss": sum(terms.values())}, rel=1e-4)
    loss, mse = vae.evaluate(digits, batch_size=24, verbose=0)
    assert loss == pytest.approx(logs["loss"]) and mse < 1
    history = vae.fit(
        digits, verbose=0, batch_size=24, validation_data=(digits, digits)
    ).history
    assert set(history) == {*keys, "mse", "val_mse", *(f"val_{key}" for key in keys)}
    # The rate is 0 and the KL divergence has no noise.
    assert history["kl"][0] == pytest.approx(logs["kl"], rel=1e-4)
    summed = sum(history[key][0] for key in keys[1:])
    assert summed == pytest.approx(history["loss"][0], rel=1e-4)


def test_a_warm_up_shows_the_whole_penalty(vae, digits):
    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.terms = vae.loss_terms(digits)

    watch = Watch()
    full = vae.loss_terms(digits)
    history = vae.fit(
        digits, batch_size=32, verbose=0, callbacks=[PenaltyWarmup(4), watch]
    ).history
    assert history["kl"][0] == pytest.approx(full["kl"], rel=1e-4)
    assert watch.terms == pytest.approx(full, rel=1e-4)
    counted = full | {"kl": full["kl"] / 4}
    noise = history["reconstruction_loss"][0] - full["reconstruction_loss"]
    expected = sum(counted.values()) + noise
    assert history["loss"][0] == pytest.approx(expected, rel=1e-4)
    assert vae.loss_terms(digits) == pytest.approx(full)


def test_a_penalty_that_is_switched_off_is_a_zero(digits, eager):
    model = BY_ID["vae-dense"].build()
    model.bottleneck.scale_penalty(0.0)
    assert model.loss_terms(digits[:2])["kl"] == 0


def test_a_loss_of_the_users_own_is_split(digits, eager):
    model = BY_ID["beta_vae-dense"].build(l2=1e-3)
    expected = model.loss_terms(digits[:4])
    model.compile(loss="mae", loss_weights=3.0, run_eagerly=True)
    terms = model.loss_terms(digits[:4])
    error = 3 * np.abs(model.reconstruct(digits[:4]) - digits[:4]).mean()
    assert terms == pytest.approx(expected | {"reconstruction_loss": error}, rel=1e-4)
    model = BY_ID["beta_vae-dense"].build(l2=1e-3)
    model.compile(loss=None, run_eagerly=True)
    logs = model.test_on_batch(digits[:4], digits[:4], return_dict=True)
    assert set(logs) == {"loss", "kl", "weight_penalty"}


def test_other_layers_name_their_penalty_or_do_not(digits, eager):
    class Named(bottlenecks.PlainBottleneck):
        penalty_name = "length"

        def call(self, h, training=False):
            self.add_penalty(3.0)
            return super().call(h)

    model = join(DenseBackbone((12, 12, 1), hidden=(8,)), Named(3))
    assert model.loss_terms(digits[:4])["length"] == 3
    graph = outside_pyramid()
    assert graph.loss_terms(digits[:4]).keys() == {"reconstruction_loss", "penalty"}


def test_a_network_on_the_encoder_does_not_see_the_terms(digits, eager):
    for name in ("vae-dense", "sparse_ae-kl"):
        encoder = BY_ID[name].build().code_encoder()
        head = keras.layers.Dense(10, activation="softmax")
        classifier = keras.Sequential([encoder, head])
        classifier.compile(loss="sparse_categorical_crossentropy", run_eagerly=True)
        logs = classifier.train_on_batch(digits[:4], np.arange(4), return_dict=True)
        assert set(logs) == {"loss"}


def test_no_examples_or_other_targets_are_one_sentence(vae, digits):
    with pytest.raises(InputError, match="at least one example"):
        vae.loss_terms(digits[:0])
    with pytest.raises(InputError, match="as many targets"):
        vae.loss_terms(digits[:2], digits[:3])
    with pytest.raises(InputError, match="batch_size must be"):
        vae.loss_terms(digits[:2], batch_size=0)


def terms_of_a_step(name, digits, strategy, trained):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = BY_ID[name].build(l2=1e-3)
        model.compile(keras.optimizers.SGD(0.0))
    options = {"batch_size": 64, "verbose": 0}
    if not trained:
        return model.evaluate(digits, return_dict=True, **options)
    history = model.fit(digits, **options).history
    return {key: value for key, (value,) in history.items()}


@pytest.mark.parametrize(
    ("name", "trained"), [("vae-dense", False), ("sparse_ae-kl", True)]
)
def test_two_replicas_show_the_terms_of_one(name, trained, mirrored, digits):
    """A penalty linear in the batch, and one that all replicas compute together."""
    one, two = (
        terms_of_a_step(name, digits, strategy, trained)
        for strategy in (tf.distribute.get_strategy(), mirrored)
    )
    assert len(one) == 4 and min(one.values()) > 0
    assert two == pytest.approx(one, rel=1e-4)
