"""Weights saved under TensorFlow give the same outputs under JAX and PyTorch."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
from model_cases import BY_ID, CASES

# Each bottleneck, backbone and kind of corruption, and layers that only variants have;
# JAX compiles too slowly for all cases.
LOADED = [
    BY_ID[name]
    for name in (
        "conv1d_ae-default",
        "conv_ae-batch_norm",
        "conv_ae-tiny",
        "contractive_ae-dense",
        "contractive_ae-exact",
        "convlstm_ae-default",
        "deep_ae-tied",
        "denoising_ae-masking",
        "denoising_ae-shift",
        "fsq_ae-conv",
        "recurrent_ae-default",
        "recurrent_ae-feedback",
        "sparse_ae-kl",
        "stacked_ae-default",
        "vae-conv",
    )
]

# Cases that also take a training step: noise, penalties, shared kernels, statistics of
# the batch, convolutions by matrix products, integers.
TRAINED = (
    "vae-conv",
    "contractive_ae-dense",
    "sparse_ae-kl",
    "stacked_ae-default",
    "conv_ae-batch_norm",
    "conv_ae-tiny",
    "fsq_ae-conv",
    "recurrent_ae-feedback",
)
# Saturated logits, of both signs, and targets that are right, wrong and between.
LOGITS = np.float32([-200, -30, -17, -5, 0, 5, 17, 30, 200])[:, None].repeat(3, axis=1)
TARGETS = np.tile(np.float32([0, 0.5, 1]), (len(LOGITS), 1))

# Runs in a fresh process, since Keras chooses its backend once.
SIDE = """
import os, sys
from pathlib import Path

sys.modules["tensorflow"] = None
import numpy as np
import keras
import ae_zoo.models
from ae_zoo import losses
from ae_zoo.layers import OutputActivation

assert keras.backend.backend() == os.environ["KERAS_BACKEND"]
folder, trained = Path(sys.argv[1]), sys.argv[2:]
inputs = np.load(folder / "inputs.npz")
results = {}
for path in sorted(folder.glob("*-*")):
    x = inputs[path.name]
    model = keras.saving.load_model(path)
    results[path.name] = model.reconstruct(x)
    if path.name in trained:
        model.compile(run_eagerly=True)
        assert np.isfinite(model.train_on_batch(x, x)), path.name
logits, targets = inputs["logits"], inputs["targets"]
entry = keras.Input(logits.shape[1:])
model = keras.Model(entry, OutputActivation("sigmoid")(entry))
model.compile(loss=losses.get("bce"))  # not eagerly: JAX traces it
results["bce"] = [
    model.test_on_batch(x[None], y[None])
    for x, y in zip(logits, targets, strict=True)
]
bare = losses.get("bce").call(targets, keras.ops.sigmoid(logits))
results["bare"] = keras.ops.convert_to_numpy(bare)
np.savez(folder / "results.npz", **results)
"""


def test_the_cases_have_every_part():
    def parts(cases):
        models = [case.build() for case in cases]
        return {type(p) for m in models for p in (m.bottleneck, m.backbone)}

    assert parts(LOADED) == parts(CASES)
    assert {case.id for case in LOADED} >= set(TRAINED)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_backend_gives_tensorflows_outputs(backend, digits, seeded, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"needs {backend}, see the table in docs/training.md")
    inputs = {case.id: case.examples(digits[:8]) for case in LOADED}
    np.savez(tmp_path / "inputs.npz", **inputs, logits=LOGITS, targets=TARGETS)
    expected = {}
    for case in LOADED:
        model = case.build()
        model.save(tmp_path / case.id, zipped=False)
        expected[case.id] = np.asarray(model(inputs[case.id], training=False))

    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_backend_optimization_level=0",  # compiles faster
    }
    command = [sys.executable, "-c", SIDE, str(tmp_path), *TRAINED]
    subprocess.run(command, env=environment, check=True)
    results = dict(np.load(tmp_path / "results.npz"))
    exact, clipped = results.pop("bce"), results.pop("bare")
    assert set(results) == set(expected)
    for name, outputs in expected.items():
        np.testing.assert_allclose(results[name], outputs, atol=1e-4, err_msg=name)
    np.testing.assert_allclose(exact, nats_of_logits(), rtol=1e-5)
    np.testing.assert_allclose(clipped, nats_of_probabilities(), rtol=0.03)


def nats_of_logits():
    """The cross-entropy of each row, in float64."""
    logits = LOGITS.astype("float64")
    return (np.logaddexp(0, logits) - TARGETS * logits).sum(axis=1)


def nats_of_probabilities():
    """The same where only probabilities are known, which float32 rounds near 1."""
    p = np.clip(1 / (1 + np.exp(-LOGITS.astype("float64"))), 1e-7, 1 - 1e-7)
    return -(TARGETS * np.log(p) + (1 - TARGETS) * np.log(1 - p)).sum(axis=1)


@pytest.mark.parametrize("eagerly", [True, False])
def test_bce_of_saturated_outputs(eagerly):
    import keras

    from ae_zoo import losses
    from ae_zoo.layers import OutputActivation

    entry = keras.Input(LOGITS.shape[1:])
    model = keras.Model(entry, OutputActivation("sigmoid")(entry))
    model.compile(loss=losses.get("bce"), run_eagerly=eagerly, jit_compile=False)
    loss = model.test_on_batch(LOGITS, TARGETS)
    assert loss == pytest.approx(nats_of_logits().mean(), rel=1e-6)
    bare = losses.get("bce").call(TARGETS, keras.ops.sigmoid(LOGITS))
    np.testing.assert_allclose(bare, nats_of_probabilities(), rtol=0.03)
