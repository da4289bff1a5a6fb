"""Models do what Keras users expect: in networks of others, saved, fitted, fed."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from model_cases import CASES, PICTURE_CASES

import ae_zoo
from ae_zoo import models
from ae_zoo._keras_classes import CLASSES
from ae_zoo.errors import InputError, UnknownNameError

IMAGE = (12, 12, 1)


@pytest.fixture
def vae(seeded):
    return models.vae(IMAGE, latent_dim=4, hidden=(16,), seed=0)


# Encoders for other networks


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_an_encoder_brings_no_penalty_and_no_noise(case, digits, seeded, eager):
    model, x = case.build(), case.examples(digits[:8])
    encoder = model.code_encoder()
    np.testing.assert_allclose(encoder(x), model.encode(x), atol=1e-6)
    if case.id != "conv_ae-batch_norm":  # the statistics of the batch
        in_training = np.asarray(encoder(x, training=True))
        np.testing.assert_allclose(in_training, encoder(x), atol=1e-6)
    assert encoder.losses == []
    assert encoder.trainable_variables


def test_a_classifier_reports_its_own_loss(vae, digits):
    encoder = vae.code_encoder()
    classifier = keras.Sequential([encoder, keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(loss=loss)
    y = np.arange(64) % 10
    reported = classifier.evaluate(digits, y, verbose=0)
    assert reported == pytest.approx(float(loss(y, classifier(digits))), rel=1e-4)
    encoder.trainable = False
    assert len(classifier.trainable_variables) == 2
    assert not vae.encoder.get_layer("hidden_1").trainable  # shared


def test_inner_layers_and_several_at_once(vae, digits):
    found = vae.features(digits, vae.feature_keys)
    assert list(found) == ["hidden_1", "code"]
    for key, rows in found.items():
        np.testing.assert_allclose(rows, vae.features(digits, key), atol=1e-6)
        np.testing.assert_allclose(rows, vae.code_encoder(key)(digits), atol=1e-6)
    for few in (["hidden_1"], ["hidden_1", "hidden_1"]):
        assert list(vae.features(digits, few)) == ["hidden_1"]
    with pytest.raises(UnknownNameError, match="feature_keys"):
        vae.features(digits, [])
    with pytest.raises(UnknownNameError, match="hidden_1, code"):
        vae.code_encoder("posterior")


def test_the_posterior(vae, digits):
    posterior = vae.posterior(digits)
    np.testing.assert_array_equal(posterior.mean, vae.encode(digits))
    vae.compile(loss=None)  # the penalty alone
    divergence = vae.evaluate(digits, batch_size=64, verbose=0)
    assert posterior.kl().mean() == pytest.approx(divergence, rel=1e-4)
    drawn = np.stack([posterior.sample(seed) for seed in range(200)])
    np.testing.assert_allclose(drawn.mean(axis=0), posterior.mean, atol=0.4)
    spread = np.exp(0.5 * posterior.log_variance)
    np.testing.assert_allclose(drawn.std(axis=0), spread, rtol=0.3)
    with pytest.raises(InputError, match="no posterior"):
        models.dense_ae(IMAGE).posterior(digits)


# Files

LOAD = """
import {imports}
for name in ("model", "encoder", "classifier"):
    keras.saving.load_model(f"{folder}/{{name}}.keras")
