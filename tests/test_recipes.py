"""Recipes as files: what is refused, and which paths they mean."""

import json
import os
import time

import pytest
import yaml

from ae_zoo import training
from ae_zoo.cli import main
from ae_zoo.errors import RecipeError
from ae_zoo.training.inventory import describe_folders

PLAIN = {
    "name": "dense_ae.digits",
    "model": {"family": "dense_ae", "latent_dim": 4, "input_shape": [12, 12, 1]},
    "data": {"path": "digits.npz"},
}


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("training.weight_decay", -0.1, "training.weight_decay must not be negative"),
        ("training.weight_decay", float("nan"), "finite"),
        ("training.learning_rate", float("nan"), "finite"),
        ("training.learning_rate", float("inf"), "finite"),
        ("training.clip_norm", float("inf"), "finite"),
        ("training.warmup_steps", -1, "training.warmup_steps must not be negative"),
        ("training.penalty_warmup_epochs", -1, "must not be negative"),
        ("training.fall", -0.5, "training.fall must be 0 or more, and below 1"),
        ("training.fall", 1.0, "below 1"),
        ("training.pretrain.level", 1.5, "training.pretrain.level .*below 1"),
        ("training.pretrain.level", -0.1, "training.pretrain.level"),
        ("training.pretrain.epochs", 0, "training.pretrain.epochs must be above 0"),
        ("training.seed", 2**32, "training.seed must be at most 2147483647"),
        ("training.epochs", 10**30, "training.epochs must be at most"),
        ("data.window", 0, "data.window must be above 0"),
        ("training.learning_rate", True, "training.learning_rate must be float"),
        ("data.validation", True, "data.validation must be float or str"),
        ("model.beta", float("inf"), "model.beta must be a finite number"),
        ("model.hidden", [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]], "too many brackets"),
        ("reach", {"mse": "<= nan"}, "<= 0.0034"),
        ("name", "../../x", "no path"),
        ("name", "/x", "no path"),
        ("name", "a/b", "no path"),
        ("name", "a\\b", "no path"),
        ("name", "..", "no path"),
        ("name", "", "1 to 100 printable characters"),
        ("name", "x" * 101, "1 to 100 printable characters"),
        ("name", "a\nb", "1 to 100 printable characters"),
    ],
)
def test_wrong_values_are_refused_in_one_sentence(key, value, words):
    content = json.loads(json.dumps(PLAIN))
    with pytest.raises(RecipeError, match=words) as error:
        training.parse_recipe(content, {key: value})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"), [("latent_dim", True), ("hidden", [8, True])]
)
def test_a_boolean_is_no_number_of_a_model(name, value, tmp_path):
    recipe = training.parse_recipe(json.loads(json.dumps(PLAIN)))
    recipe.model |= {"family": "deep_ae", name: value}
    with pytest.raises(RecipeError, match=f"model.{name} must be a number"):
        training.train(recipe, tmp_path / "out", verbose=False)
    assert not (tmp_path / "out").exists()


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join(['*' + before] * 9)}]\n"
    for before, after in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"model: " + b"[" * 5000, "brackets"),
        (b"model: " + b"[" * 5000 + b"]" * 5000, "brackets"),
        (b"name: caf\xe9", "UTF-8"),
        (b"\xff\xfen\x00", "UTF-8"),
        (BOMB.encode(), "alias"),
        (b"name: &a [*a]", "alias"),
        (b"seed: " + b"9" * 5000, "not valid YAML"),
        (b"day: 2020-13-45", "not valid YAML"),
        (b"- a list", "no mapping"),
        (b"", "no mapping"),
    ],
)
def test_a_hostile_file_is_refused_in_one_line(content, words, tmp_path, capsys):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    start = time.perf_counter()
    assert main(["train", str(path), "--print"]) == 2
    assert time.perf_counter() - start < 10
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert words in said.err


def test_brackets_on_the_command_line_are_refused(tmp_path, capsys):
    words = ["train", "conv_ae.mnist", "--print", "--set"]
    assert main([*words, "training.seed=" + "[" * 5000]) == 2
    assert main([*words, "training.learning_rate=Infinity"]) == 2
    assert main(["train", "x" * 5000, "--print"]) == 2
    assert capsys.readouterr().err.count("\n") == 3


def test_training_may_be_left_out():
    recipe = training.parse_recipe(json.loads(json.dumps(PLAIN)))
    assert recipe.training.epochs == 20
    assert training.parse_recipe(json.loads(json.dumps(PLAIN)), {"training": None})
    steps = training.parse_recipe(
        json.loads(json.dumps(PLAIN)), {"training.steps": 3, "training.batch_size": 4}
    )
    assert steps.training.epochs is None


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """The path of a recipe in another folder than the working directory."""
    (tmp_path / "here").mkdir()
    (tmp_path / "there" / "weights").mkdir(parents=True)
    content = {
        "name": "mine.digits",
        "start": "weights",
        "data": {"path": "digits.npz", "validation": "../held_out.npz"},
    }
    path = tmp_path / "there" / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    monkeypatch.chdir(tmp_path / "here")
    return path


def test_paths_are_relative_to_the_recipe_and_kept_absolute(elsewhere, tmp_path):
    recipe = training.load_recipe(os.path.relpath(elsewhere))
    assert recipe.data.path == str(tmp_path / "there" / "digits.npz")
    assert recipe.data.validation == str(tmp_path / "held_out.npz")
    assert recipe.start == str(tmp_path / "there" / "weights")
    (tmp_path / "kept.yaml").write_text(recipe.to_yaml())
    assert training.load_recipe(tmp_path / "kept.yaml") == recipe


def test_paths_of_the_command_line_are_relative_to_the_working_directory(elsewhere):
    changes = {"data.path": "mine.npz", "data.validation": 0.1}
    recipe = training.load_recipe(elsewhere, changes)
    assert recipe.data.path == "mine.npz"
    kept = yaml.safe_load(recipe.to_yaml())
    assert kept["data"]["path"] == os.path.abspath("mine.npz")
    assert kept["data"]["validation"] == 0.1


@pytest.mark.parametrize("start", ["conv_ae.mnist", "hf://org/repo", "hf://o/r@main"])
def test_names_of_weights_are_no_paths(start, elsewhere, tmp_path):
    (tmp_path / "there" / "conv_ae.mnist").mkdir()
    elsewhere.write_text(
        yaml.safe_dump({"name": "x", "start": start, "data": {"path": "d.npz"}})
    )
    recipe = training.load_recipe(elsewhere)
    assert recipe.start == start and start in recipe.to_yaml()


def test_a_folder_is_counted(tmp_path, digits):
    from PIL import Image

    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for i, image in enumerate(digits[:5]):
        picture = Image.fromarray((image[..., 0] * 255).astype("uint8"))
        if i == 0:
            picture = picture.convert("RGB")
        if i == 1:
            picture = picture.resize((20, 20))
        picture.save(folder / "more" / f"{i}.png")
    for name in ("notes.txt", "sound.wav", ".hidden"):
        (folder / name).write_text("x")
    data = training.parse_recipe({**PLAIN, "data": {"path": str(folder)}}).data
    (said,) = describe_folders(data, (12, 12, 1))
    assert said == (
        f"{folder}: 5 files to read, 2 of them converted to 12 x 12 pixels, grey; 2 "
        "ignored."
    )
    data.window = 16
    (said,) = describe_folders(data, (None, None, 1))
    assert "1 files to read" in said and "4 of them smaller than a window" in said
