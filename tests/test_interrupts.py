"""Trainings ended by a signal go on to the bytes of an undisturbed one."""

import os
import random
import signal
import sys
import threading
import time
import types

import keras
import numpy as np
import pytest
import yaml
from forkserver import CONTEXT, start

from ae_zoo import models, training
from ae_zoo._files import remove_leftovers
from ae_zoo.errors import RecipeError, TrainingError
from ae_zoo.training import callbacks
from ae_zoo.training.checkpoint import (
    previous_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from ae_zoo.training.lock import locked
from ae_zoo.training.signals import Signals
from ae_zoo.training.sums import MetricSums, Sums
from ae_zoo.zoo.folder import load_folder, save

SMALL = {"input_shape": [12, 12, 1], "latent_dim": 6}
RECIPES = {
    # name: (model, training), of 3 epochs of 6 steps each
    "vae": ({"family": "vae", "hidden": [16], **SMALL}, {"penalty_warmup_epochs": 2}),
    "averaged": (
        {"family": "denoising_ae", "backbone": "dense", "hidden": [16], **SMALL},
        {"ema": 0.9, "accumulate": 2, "clip_norm": 1.0, "patience": 1},
    ),
    "plain": ({"family": "deep_ae", "hidden": [16], **SMALL}, {}),
    "stacked_ae": (
        {"family": "stacked_ae", "hidden": [16, 8], **SMALL},
        {"pretrain": {"epochs": 1}, "schedule": "plateau", "patience": 1},
    ),
}


def train(recipe, out, log=os.devnull, moments=()):
    """Runs `ae-zoo train --resume` in a process of its own, until it has finished.

    At each of `moments`, pairs of a number of steps and signals, it sends itself these
    soon after as many steps more. It ends with the code of the last run.
    """
    from ae_zoo.cli import main

    signal.signal(signal.SIGINT, signal.default_int_handler)  # as for `ctrl_c`
    with open(log, "w") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    plain = callbacks.StopOnNaN.on_train_batch_end
    left, steps, draw = list(moments), 0, random.Random(0).random

    def disturb(signals):
        for number in signals:
            os.kill(os.getpid(), number)
            time.sleep(0.01)

    def disturbed(self, batch, logs=None):
        nonlocal steps
        plain(self, batch, logs)
        steps += 1
        if left and steps == left[0][0]:  # then in a later step, or in the validation
            threading.Timer(draw() / 500, disturb, [left[0][1]]).start()

    callbacks.StopOnNaN.on_train_batch_end = disturbed
    words = ["train", str(recipe), "--out", str(out), "--resume"]
    while True:
        steps = 0
        try:
            code = main(words)
        except SystemExit as error:
            code = error.code
        print("code", code, flush=True)
        if code not in (130, 143) or not left:
            sys.exit(code)
        left.pop(0)


@pytest.fixture(autouse=True)
def ctrl_c():
    """Python's handler of Ctrl-C, which background jobs of a shell ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


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
@pytest.mark.parametrize("recipe", ["vae", "averaged", "stacked_ae"], indirect=True)
def test_an_interrupted_training_resumes_to_identical_bytes(recipe, tmp_path):
    whole, out, log = (tmp_path / name for name in ("whole", "disturbed", "log"))
    undisturbed = start(train, recipe, whole)
    undisturbed.join(120)
    assert undisturbed.exitcode == 0
    rng = random.Random(recipe.stem)
    numbers = [signal.SIGTERM, signal.SIGINT] * 3
    disturbed = start(
        train, recipe, out, log, [(rng.randint(1, 5), [number]) for number in numbers]
    )
    disturbed.join(240)
    said = log.read_text()
    assert disturbed.exitcode == 0, said
    again = f"`ae-zoo train {out}/recipe.yaml --out {out} --resume`"
    for number in (signal.SIGTERM, signal.SIGINT):
        ends = said.count(f"code {128 + number}")
        assert said.count(f"{number.name} ended the training") == ends >= 1, said
    assert said.count(again) == said.count("code 1") >= 3
    assert result(out) == result(whole)
    assert not list(out.glob(".*")) and not list(out.glob("checkpoint*"))


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["vae"], indirect=True)
def test_a_second_ctrl_c_ends_the_command_at_once(recipe, tmp_path):
    twice = [(2, [signal.SIGINT] * 2)]
    process = start(train, recipe, tmp_path / "out", tmp_path / "log", twice)
    process.join(120)
    assert process.exitcode == -signal.SIGINT
    assert not (tmp_path / "out" / "checkpoint.npz").exists()


def interrupted(recipe, out, monkeypatch):
    """A training that Ctrl-C ends after step 3 of epoch 2."""
    plain = callbacks.StopOnNaN.on_train_batch_end

    def disturbed(self, batch, logs=None):
        plain(self, batch, logs)
        if (self.epoch, batch) == (1, 2):
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(callbacks.StopOnNaN, "on_train_batch_end", disturbed)
        with pytest.raises(KeyboardInterrupt, match="step 3 of epoch 2"):
            training.train(recipe, out, verbose=False)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["plain"], indirect=True)
def test_an_epoch_goes_on_under_another_strategy(
    recipe, tmp_path, monkeypatch, mirrored
):
    out, whole = tmp_path / "out", tmp_path / "whole"
    interrupted(recipe, out, monkeypatch)
    options = {"strategy": "mirrored", "resume": True, "verbose": False}
    training.train(recipe, out, **options)
    training.train(recipe, whole, verbose=False)
    rows, expected = (
        np.loadtxt(folder / "log.csv", delimiter=",", skiprows=1)
        for folder in (out, whole)
    )
    np.testing.assert_allclose(rows, expected, rtol=1e-4)


def test_workers_go_on_with_the_sums_of_keras():
    from ae_zoo.training.workers import _add

    metrics = [keras.metrics.Mean(), keras.metrics.MeanSquaredError()]
    alone, workers, names = MetricSums(metrics), Sums(), ["loss", "mse"]
    for value in (1.0, 3.0):
        x = np.full((8, 2, 2), value, "float32")
        metrics[0].update_state(value, sample_weight=8)
        metrics[1].update_state(np.zeros_like(x), x)
        _add(workers, names, [value, value**2], 8)
    assert workers.values == alone.values
    assert _add(workers, names, [5.0, 25.0], 8) == {"loss": 3.0, "mse": 35 / 3}


@pytest.mark.parametrize("recipe", ["vae"], indirect=True)
def test_ctrl_c_in_python(recipe, tmp_path, monkeypatch, capfd):
    before = signal.getsignal(signal.SIGINT)
    out = tmp_path / "out"
    interrupted(recipe, out, monkeypatch)
    assert signal.getsignal(signal.SIGINT) == before
    assert f"--out {out} --resume`" in capfd.readouterr().err
    training.train(out / "recipe.yaml", out, resume=True, verbose=False)
    training.train(recipe, tmp_path / "whole", verbose=False)
    assert result(out) == result(tmp_path / "whole")


def test_the_handlers_come_back_and_a_second_ctrl_c_acts_at_once(capfd):
    before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(KeyboardInterrupt), Signals() as signals:
        assert not signals.due
        signal.raise_signal(signal.SIGINT)
        assert signals.due and signals.received == signal.SIGINT
        signal.raise_signal(signal.SIGINT)
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == before
    assert "Ctrl-C ends it now" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("number", "kind"),
    [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)],
)
def test_the_end_says_how_to_go_on(number, kind, capfd):
    with pytest.raises(kind) as raised, Signals("ae-zoo train x --resume") as signals:
        signal.raise_signal(number)
        signals.end("step 3 of epoch 2")
    said = capfd.readouterr().err
    assert "after step 3 of epoch 2" in said and "`ae-zoo train x --resume`" in said
    assert kind is KeyboardInterrupt or raised.value.code == 143


def test_a_signal_that_comes_too_late_is_not_lost(capfd):
    with pytest.raises(KeyboardInterrupt), Signals():
        signal.raise_signal(signal.SIGINT)


def test_outside_the_main_thread_no_handler_is_set():
    handlers = []

    def work():
        with Signals():
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGTERM)]


def test_workers_that_agreed_end_without_a_signal_of_their_own():
    with Signals() as signals, pytest.raises(TrainingError, match="every worker"):
        signals.agreed = True
        assert signals.due
        signals.end("step 1 of epoch 1")


def hold(folder, ready):
    with locked(folder):
        ready.set()
        time.sleep(60)


def test_a_folder_takes_one_training_at_a_time(tmp_path):
    ready = CONTEXT.Event()
    process = start(hold, tmp_path / "out", ready)
    assert ready.wait(60)
    words = f"in use by a training .process {process.pid} on "
    with pytest.raises(RecipeError, match=words), locked(tmp_path / "out"):
        pass
    process.kill()
    process.join()
    assert (tmp_path / "out" / ".lock").exists()  # but nobody has it locked
    again = pytest.raises(RecipeError, match=str(os.getpid()))
    with locked(tmp_path / "out"), again, locked(tmp_path / "out"):
        pass
    assert not (tmp_path / "out" / ".lock").exists()


def test_a_system_without_fcntl_locks_by_msvcrt(tmp_path, monkeypatch):
    taken = []

    def locking(descriptor, mode, count):
        if taken:
            raise OSError
        taken.append(descriptor)

    windows = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", windows)
    again = pytest.raises(RecipeError, match="in use by a training")
    with locked(tmp_path), again, locked(tmp_path):
        pass


def test_leftovers_of_killed_trainings_are_removed(tmp_path):
    for name in (".part-7-checkpoint.npz", ".part-7-log.csv", "log.csv"):
        (tmp_path / name).write_text("half")
    (tmp_path / ".model.xyz" / "fresh").mkdir(parents=True)
    remove_leftovers(tmp_path, ".model.")
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


@pytest.fixture
def checkpoints(tmp_path):
    """The path of a checkpoint of 2, with the one of 1 before it, and its variable."""
    path = tmp_path / "checkpoint.npz"
    variable = keras.Variable(np.zeros((3, 4), "float32"))
    for epoch in (1, 2):
        variable.assign(np.full((3, 4), epoch))
        write_checkpoint(path, [variable], {"epoch": epoch})
    return path, variable


def test_any_flipped_byte_falls_back_to_the_checkpoint_before(checkpoints, capsys):
    path, variable = checkpoints
    good = path.read_bytes()
    noticed = 0
    for position in range(len(good)):
        bad = bytearray(good)
        bad[position] ^= 0xFF
        path.write_bytes(bad)
        kept = read_checkpoint(path)
        kept.restore([variable])
        assert (keras.ops.convert_to_numpy(variable) == kept.state["epoch"]).all()
        said = capsys.readouterr().err
        assert said.count("\n") == (kept.state["epoch"] == 1)
        noticed += "checkpoint.previous.npz" in said
    assert noticed > 0.7 * len(good)  # the rest are dates and the like


def test_two_damaged_checkpoints_are_one_sentence(checkpoints):
    path, _ = checkpoints
    for file in (path, previous_checkpoint(path)):
        file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(TrainingError, match=r"damaged.*previous.*remove") as error:
        read_checkpoint(path)
    assert "\n" not in str(error.value)


def test_killed_between_two_renames_the_checkpoint_before_is_used(checkpoints):
    path, _ = checkpoints
    path.unlink()
    assert read_checkpoint(path).state == {"epoch": 1}


def warmed_up(model, x, *callbacks, **options):
    callbacks = [training.PenaltyWarmup(8), *callbacks]
    model.fit(x, x, batch_size=16, callbacks=callbacks, verbose=0, **options)


def test_the_penalty_is_full_after_a_warm_up_that_ends_early(digits, tmp_path):
    model = models.vae(input_shape=(12, 12, 1), hidden=(8,), latent_dim=2)
    model.compile()
    scale = model.bottleneck.penalty_scale

    class Save(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            assert float(scale) < 1
            save(self.model, tmp_path / "folder")
            self.model.save_weights(tmp_path / "file.weights.h5")
            assert float(scale) < 1

    class Fail(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            assert float(scale) < 1
            raise KeyboardInterrupt

    warmed_up(model, digits, Save(), epochs=1)
    assert float(scale) == 1
    saved = load_folder(tmp_path / "folder")
    assert float(saved.bottleneck.penalty_scale) == 1
    saved.bottleneck.scale_penalty(0.5)
    saved.load_weights(tmp_path / "file.weights.h5")
    assert float(saved.bottleneck.penalty_scale) == 1
    with pytest.raises(KeyboardInterrupt):
        warmed_up(model, digits, Fail(), epochs=1)
    assert float(scale) == 1
