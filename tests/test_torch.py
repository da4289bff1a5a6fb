"""Every bundled weight, and the uses of a model, under PyTorch without TensorFlow."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import golden
import pytest

import ae_zoo

BUNDLED = [n for n in ae_zoo.list_models() if ae_zoo.model_info(n)["bundled"]]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("torch") is None,
        reason="needs torch, which no extra for tests installs",
    ),
]

# In a fresh process, since Keras chooses its backend once; prints what it found.
SIDE = """
import json, sys, tempfile
from pathlib import Path

sys.modules["tensorflow"] = None
sys.path.insert(0, sys.argv[1])
import numpy as np
import keras, torch
import ae_zoo, golden
from ae_zoo import tasks
from ae_zoo.errors import AeZooError
from ae_zoo.training.placement import get_placement

assert keras.backend.backend() == "torch"

def error_of(function, *args):
    try:
        function(*args)
    except AeZooError as error:
        return str(error)

found = {"golden": {}, "features": {}}
for name in sys.argv[2:]:
    model = ae_zoo.load(name)
    found["golden"][name] = golden.fingerprint(model)
    x = golden.synthetic_input([side or 64 for side in model.input_shape[1:]])
    features = model.features(x, model.feature_keys)
    found["features"][name] = sorted(features) == sorted(model.feature_keys)

found["errors"] = {
    name: error_of(get_placement, name) for name in ("mirrored", "multiworker")
}
model = ae_zoo.load("vae.mnist")
x = torch.rand(3, 28, 28, 1, requires_grad=True)
codes = model.code_encoder()(x)
found["gradient"] = codes.requires_grad and bool(np.isfinite(model.decode(codes)).all())
fsq = ae_zoo.models.fsq_ae((12, 12, 1))
fsq.compile()
losses = fsq.fit(np.random.rand(16, 12, 12, 1), epochs=2, verbose=0).history["loss"]
found["falls"] = losses[1] < losses[0]
rows = np.random.default_rng(0).normal(size=(200, 5))
detector = tasks.AnomalyDetector(epochs=2).fit(rows)
detector.save(folder := Path(tempfile.mkdtemp(), "detector"))
again = tasks.AnomalyDetector.load(folder)
found["detector"] = float(
    np.abs(again.score_samples(rows) - detector.score_samples(rows)).max()
)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found():
    """What a process with PyTorch found."""
    result = subprocess.run(
        [sys.executable, "-c", SIDE, str(Path(__file__).parent), *BUNDLED],
        env=os.environ | {"KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_every_weight_gives_its_golden_outputs(found):
    stored = golden.read()
    assert set(found["golden"]) == set(BUNDLED)
    for name, reached in found["golden"].items():
        golden.check(reached, stored[name])


def test_every_layer_gives_features(found):
    assert all(found["features"].values())


def test_strategies_that_torch_lacks_are_refused_in_one_sentence(found):
    for strategy, message in found["errors"].items():
        assert message.startswith(f"The strategy '{strategy}' needs TensorFlow")
        assert "KERAS_BACKEND" in message and message.count(". ") == 0


def test_tensors_with_a_gradient_are_taken(found):
    assert found["gradient"]


def test_models_and_detectors_are_fitted(found):
    assert found["falls"]
    assert found["detector"] < 1e-6
