"""The command line: what it prints where, what it writes, how it fails."""

import importlib
import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
import yaml
from forkserver import Outcome, run_cli, run_script
from PIL import Image
from zoo_files import fake_weights, make_entry, write_folder, write_manifest

import ae_zoo
from ae_zoo import __version__
from ae_zoo.cli import main, output
from ae_zoo.cli.experiments import parse_overrides

LONG_NAME = f"vae_{'very_' * 20}long.mnist"


@pytest.fixture
def cli(capsys):
    """Runs `ae-zoo` with these words in this process."""

    def run(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        return Outcome(code, *capsys.readouterr())

    return run


def with_path(folder):
    """A PYTHONPATH that begins with `folder`."""
    return os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])


def process(
    *words, code="from ae_zoo.cli import main; sys.exit(main())", cwd=None, **env
):
    """Runs `ae-zoo` with these words in a process of its own."""
    command = [sys.executable, "-c", f"import sys\n{code}", *map(str, words)]
    clean = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**clean, **env},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """A zoo of three weights that hold no model, two of them bundled."""
    files = fake_weights(2048)
    entries = [make_entry(name, files) for name in ("conv_ae.mnist", "vae.mnist")]
    entries[1]["tasks"].append("generate")
    entries.append(make_entry(LONG_NAME, files) | {"family": "vae"})
    for name in ("conv_ae.mnist", "vae.mnist"):
        write_folder(tmp_path / "weights" / name, files)
    manifest = write_manifest(tmp_path / "manifest.json", *entries)
    monkeypatch.setenv("AE_ZOO_MANIFEST", str(manifest))
    return tmp_path


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Weights folders of two tiny models: 'vae' and 'dense_ae', of 8 x 8 images."""
    from ae_zoo import models
    from ae_zoo.zoo.folder import save

    folder = tmp_path_factory.mktemp("models")
    shape = {"input_shape": (8, 8, 1), "latent_dim": 3}
    save(models.vae(hidden=(16,), **shape), folder / "vae")
    save(models.dense_ae(**shape), folder / "dense_ae")
    return folder


def is_one_line_error(outcome: Outcome) -> bool:
    """Exit code 2, `error: ...` on stderr, nothing else."""
    one_line = outcome.err.count("\n") == 1 and outcome.err.startswith("error: ")
    return outcome.code == 2 and one_line


# list, info, download, verify


def test_list_as_json_has_what_tools_need(cli, zoo):
    entries = json.loads(cli("list", "--json").out)
    assert {entry["name"]: entry["bundled"] for entry in entries} == {
        "conv_ae.mnist": True,
        "vae.mnist": True,
        LONG_NAME: False,
    }
    for entry in entries:
        assert {"family", "tasks", "dataset", "parameters"} <= entry.keys()


def test_list_in_a_pipe_cuts_nothing(cli, zoo, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    outcome = cli("list")
    assert outcome.code == 0
    assert outcome.err == ""
    row = next(line for line in outcome.out.splitlines() if LONG_NAME in line)
    assert "features, reconstruct" in row
    assert " float32 " in row
    assert "…" not in outcome.out


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["--family", "conv_ae"], ["conv_ae.mnist"]),
        (["--task", "generate"], ["vae.mnist"]),
        (["--dataset", "fashion_mnist"], []),
        (["--pattern", "vae*"], ["vae.mnist", LONG_NAME]),
        (["--pattern", "vae*", "--task", "generate"], ["vae.mnist"]),
    ],
)
def test_list_filters(cli, zoo, filters, expected):
    entries = json.loads(cli("list", "--json", *filters).out)
    assert sorted(entry["name"] for entry in entries) == sorted(expected)


def test_list_says_when_nothing_matches(cli, zoo):
    outcome = cli("list", "--family", "gan")
    assert (outcome.code, outcome.out) == (0, "")
    assert "No model matches" in outcome.err


def test_info_shows_a_baseline_beside_each_metric(cli, zoo):
    outcome = cli("info", "conv_ae.mnist")
    lines = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert "mse 0.01 pca 0.02" in lines
    assert "denoise_psnr@0.5 20 tv 18" in lines
    assert "input 8 x 8 x 1 grey float32 in [0, 1], channels last" in lines
    assert "weights Apache-2.0, bundled, stored as float32" in lines


def test_info_as_json_is_the_entry(cli, zoo):
    entry = json.loads(cli("info", "vae.mnist", "--json").out)
    assert entry == make_entry("vae.mnist", fake_weights(2048)) | {
        "tasks": ["features", "reconstruct", "generate"],
        "bundled": True,
    }


def test_download_prints_the_folder(cli, zoo):
    outcome = cli("download", "vae.mnist")
    assert outcome == (0, f"{zoo / 'weights' / 'vae.mnist'}\n", "")


def test_verify_accepts_intact_weights(cli, zoo):
    outcome = cli("verify", "--json")
    rows = json.loads(outcome.out)
    assert outcome.code == 0
    assert len(rows) == 6
    assert all(row["ok"] for row in rows)


@pytest.mark.parametrize("options", [["--json"], []])
def test_verify_refuses_changed_weights(cli, zoo, options):
    path = zoo / "weights" / "vae.mnist" / "model.weights.h5"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    outcome = cli("verify", *options)
    assert is_one_line_error(outcome)
    assert "1 of 6" in outcome.err
    assert "vae.mnist" in outcome.err
    if options:
        bad = [row for row in json.loads(outcome.out) if not row["ok"]]
        assert [row["file"] for row in bad] == ["model.weights.h5"]


@pytest.mark.parametrize(
    "words", [["list"], ["info", "vae.mnist"], ["verify"], ["--version"], ["--help"]]
)
def test_looking_imports_nothing_heavy(zoo, words):
    code = (
        "from ae_zoo.cli import main; code = main(); "
        "heavy = {'tensorflow', 'keras', 'sklearn', 'matplotlib', 'huggingface_hub', "
        "'numpy'} & sys.modules.keys(); sys.exit(code or ', '.join(heavy) or 0)"
    )
    outcome = process(*words, code=code)
    assert outcome.code == 0, outcome.err


# Mistakes


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["lst"], "lst"),
        (["list", "--famly", "vae"], "--famly"),
        (["info"], "NAME"),
        (["info", "conv_ea.mnist"], "conv_ae.mnist"),
        (["verify", "no_such_model"], "no_such_model"),
        (["generate", "--model", "vae.mnist", "-n", "0"], "-n"),
        (["generate", "--model", "vae.mnist", "-n", "two"], "-n"),
        (["generate", "--model", "vae.mnist", "-o", "grid.gif"], ".npz"),
        (["generate", "--model", "vae.mnist", "-o", "no/grid.png"], "make the folder"),
        (["features", "x.npy", "--model", "vae.mnist", "-o", "x.npy"], ".npz"),
        (["demo", "-o", "demo.pdf"], ".png"),
        (["train", "vae.mnist"], "--out"),
        (["train", "vae.mnist", "--out", "x", "--set", "epochs"], "KEY=VALUE"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_and_2(cli, zoo, words, hint):
    outcome = cli(*words)
    assert is_one_line_error(outcome), outcome.err
    assert hint in outcome.err
    assert outcome.out == ""


def test_a_process_fails_without_a_traceback(zoo):
    outcome = process("info", "nothing.here")
    assert is_one_line_error(outcome), outcome.err


def test_a_broken_manifest_is_one_line(cli, zoo):
    (zoo / "manifest.json").write_text("{")
    assert is_one_line_error(cli("list"))


def test_a_file_that_cannot_be_written_is_one_line(cli, folders, tmp_path):
    target = tmp_path / "grid.png"
    target.mkdir()
    outcome = cli("generate", "--model", folders / "vae", "-o", target)
    assert is_one_line_error(outcome)
    assert "grid.png" in outcome.err


def test_interrupting_is_130_without_a_traceback(cli, zoo, monkeypatch):
    def interrupt(*filters):
        raise KeyboardInterrupt

    monkeypatch.setattr("ae_zoo.zoo.manifest.list_models", interrupt)
    assert cli("list").code == 130


def test_the_installed_command_is_main():
    (script,) = entry_points(group="console_scripts", name="ae-zoo")
    assert script.load() is main


def test_version(cli):
    assert cli("--version").out == f"ae-zoo {__version__}\n"


def test_without_a_command_it_helps(cli):
    outcome = cli()
    assert outcome.code == 0
    commands = "list info download verify demo features generate train evaluate"
    assert set(commands.split()) <= set(outcome.out.split())


# features, generate


def test_generate_writes_a_grid(cli, folders, tmp_path):
    grids = []
    for name, seed in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        path = tmp_path / name
        words = ("-n", 5, "--seed", seed, "-o", path)
        outcome = cli("generate", "--model", folders / "vae", *words)
        assert (outcome.code, outcome.out) == (0, f"{path}\n")
        grids.append(path.read_bytes())
    assert grids[0] == grids[1] != grids[2]
    image = Image.open(tmp_path / "a.png")
    assert image.size == (3 * 112 + 2 * 4, 2 * 112 + 4)
    assert image.mode == "L"


def test_generate_writes_arrays(cli, folders, tmp_path):
    path = tmp_path / "new.npz"
    cli("generate", "--model", folders / "vae", "-n", 3, "-o", path)
    images = np.load(path)["images"]
    assert images.shape == (3, 8, 8, 1)
    assert images.dtype == np.float32
    assert 0 <= images.min() < images.max() <= 1


def test_generate_refuses_a_model_without_a_prior(cli, folders, tmp_path):
    words = ("--model", folders / "dense_ae", "-o", tmp_path / "grid.png")
    outcome = cli("generate", *words)
    assert is_one_line_error(outcome)
    assert "prior" in outcome.err
    assert not list(tmp_path.iterdir())


def test_features_of_an_array(cli, folders, tmp_path):
    from ae_zoo import load

    x = np.random.default_rng(0).random((6, 8, 8, 1), dtype="float32")
    np.savez(tmp_path / "x.npz", x=x, y=np.arange(6))
    to = tmp_path / "codes.npz"
    outcome = cli("features", tmp_path / "x.npz", "--model", folders / "vae", "-o", to)
    assert (outcome.code, outcome.out) == (0, f"{to}\n")
    written = np.load(to)
    expected = load(folders / "vae").encode(x)
    np.testing.assert_allclose(written["codes"], expected, rtol=1e-5)
    np.testing.assert_array_equal(written["labels"], np.arange(6))


def test_features_of_a_folder_at_an_inner_layer(cli, folders, tmp_path):
    for i in range(2):
        Image.new("L", (9, 9), 100 * i).save(tmp_path / f"{i}.png")
    to = tmp_path / "codes.npz"
    words = ("--model", folders / "vae", "--key", "hidden_1", "-o", to)
    assert cli("features", tmp_path, *words).code == 0
    written = np.load(to)
    assert written["codes"].shape == (2, 16)
    assert written["paths"].tolist() == ["0.png", "1.png"]


@pytest.mark.parametrize(
    ("source", "options"),
    [("missing.npy", []), ("broken.npy", []), ("x.npy", ["--key", "conv_9"])],
)
def test_features_refuses_what_does_not_fit(cli, folders, tmp_path, source, options):
    (tmp_path / "broken.npy").write_bytes(b"no array")
    np.save(tmp_path / "x.npy", np.zeros((1, 8, 8, 1), "float32"))
    to = tmp_path / "codes.npz"
    words = ("--model", folders / "vae", *options, "-o", to)
    outcome = cli("features", tmp_path / source, *words)
    assert is_one_line_error(outcome)
    assert not to.exists()


@pytest.mark.slow
def test_a_process_prints_its_result_and_no_log(folders, tmp_path):
    path = tmp_path / "grid.png"
    outcome = process("generate", "--model", folders / "vae", "-o", path)
    assert outcome == (0, f"{path}\n", "")


def test_a_grid_keeps_every_pixel():
    from ae_zoo.evaluation.pictures import image_grid, to_pillow

    images = np.zeros((3, 2, 4, 3), "float32")
    images[2, 1, 3] = 1, 0.5, 0
    grid = np.asarray(to_pillow(image_grid(images, gap=1, scale=2)))
    assert grid.shape == (2 * 4 + 1, 2 * 8 + 1, 3)
    assert (grid[5 + 2 : 5 + 4, 6:8] == (255, 128, 0)).all()
    assert (grid[:4, :8] == 0).all()
    assert (grid[5:, 9:] == 255).all()
    assert image_grid(images, columns=3).shape == (2, 12, 3)


def test_generate_refuses_a_picture_of_rows(cli, tmp_path):
    from ae_zoo import models
    from ae_zoo.zoo.folder import save

    model = models.vae(input_shape=(20,), hidden=(8,), latent_dim=2)
    save(model, tmp_path / "rows")
    words = ("--model", tmp_path / "rows", "-o", tmp_path / "grid.png")
    outcome = cli("generate", *words)
    assert is_one_line_error(outcome) and ".npz" in outcome.err
    assert not (tmp_path / "grid.png").exists()


# train, evaluate


def test_train_prints_the_recipe_with_what_was_set(cli):
    words = ("--set", "training.epochs=3", "--set", "model.filters=[8, 16]")
    outcome = cli("train", "conv_ae.mnist", *words, "--print")
    recipe = yaml.safe_load(outcome.out)
    assert recipe["training"]["epochs"] == 3
    assert recipe["model"]["filters"] == [8, 16]
    assert recipe["data"]["name"] == "mnist"


def test_train_names_a_wrong_key(cli):
    words = ("--set", "training.epoch=3", "--print")
    outcome = cli("train", "conv_ae.mnist", *words)
    assert is_one_line_error(outcome)
    assert "training.epochs" in outcome.err


def test_train_gives_the_folder_alone_on_stdout(cli, monkeypatch, tmp_path):
    def train(recipe, out, **options):
        print("Epoch 1/7")
        assert (recipe.name, recipe.training.epochs) == ("conv_ae.mnist", 7)
        assert options == {"strategy": "single", "resume": True, "tensorboard": False}
        return out / "model"

    monkeypatch.setattr("ae_zoo.training.train", train)
    words = ("--out", tmp_path, "--set", "training.epochs=7")
    outcome = cli("train", "conv_ae.mnist", *words, "--resume", "--strategy", "single")
    assert outcome.out == f"{tmp_path / 'model'}\n"
    assert "Epoch 1/7" in outcome.err
    assert f"ae-zoo evaluate {tmp_path / 'model'} --dataset mnist" in outcome.err


@pytest.mark.parametrize(("limit", "code"), [("<= 0.02", 0), ("<= 0.01", 1)])
def test_train_measures_what_must_be_reached(cli, monkeypatch, tmp_path, limit, code):
    folder = tmp_path / "model"
    monkeypatch.setattr("ae_zoo.training.train", lambda *_, **__: folder)
    monkeypatch.setattr("ae_zoo.evaluation.evaluate", lambda *_, **__: RESULT)
    reach = json.dumps({"mse": limit})
    words = ("--out", tmp_path, "--evaluate", "--json", "--set", f"reach={reach}")
    outcome = cli("train", "vae.mnist", *words)
    assert outcome.code == code
    result = json.loads(outcome.out)
    assert result["metrics"] == RESULT["metrics"]
    assert len(result["missed"]) == code
    assert ("mse is 0.012346, but must be <= 0.01" in outcome.err) == bool(code)


def test_train_goes_on_from_published_weights(cli, tmp_path, digits):
    np.savez(tmp_path / "mine.npz", x=np.pad(digits, ((0, 0), (8, 8), (8, 8), (0, 0))))
    words = ("--from", "conv_ae.mnist", "--data", tmp_path / "mine.npz")
    words += ("--out", tmp_path / "out", "--set", "training.epochs=1", "--json")
    outcome = cli("train", *words)
    assert json.loads(outcome.out)["name"] == "conv_ae.mnist.mine"
    model = ae_zoo.load(tmp_path / "out" / "model")
    assert model.code.size == 32


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ((), "--from NAME"),
        (("--from", "conv_ae.mnist"), "--data DATA"),
        (("conv_ae.mnist", "--strategy", "both"), "mirrored"),
        (("conv_ae.mnist", "--data", "nowhere/"), "nowhere"),
        (("--from", "conv_ae.mnst", "--data", "DIGITS"), "conv_ae.mnist"),
    ],
)
def test_train_names_what_is_missing(cli, tmp_path, digits, words, remedy):
    np.savez(tmp_path / "digits.npz", x=digits)
    words = [word.replace("DIGITS", str(tmp_path / "digits.npz")) for word in words]
    outcome = cli("train", *words, "--out", tmp_path / "out")
    assert is_one_line_error(outcome)
    assert remedy in outcome.err


def test_overrides_are_json_or_strings():
    settings = ["a=1", "b.c=1e-3", "d=[1, 2]", "e=conv", "f=true", "g=null", "h=x=y"]
    assert parse_overrides(settings) == {
        "a": 1,
        "b.c": 0.001,
        "d": [1, 2],
        "e": "conv",
        "f": True,
        "g": None,
        "h": "x=y",
    }


RESULT = {
    "name": "vae.mnist",
    "metrics": {"mse": 0.0123456, "psnr": 21.0},
    "baselines": {"pca_mse": 0.02, "noisy_psnr@0.5": 6.0},
}


@pytest.fixture
def measured(monkeypatch):
    """Replaces measuring by a function with known results that prints a lot."""
    asked = []

    def evaluate(name, dataset, progress):
        asked.append((name, dataset))
        progress("reconstruction")
        print("chatter")
        return RESULT

    monkeypatch.setattr("ae_zoo.evaluation.evaluate", evaluate)
    return asked


def test_evaluate_prints_json_alone(cli, measured):
    outcome = cli("evaluate", "vae.mnist", "--dataset", "kmnist", "--json")
    assert json.loads(outcome.out) == RESULT
    assert measured == [("vae.mnist", "kmnist")]


def test_evaluate_prints_every_figure_in_a_table(cli, measured):
    outcome = cli("evaluate", "vae.mnist")
    lines = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert "mse 0.01235 pca 0.02" in lines
    assert "psnr 21" in lines
    assert "noisy_psnr@0.5 6" in lines


@pytest.mark.parametrize(
    ("script", "words"), [("evaluate", ["no_such"]), ("train", ["vae.mnist"])]
)
def test_scripts_end_with_the_exit_code(root, script, words):
    path = root / "scripts" / f"{script}.py"
    assert run_script(path, *words).code == 2
    assert run_script(path, "--help").code == 0


# Families of the user's own

MODULE = """
from ae_zoo.assemble import join
from ae_zoo.backbones.dense import DenseBackbone
from ae_zoo.bottlenecks.plain import PlainBottleneck
from ae_zoo.registry import register

