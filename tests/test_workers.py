"""Training by two worker processes that communicate over 127.0.0.1."""

import json
import os
import signal
import socket
import time

import numpy as np
import pytest
import yaml
from forkserver import start_cli

from ae_zoo import training
from ae_zoo.zoo.folder import load_folder

pytestmark = pytest.mark.slow

SMALL = {"input_shape": [12, 12, 1], "latent_dim": 6}
MODELS = {
    "conv_ae": {
        "family": "conv_ae",
        "filters": [4, 4, 8],
        "batch_norm": True,
        **SMALL,
    },
    "stacked_ae": {"family": "stacked_ae", "hidden": [16, 8], **SMALL},
    "sparse_ae": {
        "family": "sparse_ae",
        "activation": "sigmoid",
        "penalty": "kl",
        "weight": 0.1,
        **SMALL,
    },
}


@pytest.fixture
def write_recipe(tmp_path, digits):
    np.savez(tmp_path / "digits.npz", x=digits)

    def write(name, **options):
        content = {
            "name": f"{name}.digits",
            "model": MODELS[name],
            "data": {"path": str(tmp_path / "digits.npz"), "validation": 0.25},
            "training": {"batch_size": 16, "learning_rate": 1e-3, **options},
        }
        if name == "stacked_ae":
            content["training"]["pretrain"] = {"epochs": 2, "level": 0.0}  # no noise
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write


def free_ports(n):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def start(recipe, out, *options):
    """Starts `ae-zoo train` on two workers."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
    workers = []
    for index in range(2):
        task = {"type": "worker", "index": index}
        environment = {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}
        log = out.with_name(f"{out.name}_{index}.log")
        words = ["train", recipe, "--out", out, *options]
        workers.append(start_cli(words, log, environment))
    return workers


def finish(workers, out, timeout=300):
    try:
        for worker in workers:
            worker.join(timeout)
        codes = [worker.exitcode for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    logs = [out.with_name(f"{out.name}_{i}.log").read_text() for i in range(2)]
    return codes, logs


def train_alone(recipe, out):
    return load_folder(training.train(recipe, out, verbose=False)).get_weights()


@pytest.mark.parametrize("name", MODELS)
def test_two_workers_train_like_one_process(name, write_recipe, tmp_path):
    recipe = write_recipe(name, steps=20, clip_norm=5.0, ema=0.9)
    workers = start(recipe, tmp_path / "two")
    expected = train_alone(recipe, tmp_path / "one")
    codes, logs = finish(workers, tmp_path / "two")
    assert codes == [0, 0], logs
    reached = load_folder(tmp_path / "two" / "model").get_weights()
    for ours, theirs in zip(reached, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    one, two = (
        json.loads((tmp_path / out / "history.json").read_text())["history"]
        for out in ("one", "two")
    )
    terms = {"reconstruction_loss"} | ({"sparsity"} if name == "sparse_ae" else set())
    for ours, theirs in zip(two, one, strict=True):
        assert terms <= ours.keys()
        assert ours == pytest.approx(theirs, rel=1e-4)


@pytest.mark.parametrize("victim", [0, 1])
def test_a_lost_worker_ends_the_other_and_resume_goes_on(
    victim, write_recipe, tmp_path
):
    recipe = write_recipe("conv_ae", epochs=30)
    out = tmp_path / "two"
    workers = start(recipe, out)
    deadline = time.monotonic() + 120
    while not (out / "checkpoint.npz").exists():
        assert time.monotonic() < deadline, "no checkpoint within two minutes"
        time.sleep(0.05)
    os.kill(workers[victim].pid, signal.SIGKILL)
    killed = time.monotonic()
    codes, logs = finish(workers, out)
    assert time.monotonic() - killed < 60
    assert codes[1 - victim] == 2
    assert "worker was lost" in logs[1 - victim] and "--resume" in logs[1 - victim]
    assert not (out / "model").exists()
    if victim == 1:  # to resume is the same
        return

    codes, logs = finish(start(recipe, out, "--resume"), out)
    assert codes == [0, 0], logs
    expected = train_alone(recipe, tmp_path / "one")
    reached = load_folder(out / "model").get_weights()
    for ours, theirs in zip(reached, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("told", [[0, 1], [1]])
def test_workers_told_to_end_keep_the_step_and_resume_goes_on(
    told, write_recipe, tmp_path
):
    recipe = write_recipe("conv_ae", epochs=30)
    out = tmp_path / "two"
    workers = start(recipe, out)
    deadline = time.monotonic() + 120
    while not (out / "log.csv").exists():
        assert time.monotonic() < deadline, "no epoch within two minutes"
        time.sleep(0.05)
    for index in told:
        os.kill(workers[index].pid, signal.SIGTERM)
    codes, logs = finish(workers, out)
    for index in range(2):
        assert codes[index] == (143 if index in told else 2), logs
        words = "SIGTERM ended" if index in told else "Another worker was told to end"
        assert words in logs[index] and "--resume" in logs[index]
    assert not (out / "model").exists()
    if told == [1]:
        return  # the first worker wrote the checkpoint as when it is told itself

    codes, logs = finish(start(recipe, out, "--resume"), out)
    assert codes == [0, 0], logs
    expected = train_alone(recipe, tmp_path / "one")
    reached = load_folder(out / "model").get_weights()
    for ours, theirs in zip(reached, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_worker_whose_peer_never_comes_says_so(write_recipe, tmp_path):
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
    config = {"cluster": cluster, "task": {"type": "worker", "index": 1}}
    environment = {"TF_CONFIG": json.dumps(config), "AE_ZOO_WORKER_TIMEOUT": "1"}
    words = ["train", write_recipe("conv_ae", steps=1), "--out", tmp_path / "out"]
    process = start_cli(words, tmp_path / "log", environment)
    process.join(60)
    assert process.exitcode == 2
    said = (tmp_path / "log").read_text()
    assert f"No worker came at {cluster['worker'][0]} within 1 s" in said
