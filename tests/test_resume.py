"""Trainings killed at random steps and resumed give the bytes of an undisturbed one."""

import os
import random
import signal

import numpy as np
import pytest
import yaml
from forkserver import start

pytestmark = pytest.mark.slow

SMALL = {"input_shape": [12, 12, 1], "latent_dim": 6}
RECIPES = {
    # name: (model, training), of 3 epochs of 6 steps each
    "vae": ({"family": "vae", "hidden": [16], **SMALL}, {"penalty_warmup_epochs": 2}),
    "averaged": (
        {"family": "denoising_ae", "backbone": "dense", "hidden": [16], **SMALL},
        {"ema": 0.9, "accumulate": 2, "clip_norm": 1.0, "patience": 1},
    ),
    # Without `patience`, the moving average itself is what is kept.
    "unwatched": ({"family": "deep_ae", "hidden": [16], **SMALL}, {"ema": 0.9}),
    "stacked_ae": (
        {"family": "stacked_ae", "hidden": [16, 8], **SMALL},
        {"pretrain": {"epochs": 1}, "schedule": "plateau", "patience": 1},
    ),
}
STEPS = {"vae": 18, "averaged": 36, "stacked_ae": 36}  # pretraining and parts included
KILLS = [("vae", 4), ("averaged", 3), ("stacked_ae", 3)]


def train(recipe, out, kill_at=None, in_checkpoint=False, in_save=False):
    """Runs in a process of its own; kills itself after `kill_at` steps."""
    from ae_zoo import training
    from ae_zoo.training import callbacks, checkpoint, run

    steps = 0
    plain = callbacks.StopOnNaN.on_train_batch_end

    def count(self, batch, logs=None):
        nonlocal steps
        plain(self, batch, logs)
        steps += 1
        if steps == kill_at and not in_checkpoint:
            os.kill(os.getpid(), signal.SIGKILL)

    def half_a_file(file, **arrays):
        if steps >= kill_at:
            file.write(b"PK\x03\x04 half a checkpoint")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        savez(file, **arrays)

    callbacks.StopOnNaN.on_train_batch_end = count
    if in_save:
        run.save = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    if in_checkpoint:
        savez, checkpoint.np.savez = np.savez, half_a_file
    training.train(recipe, out, resume=True, verbose=False)


@pytest.fixture(scope="module")
def run():
    """Runs `train` in a process of its own."""

    def run(*args, **options):
        process = start(train, *args, **options)
        process.join(120)
        return process.exitcode

    return run


@pytest.fixture
def recipe(request, tmp_path, digits):
    model, training = RECIPES[request.param]
    np.savez(tmp_path / "digits.npz", x=digits)
    content = {
        "name": f"{request.param}.digits",
        "model": model,
        "data": {"path": str(tmp_path / "digits.npz"), "validation": 0.25},
        "training": {"epochs": 3, "batch_size": 8, "learning_rate": 1e-2, **training},
    }
    path = tmp_path / f"{request.param}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def result(out):
    files = ("model/model.weights.h5", "model/config.json", "log.csv")
    return [(out / file).read_bytes() for file in files]


@pytest.mark.parametrize(("recipe", "kills"), KILLS, indirect=["recipe"])
def test_a_killed_training_resumes_to_identical_bytes(recipe, kills, run, tmp_path):
    assert run(recipe, tmp_path / "whole") == 0
    expected = result(tmp_path / "whole")
    rng = random.Random(0)
    for number in range(kills):
        out = tmp_path / f"killed_{number}"
        step = rng.randint(1, STEPS[recipe.stem])
        assert run(recipe, out, kill_at=step) == -signal.SIGKILL, step
        assert not (out / "model").exists()
        assert run(recipe, out) == 0
        assert result(out) == expected, f"killed after step {step}"


@pytest.mark.parametrize("recipe", ["unwatched"], indirect=True)
def test_killed_after_the_last_checkpoint(recipe, run, tmp_path):
    assert run(recipe, tmp_path / "whole") == 0
    out = tmp_path / "killed"
    assert run(recipe, out, in_save=True) == -signal.SIGKILL
    assert run(recipe, out) == 0
    assert result(out) == result(tmp_path / "whole")


@pytest.mark.parametrize("recipe", ["vae"], indirect=True)
def test_killed_while_a_checkpoint_is_written(recipe, run, tmp_path):
    assert run(recipe, tmp_path / "whole") == 0
    out = tmp_path / "killed"
    code = run(recipe, out, kill_at=12, in_checkpoint=True)
    assert code == -signal.SIGKILL
    assert (out / "checkpoint.npz").exists()  # the one of the epoch before
    assert list(out.glob(".part-*"))
    assert run(recipe, out) == 0
    assert not list(out.glob(".*"))
    assert result(out) == result(tmp_path / "whole")
