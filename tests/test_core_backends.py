"""Weights saved under TensorFlow give the same outputs under JAX."""

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

# Cases that also take a training step under JAX: noise, penalties, shared kernels,
# statistics of the batch, convolutions by matrix products.
TRAINED = (
    "vae-conv",
    "contractive_ae-dense",
    "sparse_ae-kl",
    "stacked_ae-default",
    "conv_ae-batch_norm",
    "conv_ae-tiny",
    "recurrent_ae-feedback",
)

# Runs in a fresh process, since Keras chooses its backend once.
JAX_SIDE = """
import sys
from pathlib import Path

import numpy as np
import keras
import ae_zoo.models

assert keras.backend.backend() == "jax"
folder, trained = Path(sys.argv[1]), sys.argv[2:]
inputs = np.load(folder / "inputs.npz")
results = {}
for path in sorted(folder.glob("*-*")):
    x = inputs[path.name]
    model = keras.saving.load_model(path)
    results[path.name] = model(x, training=False)
    if path.name in trained:
        model.compile(run_eagerly=True)
        assert np.isfinite(model.train_on_batch(x, x)), path.name
np.savez(folder / "results.npz", **results)
"""


def test_the_cases_have_every_part():
    def parts(cases):
        models = [case.build() for case in cases]
        return {type(p) for m in models for p in (m.bottleneck, m.backbone)}

    assert parts(LOADED) == parts(CASES)
    assert {case.id for case in LOADED} >= set(TRAINED)


@pytest.mark.slow
def test_jax_gives_tensorflows_outputs(digits, seeded, tmp_path):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("needs jax, which the extra ae-zoo[test] installs")
    inputs = {case.id: case.examples(digits[:8]) for case in LOADED}
    np.savez(tmp_path / "inputs.npz", **inputs)
    expected = {}
    for case in LOADED:
        model = case.build()
        model.save(tmp_path / case.id, zipped=False)
        expected[case.id] = np.asarray(model(inputs[case.id], training=False))

    environment = os.environ | {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_backend_optimization_level=0",  # compiles faster
    }
    command = [sys.executable, "-c", JAX_SIDE, str(tmp_path), *TRAINED]
    subprocess.run(command, env=environment, check=True)
    results = np.load(tmp_path / "results.npz")
    assert set(results) == set(expected)
    for name, outputs in expected.items():
        np.testing.assert_allclose(results[name], outputs, atol=1e-4, err_msg=name)
