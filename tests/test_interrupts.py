"""Trainings ended by a signal go on to the bytes of an undisturbed one."""

import multiprocessing
import os
import random
import signal
import sys
import threading
import time

import numpy as np
import pytest
import yaml
from forkserver import start

from ae_zoo.errors import RecipeError
from ae_zoo.training.lock import locked
from ae_zoo.training.signals import Signals

SMALL = {"input_shape": [12, 12, 1], "latent_dim": 6}
RECIPES = {
    # name: (model, training), of 3 epochs of 6 steps each
    "vae": ({"family": "vae", "hidden": [16], **SMALL}, {"penalty_warmup_epochs": 2}),
    "averaged": (
        {"family": "denoising_ae", "backbone": "dense", "hidden": [16], **SMALL},
        {"ema": 0.9, "accumulate": 2, "clip_norm": 1.0, "patience": 1},
    ),
    "stacked_ae": (
        {"family": "stacked_ae", "hidden": [16, 8], **SMALL},
        {"pretrain": {"epochs": 1}, "schedule": "plateau", "patience": 1},
    ),
}


def train(recipe, out, log=os.devnull, number=None, steps=()):
    """Runs `ae-zoo train --resume` in a process of its own.

    Each time, soon after the next of `steps`, it sends itself the signal `number`; after
    each such end it goes on. It ends with the code of the last time.
    """
    from ae_zoo.cli import main
    from ae_zoo.training import callbacks

    with open(log, "w") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    plain = callbacks.StopOnNaN.on_train_batch_end
    left, draw = list(steps), random.Random(0).random

    def disturbed(self, batch, logs=None):
        plain(self, batch, logs)
        if left:
            left[0] -= 1
            if left[0] == 0:  # anywhere in the next steps, or the validation
                threading.Timer(draw() / 100, os.kill, (os.getpid(), number)).start()

    callbacks.StopOnNaN.on_train_batch_end = disturbed
    words = ["train", str(recipe), "--out", str(out), "--resume"]
    while True:
        try:
            code = main(words)
        except SystemExit as error:
            code = error.code
        print("code", code, flush=True)
        if code not in (130, 143) or not left:
            sys.exit(code)
        left.pop(0)


@pytest.fixture
def recipe(request, tmp_path, digits):
    model, training = RECIPES[request.param]
    np.savez(tmp_path / "digits.npz", x=digits)
    content = {
        "name": f"{request.param}.digits",
        "model": model,
        "data": {"path": "digits.npz", "validation": 0.25},
        "training": {"epochs": 3, "batch_size": 8, "learning_rate": 1e-2, **training},
    }
    path = tmp_path / f"{request.param}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def result(out):
    files = ("model/model.weights.h5", "model/config.json", "log.csv")
    return [(out / file).read_bytes() for file in files]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_training_resumes_to_identical_bytes(number, recipe, tmp_path):
    whole, log = tmp_path / "whole", tmp_path / "log"
    undisturbed = start(train, recipe, whole)
    undisturbed.join(120)
    assert undisturbed.exitcode == 0
    rng = random.Random(number)
    steps = [rng.randint(1, 5) for _ in range(4)]
    out = tmp_path / "disturbed"
    disturbed = start(train, recipe, out, log, number, steps)
    disturbed.join(120)
    said = log.read_text()
    assert disturbed.exitcode == 0, said
    assert said.count(f"code {128 + number}") >= 2
    again = f"`ae-zoo train {out}/recipe.yaml --out {out} --resume`"
    assert said.count(f"{number.name} ended the training") == said.count(again) >= 2
    assert result(out) == result(whole)
    assert not list(out.glob(".*")) and not list(out.glob("checkpoint*"))
