"""`ae-zoo info FOLDER`: weights folders and folders of trainings."""

import json

import numpy as np
import pytest

from ae_zoo import models, training
from ae_zoo.cli import main
from ae_zoo.zoo.folder import save
from ae_zoo.zoo.manifest import bundled_folder, model_info


@pytest.fixture(scope="module")
def run(tmp_path_factory, digits):
    """The folder of a finished training."""
    folder = tmp_path_factory.mktemp("info")
    np.savez(folder / "digits.npz", x=digits)
    recipe = training.parse_recipe(
        {
            "name": "fsq_ae.digits",
            "model": {
                "family": "fsq_ae",
                "input_shape": [12, 12, 1],
                "filters": [4, 8],
                "output": "linear",
            },
            "data": {"path": str(folder / "digits.npz")},
            "training": {"steps": 2, "steps_per_epoch": 1, "batch_size": 8},
        }
    )
    training.train(recipe, folder / "run", verbose=False)
    return folder / "run"


def told(capsys, *words):
    code = main(["info", *map(str, words)])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return captured.out


def test_a_run_and_its_weights_say_the_same(run, capsys):
    found = json.loads(told(capsys, run, "--json"))
    assert json.loads(told(capsys, run / "model", "--json")) == found
    assert found["family"] == "fsq_ae" and found["precision"] == "float32"
    assert found["input"]["shape"] == [12, 12, 1]
    assert found["input"]["range"] == [0, 1]  # as recipes scale their data
    assert found["code"]["levels"] == 1000
    assert found["training"]["data"].endswith("digits.npz")
    assert found["training"]["epochs"] == 2 and found["training"]["seconds"] >= 0
    names = [file["name"] for file in found["files"]]
    assert names == ["config.json", "model.weights.h5"]
    table = told(capsys, run)
    for words in ("3 x 3 x 4", "12 x 12 x 1 float32 in [0, 1]", "2 epochs", "CPU"):
        assert words in table


def test_weights_alone_do_not_know_their_training(tmp_path, capsys):
    save(models.dense_ae((5,), latent_dim=2, output="linear"), tmp_path / "mine")
    found = json.loads(told(capsys, tmp_path / "mine", "--json"))
    assert found["training"] is None and found["input"]["range"] is None
    assert found["parameters"] == 28  # as Keras counts: with the penalty's scale
    table = told(capsys, tmp_path / "mine")
    assert "not recorded in this folder" in table and "in any values" in table


def test_a_bundled_folder_has_the_manifests_training(capsys):
    found = json.loads(told(capsys, bundled_folder("conv_ae.mnist"), "--json"))
    entry = model_info("conv_ae.mnist")
    for key in ("family", "tasks", "parameters", "code"):
        assert found[key] == entry[key]
    assert found["input"].items() <= entry["input"].items()
    assert found["training"]["data"] == "mnist"
    assert found["training"]["hardware"] == entry["training_data"]["hardware"]


def test_other_folders_are_one_sentence(run, tmp_path, capsys, monkeypatch):
    (tmp_path / "empty").mkdir()
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    (unfinished / "recipe.yaml").write_bytes((run / "recipe.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    for name, words in (
        ("empty", "holds neither weights nor a training"),
        ("./empty", "holds neither weights nor a training"),
        ("unfinished", "is not finished: go on with `ae-zoo train"),
        ("./absent", "There is no weights folder absent"),
        ("absent", "Unknown model 'absent'"),
    ):
        assert main(["info", name]) == 2
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1


def test_a_broken_history_is_one_sentence(run, tmp_path, capsys):
    history = run / "history.json"
    content = history.read_text()
    history.write_text("[" * 100_000)
    try:
        assert main(["info", str(run)]) == 2
    finally:
        history.write_text(content)
    assert "Cannot read" in capsys.readouterr().err