print("chatter")


@register("my_ae", reference="Mine, 2026", tasks=("features", "reconstruct"))
def my_ae(input_shape=(28, 28, 1), latent_dim=4):
    "A dense autoencoder of my own."
    backbone = DenseBackbone(input_shape, hidden=(16,))
    return join(backbone, PlainBottleneck(latent_dim))
"""


def test_a_family_of_a_module_works_everywhere(tmp_path, digits):
    (tmp_path / "my_module.py").write_text(MODULE)
    x = np.pad(digits, ((0, 0), (8, 8), (8, 8), (0, 0)))
    np.savez(tmp_path / "digits.npz", x=x)
    recipe = {
        "name": "my_ae.digits",
        "model": {"family": "my_ae", "latent_dim": 5},
        "data": {"path": "digits.npz"},
        "training": {"steps": 2, "batch_size": 16},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    mine = ("--import", "my_module")
    words = ("train", "recipe.yaml", "--out", "out", "--json")
    outcome = run_cli(*mine, *words, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["name"] == "my_ae.digits"
    words = ("features", "digits.npz", "--model", "out/model")
    outcome = run_cli(*mine, *words, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert np.load(tmp_path / "codes.npz")["codes"].shape == (64, 5)
    outcome = run_cli(*words, cwd=tmp_path)  # not imported
    assert is_one_line_error(outcome) and "my_ae" in outcome.err


def test_a_model_of_a_module_is_measured(tmp_path, data_dir):
    (tmp_path / "my_module.py").write_text(MODULE)
    code = (
        "from my_module import my_ae\n"
        "from ae_zoo.zoo.folder import save\n"
        "save(my_ae(), 'model')"
    )
    assert process(code=code, cwd=tmp_path, PYTHONPATH=with_path(tmp_path)).code == 0
    code = (
        "from ae_zoo.evaluation import questions\n"
        "questions.QUESTIONS = questions.QUESTIONS[:1]  # the others take long\n"
        "load = questions.load_arrays\n"
        "questions.load_arrays = lambda a, b, *c: load(a, f'{b}[:500]', *c)\n"
        "from ae_zoo.cli import main\n"
        "sys.exit(main())"
    )
    words = ("evaluate", "model", "--dataset", "mnist", "--json")
    words = ("--import", "my_module", *words)
    outcome = process(*words, code=code, cwd=tmp_path, TFDS_DATA_DIR=str(data_dir))
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["metrics"]["mse"] > 0


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("absent", "", "There is no module 'absent'"),
        ("broken.inner", "", "There is no module 'broken.inner'"),
        ("broken", "import absent", "No module named 'absent'"),
        ("broken", "1 / 0", "ZeroDivisionError: division by zero"),
        ("broken", "def", "SyntaxError"),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_line(
    cli, tmp_path, monkeypatch, name, content, hint
):
    (tmp_path / "broken.py").write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    importlib.invalidate_caches()
    outcome = cli("--import", name, "list")
    assert is_one_line_error(outcome), outcome.err
    assert hint in outcome.err
    assert outcome.out == ""


def test_modules_are_imported_in_order(cli, zoo, monkeypatch):
    (zoo / "first_of_two.py").write_text("import sys\nsys.order = [1]")
    (zoo / "second_of_two.py").write_text("import sys\nsys.order.append(2)")
    monkeypatch.chdir(zoo)
    monkeypatch.setattr(sys, "path", [*sys.path])
    words = ("--import", "first_of_two", "--import", "second_of_two", "list", "--json")
    assert len(json.loads(cli(*words).out)) == 3
    assert sys.order == [1, 2]


# Files


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "codes.npz"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), output.new_file(path) as file:
        file.write(b"half of the new")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_relative_path_is_written_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with output.new_file(Path("new.txt")) as file:
        file.write(b"new")
    assert (tmp_path / "new.txt").read_bytes() == b"new"
