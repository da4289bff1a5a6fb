"""Recipes under JAX, on one device and two, and PyTorch, without TensorFlow."""

import importlib.util
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import yaml
from filelock import FileLock

from ae_zoo import registry, training
from ae_zoo.zoo.folder import load_folder, save

pytestmark = pytest.mark.slow

# Imports the backend once, and forks a process for each training before JAX starts its
# devices; TensorFlow cannot be imported. Prints what became of each.
SIDE = """
import json, os, signal, sys, traceback
from pathlib import Path

sys.modules["tensorflow"] = None
import keras
from ae_zoo import training
from ae_zoo.training import callbacks, run

BACKEND = os.environ["KERAS_BACKEND"]
assert keras.backend.backend() == BACKEND
plain, steps = callbacks.StopOnNaN.on_train_batch_end, 0
set_distribution, used = keras.distribution.set_distribution, []

def work(out, recipes, strategy="single", kill_at=-1, number=signal.SIGKILL):
    devices = 2 if strategy == "mirrored" else 1
    if BACKEND == "jax":
        os.environ["XLA_FLAGS"] += f" --xla_force_host_platform_device_count={devices}"
        assert len(keras.distribution.list_devices()) == devices

    def count(self, batch, logs=None):
        global steps
        plain(self, batch, logs)
        steps += 1
        if steps == kill_at:
            os.kill(os.getpid(), number)

    def note(distribution):
        if distribution is not None:
            used[:] = [distribution.device_mesh.devices.size]
        set_distribution(distribution)

    callbacks.StopOnNaN.on_train_batch_end = count
    keras.distribution.set_distribution = note
    for recipe in recipes:
        folder = Path(out, Path(recipe).stem)
        training.train(recipe, folder, strategy=strategy, resume=True, verbose=False)
        assert keras.distribution.distribution() is None
    assert used == [devices] if strategy == "mirrored" else not used

def in_a_process(job):
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        work(**job)
    except SystemExit as error:
        os._exit(error.code)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)

for job in map(json.loads, sys.argv[1:]):
    code = in_a_process(job)
    files = [str(path.relative_to(job["out"])) for path in Path(job["out"]).rglob("*")]
    print(json.dumps({"code": code, "files": files}), flush=True)
"""
SMALL = {"input_shape": (12, 12, 1), "latent_dim": 6}
MODELS = {
    "conv_ae": {"filters": (4, 4, 8), "batch_norm": True, **SMALL},
    "vae": {"hidden": (16,), **SMALL},
    "deep_ae": {"hidden": (16,), "dropout": 0.3, **SMALL},
    "stacked_ae": {"hidden": (16, 8), **SMALL},
}
TRAINING = {
    "conv_ae": {"clip_norm": 1.0},
    "vae": {"ema": 0.9, "patience": 5, "learning_rate": 1e-2},
    "deep_ae": {},
    "stacked_ae": {"pretrain": {"epochs": 1, "level": 0.0}},
}
QUIET = ("conv_ae", "stacked_ae")  # without noise
NOISY = ("vae", "deep_ae")


@pytest.fixture(scope="module", params=["jax", "torch"])
def backend(request):
    """The name of a backend that is installed."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"needs {request.param}, see the table in docs/training.md")
    return request.param


@pytest.fixture(scope="module")
def folder(tmp_path_factory, digits, backend):
    """A folder with recipes, and what became of each training under the backend.

    The processes of the tests share it: the first one makes it, others wait.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder = folder / backend
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            folder.mkdir()
            write_recipes(folder, digits)
            run_jobs(folder, backend)
    return folder


def write_recipes(folder, digits):
    """Recipes that all start from weights made by TensorFlow."""
    np.savez(folder / "digits.npz", x=digits)
    for name, arguments in MODELS.items():
        save(registry.build(name, **arguments), folder / "start" / name)
        content = {
            "name": f"{name}.digits",
            "start": str(folder / "start" / name),
            "data": {"path": str(folder / "digits.npz"), "validation": 0.3},
            "training": {"epochs": 2, "batch_size": 8, **TRAINING[name]},
        }
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))