"""


@pytest.mark.slow
@pytest.mark.parametrize("imports", ["keras, ae_zoo", "ae_zoo, keras"])
def test_a_fresh_process_loads_models_and_parts(imports, tmp_path):
    # The smallest images are convolved by layers of ours.
    model = models.conv_ae((16, 16, 1), filters=(4, 4, 4), latent_dim=3)
    head = [model.code_encoder(), keras.layers.Dense(2)]
    model.save(tmp_path / "model.keras")
    model.encoder.save(tmp_path / "encoder.keras")
    keras.Sequential(head).save(tmp_path / "classifier.keras")
    code = LOAD.format(imports=imports, folder=tmp_path)
    subprocess.run([sys.executable, "-c", code], check=True)


def test_keras_is_told_of_every_class():
    for module in CLASSES.values():
        __import__(f"ae_zoo.{module}")
    registered = {
        name.removeprefix("ae_zoo>")
        for name in keras.saving.get_custom_objects()
        if name.startswith("ae_zoo>")
    }
    assert registered == set(CLASSES)


def test_a_file_keeps_what_was_frozen(digits, seeded, tmp_path):
    model = models.conv_ae(IMAGE, latent_dim=4, filters=(4, 8))
    model.encoder.trainable = False
    model.decoder.layers[-2].trainable = False
    model.compile()
    model.fit(digits, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert [v.path for v in loaded.trainable_variables] == [
        v.path for v in model.trainable_variables
    ]
    assert not loaded.encoder.trainable and loaded.decoder.trainable
    assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations) == 2
    ae_zoo.save(model, tmp_path / "folder")
    assert len(ae_zoo.load(tmp_path / "folder").trainable_variables) == 12
    for each in (model, loaded):
        each.fit(digits, shuffle=False, verbose=0)
    np.testing.assert_array_equal(loaded(digits), model(digits))


@pytest.mark.parametrize("part", ["model", "decoder"])
def test_a_file_keeps_what_was_quantised(part, vae, digits, tmp_path):
    whole = vae.reconstruct(digits)
    (vae if part == "model" else vae.decoder).quantize("int8")
    assert np.abs(vae(digits) - whole).max() > 0
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(digits), vae(digits))
    policies = [layer.dtype_policy.name for layer in loaded.decoder.layers]
    assert "int8_from_float32" in policies
    with pytest.raises(InputError, match=r"model\.save"):
        ae_zoo.save(vae, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


# fit and evaluate


def as_arrays(x):
    return {"x": x}


def as_dataset(x):
    return {"x": tf.data.Dataset.from_tensor_slices(x).batch(32)}


@pytest.mark.parametrize("form", [as_arrays, as_dataset])
def test_the_input_is_the_target(form, vae, digits):
    vae.compile(metrics=["mse"])
    expected = vae.evaluate(digits, digits, verbose=0)
    assert vae.evaluate(**form(digits), verbose=0) == pytest.approx(expected, rel=1e-5)
    history = vae.fit(**form(digits), epochs=5, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert history["mse"][0] < 1


def test_pictures_with_a_map_need_a_target(digits, seeded):
    model = PICTURE_CASES[0].build()
    model.compile()
    x = np.zeros((2, 16, 16, model.input_shape[-1]), "float32")
    with pytest.raises(InputError, match="undamaged pictures as y"):
        model.fit(x, verbose=0)


# Input


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: (255 * x).astype("uint8"), "divide by 255"),
        (lambda x: 255 * x, "divide 8-bit values by 255"),
        (lambda x: x * np.nan, "NaN"),
        (lambda x: x[0], r"x\[None\]"),
        (lambda x: x[:, :5], "reshape or resize"),
        (lambda x: [x[0], x[1, :5]], "np.stack"),
        (lambda x: np.array(["a", "b"]), "numbers"),
        (lambda x: x * 1j, "numbers"),
    ],
)
@pytest.mark.parametrize("method", ["encode", "reconstruct", "features", "fit"])
def test_what_does_not_fit_is_one_sentence(method, change, words, vae, digits):
    with pytest.raises(InputError, match=words):
        getattr(vae, method)(change(digits[:4]))


def test_linear_outputs_take_any_range(digits):
    model = models.dense_ae(IMAGE, output="linear")
    assert np.isfinite(model.reconstruct(255 * digits)).all()


def test_no_examples_give_no_results(vae, digits):
    assert vae.encode(digits[:0]).shape == (0, 4)
    assert vae.reconstruct(digits[:0]).shape == (0, *IMAGE)
    assert ae_zoo.models.dense_ae(IMAGE).decode(np.zeros((0, 32))).shape == (0, *IMAGE)


def test_batches_do_not_change_the_result(vae, digits):
    whole = vae.encode(digits)
    for size in (1, 7, 64):
        np.testing.assert_allclose(
            vae.encode(digits, batch_size=size), whole, atol=1e-6
        )
    for wrong in (0, -5, 2.0, None):
        with pytest.raises(InputError, match="batch_size must be an integer above 0"):
            vae.encode(digits, batch_size=wrong)