def run_jobs(folder, backend):
    """Trains; writes what became of each training, by its name."""

    def job(out, names, **options):
        recipes = [str(folder / f"{name}.yaml") for name in names]
        return json.dumps({"out": str(folder / out), "recipes": recipes, **options})

    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_backend_optimization_level=0",  # compiles faster
    }
    command = {
        "whole": job("whole", MODELS),
        "two": job("two", QUIET, strategy="mirrored"),
    }
    for name in NOISY:
        command |= {
            f"killed {name}": job("killed", [name], kill_at=8),
            f"resumed {name}": job("killed", [name]),
            f"told {name}": job("told", [name], kill_at=3, number=signal.SIGTERM),
            f"gone on {name}": job("told", [name]),
        }
    result = subprocess.run(
        [sys.executable, "-c", SIDE, *command.values()],
        env=environment,
        capture_output=True,
        text=True,
    )
    outcomes = map(json.loads, result.stdout.splitlines())
    content = {
        name: outcome | {"errors": result.stderr}
        for name, outcome in zip(command, outcomes, strict=False)
    }
    content["all"] = {"code": result.returncode, "errors": result.stderr}
    (folder / "jobs.json").write_text(json.dumps(content))


@pytest.fixture(scope="module")
def jobs(folder):
    """What became of each training, by its name."""
    content = json.loads((folder / "jobs.json").read_text())
    assert content["all"]["code"] == 0, content["all"]["errors"]
    return content


@pytest.fixture(scope="module")
def whole(folder, jobs):
    """Results of every recipe on one device."""
    assert jobs["whole"]["code"] == 0, jobs["whole"]["errors"]
    return folder / "whole"


def weights(out, name):
    return load_folder(out / name / "model").get_weights()


def history(out, name):
    return json.loads((out / name / "history.json").read_text())["history"]


def assert_close(one, other, name, atol):
    for a, b in zip(weights(one, name), weights(other, name), strict=True):
        np.testing.assert_allclose(a, b, atol=atol)


@pytest.mark.parametrize("name", QUIET)
def test_a_recipe_trains_to_tensorflows_weights(name, folder, whole):
    out = folder / "tensorflow" / name
    training.train(folder / f"{name}.yaml", out, verbose=False)
    assert_close(folder / "tensorflow", whole, name, atol=1e-4)
    start = load_folder(folder / "start" / name).get_weights()
    moved = [
        np.abs(a - b).max() for a, b in zip(weights(whole, name), start, strict=True)
    ]
    assert max(moved) > 1e-3


def test_two_devices_train_like_one(folder, whole, jobs, backend):
    if backend == "torch":
        assert "'mirrored' needs TensorFlow or JAX" in jobs["two"]["errors"]
        return
    assert jobs["two"]["code"] == 0, jobs["two"]["errors"]
    for name in QUIET:
        assert_close(folder / "two", whole, name, atol=1e-5)
        one, two = (history(out, name) for out in (whole, folder / "two"))
        for row, other in zip(one, two, strict=True):  # of 19 examples, an odd number
            for key in ("val_loss", "reconstruction_loss", "val_reconstruction_loss"):
                assert other[key] == pytest.approx(row[key], rel=1e-4)


@pytest.mark.parametrize("name", NOISY)
def test_a_killed_training_resumes_to_identical_weights(name, folder, whole, jobs):
    assert jobs[f"killed {name}"]["code"] == -9
    assert f"{name}/checkpoint.npz" in jobs[f"killed {name}"]["files"]
    assert jobs[f"resumed {name}"]["code"] == 0, jobs[f"resumed {name}"]["errors"]
    assert_close(folder / "killed", whole, name, atol=0)
    rows = history(whole, name)
    assert rows[-1]["val_loss"] < rows[0]["val_loss"]
    for row in rows if name == "vae" else ():
        for part in ("", "val_"):
            terms = row[f"{part}reconstruction_loss"] + row[f"{part}kl"]
            assert terms == pytest.approx(row[f"{part}loss"], rel=1e-4)


@pytest.mark.parametrize("name", NOISY)
def test_a_training_told_to_end_resumes_inside_the_epoch(name, folder, whole, jobs):
    told, gone_on = jobs[f"told {name}"], jobs[f"gone on {name}"]
    assert told["code"] == 143
    assert "SIGTERM ended the training after step 3 of epoch 1" in told["errors"]
    assert gone_on["code"] == 0, gone_on["errors"]
    assert_close(folder / "told", whole, name, atol=0)
    logs = [(out / name / "log.csv").read_bytes() for out in (folder / "told", whole)]
    assert logs[0] == logs[1]
