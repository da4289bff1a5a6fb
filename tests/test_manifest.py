"""The manifest: listing, names, its schema, and what the loader refuses in it."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from zoo_files import fake_weights, make_entry, write_folder, write_manifest

import ae_zoo
from ae_zoo import registry
from ae_zoo.errors import ManifestError, UnknownNameError
from ae_zoo.zoo import manifest
from ae_zoo.zoo.folder import find_problem

PUBLISHED = manifest.read_manifest()["weights"]
NAMES = ["conv_ae.fashion_mnist", "conv_ae.mnist", "vae.mnist", "vae_conv.mnist"]
HUB = {"repo": "org/zoo", "revision": "0123456789" * 4}


def each(entries):
    return pytest.mark.parametrize("entry", entries, ids=lambda entry: entry["name"])


@pytest.fixture
def own_manifest(tmp_path, monkeypatch):
    entries = [make_entry(name, fake_weights()) for name in NAMES]
    entries[2]["tasks"].append("generate")
    path = write_manifest(tmp_path / "own.json", *entries)
    monkeypatch.setenv("AE_ZOO_MANIFEST", str(path))
    return path


@pytest.fixture(scope="module")
def validator():
    path = Path(manifest.__file__).with_name("manifest.schema.json")
    schema = json.loads(path.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_published_manifest_meets_the_schema(validator):
    content = json.loads(manifest.manifest_path().read_text())
    validator.validate(content)
    names = [entry["name"] for entry in content["weights"]]
    assert names == sorted(set(names))


@each(PUBLISHED)
def test_bundled_files_have_the_promised_bytes(entry):
    folder = manifest.bundled_folder(entry["name"])
    if folder is None:
        assert entry["hub"] is not None, "neither bundled nor published"
        pytest.skip("not bundled")
    for file in entry["files"]:
        assert find_problem(folder / file["name"], file) is None


def test_the_bundled_weights_fit_into_a_wheel():
    """Package registries refuse 100 MB; a wheel is little smaller than its weights."""
    paths = [path for path in manifest.weights_path().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in paths) < 90e6


@each(PUBLISHED)
def test_entry_names_what_the_package_has(entry):

    assert entry["name"].endswith(f".{entry['dataset']}")
    assert set(entry["tasks"]) <= set(registry.family(entry["family"]).tasks)
    recipes = Path(ae_zoo.__file__).parent / "recipes"
    assert (recipes / f"{entry['recipe']}.yaml").is_file()


@each(PUBLISHED)
def test_every_weight_was_trained_until_converged_or_to_its_budget(entry):
    from ae_zoo.training import load_recipe

    folder = manifest.weights_path() / entry["name"]
    report = json.loads((folder / "training.json").read_text())
    told = entry["training_data"]
    assert told["epochs"] == len(report["history"])
    training = load_recipe(entry["recipe"]).training
    if training.steps is not None:  # a budget, which the card states
        assert training.schedule == "cosine"
        assert told["epochs"] * training.steps_per_epoch >= training.steps
        return
    assert told["converged"] is report["converged"] is True
    assert training.schedule == "plateau"
    rates = {f"{row['learning_rate']:.3g}" for row in report["history"]}
    assert len(rates) == 4


@each(PUBLISHED)
def test_a_weight_reaches_what_its_recipe_asks_for(entry):
    from ae_zoo.training import load_recipe, missed_limits

    recipe = load_recipe(entry["recipe"])
    assert recipe.reach and not missed_limits(recipe, entry["metrics"])


def test_bundled_folders_are_all_listed():
    folders = {path.name for path in manifest.weights_path().glob("*.*/")}
    assert folders <= {entry["name"] for entry in PUBLISHED}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, NAMES),
        ({"family": "conv_ae"}, NAMES[:2]),
        ({"dataset": "mnist"}, NAMES[1:]),
        ({"task": "generate"}, ["vae.mnist"]),
        ({"pattern": "vae*"}, NAMES[2:]),
        ({"pattern": "*.mnist", "family": "vae"}, ["vae.mnist"]),
        ({"family": "nothing"}, []),
    ],
)
def test_list_models(own_manifest, conditions, expected):
    assert ae_zoo.list_models(**conditions) == expected


def test_names_resolve(own_manifest):
    assert manifest.resolve("vae.mnist")["name"] == "vae.mnist"
    assert manifest.resolve("vae_conv")["name"] == "vae_conv.mnist"
    with pytest.raises(UnknownNameError, match=r"conv_ae\.fashion_mnist, conv_ae\.mni"):
        manifest.resolve("conv_ae")
    with pytest.raises(UnknownNameError, match=r"did you mean .*vae\.mnist"):
        manifest.resolve("vea.mnist")
    with pytest.raises(UnknownNameError, match="ae-zoo list"):
        manifest.resolve("zzzzzz")


def test_own_manifest_has_its_own_bundled_weights(own_manifest):
    assert ae_zoo.model_info("vae.mnist")["bundled"] is False
    write_folder(own_manifest.parent / "weights" / "vae.mnist", fake_weights())
    info = ae_zoo.model_info("vae.mnist")
    assert info.pop("bundled") is True
    assert info == manifest.resolve("vae.mnist")


def test_bundled_folder_stays_inside(own_manifest):
    (own_manifest.parent / "weights").mkdir()
    assert manifest.bundled_folder("..") is None
    assert manifest.bundled_folder("../weights") is None


# Change -> whether the loader itself must refuse it; the schema refuses all.
SHA = "0" * 64
DAMAGE = {
    "name leaves the folder": (lambda e: e.update(name="../../evil"), True),
    "absolute name": (lambda e: e.update(name="/etc/passwd"), True),
    "no family": (lambda e: e.pop("family"), True),
    "tasks is text": (lambda e: e.update(tasks="features"), True),
    "no files": (lambda e: e.update(files=[]), True),
    "weights missing": (lambda e: e["files"].pop(), True),
    "file leaves the folder": (
        lambda e: e["files"].append({"name": "../../x.h5", "sha256": SHA, "size": 1}),
        True,
    ),
    "pickle": (
        lambda e: e["files"].append({"name": "model.pkl", "sha256": SHA, "size": 1}),
        True,
    ),
    "unknown precision": (lambda e: e.update(precision="int8"), True),
    "short sha256": (lambda e: e["files"][0].update(sha256="abc"), True),
    "no sha256": (lambda e: e["files"][0].pop("sha256"), True),
    "sha256 in capitals": (lambda e: e["files"][0].update(sha256="A" * 64), True),
    "negative size": (lambda e: e["files"][0].update(size=-1), True),
    "size is true": (lambda e: e["files"][0].update(size=True), True),
    "branch as revision": (lambda e: e.update(hub=HUB | {"revision": "main"}), True),
    "repo leaves the cache": (lambda e: e.update(hub=HUB | {"repo": "../x"}), True),
    "repo is a path": (lambda e: e.update(hub=HUB | {"repo": "a/b/c"}), True),
    "unknown key": (lambda e: e.update(note="x"), False),
    "no licence": (lambda e: e.pop("licence"), True),
    "no parameters": (lambda e: e.pop("parameters"), True),
    "metric key": (lambda e: e.update(metrics={"Mean Error": 1.0}), False),
    "metric is text": (lambda e: e.update(metrics={"mse": "low"}), False),
    "baseline without method": (lambda e: e.update(baselines={"mse": 1.0}), False),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_entries_are_refused(damage, validator, tmp_path):
    entry = make_entry("vae.mnist", fake_weights(), HUB)
    validator.validate({"weights": [entry]})
    manifest.read_manifest(write_manifest(tmp_path / "good.json", entry))

    change, by_the_loader = DAMAGE[damage]
    damaged = copy.deepcopy(entry)
    change(damaged)
    assert not validator.is_valid({"weights": [damaged]})
    if by_the_loader:
        path = write_manifest(tmp_path / "bad.json", damaged)
        with pytest.raises(ManifestError, match=r"bad\.json"):
            manifest.read_manifest(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weights": {}}', "[" * 100_000])
def test_unreadable_manifest(tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ManifestError, match=r"bad\.json"):
        manifest.read_manifest(path)


def test_missing_and_repeating_manifest(tmp_path):
    with pytest.raises(ManifestError, match="AE_ZOO_MANIFEST"):
        manifest.read_manifest(tmp_path / "missing.json")
    entry = make_entry("vae.mnist", fake_weights())
    with pytest.raises(ManifestError, match="twice"):
        manifest.read_manifest(write_manifest(tmp_path / "two.json", entry, entry))


def test_listing_and_verifying_import_no_framework(own_manifest):
    folder = own_manifest.parent / "weights" / "vae.mnist"
    write_folder(folder, fake_weights())
    script = (
        "import sys, ae_zoo\n"
        "assert ae_zoo.list_models() and ae_zoo.model_info('vae.mnist')\n"
        "assert [row['ok'] for row in ae_zoo.verify()] == [True] * 3\n"
        "ae_zoo.download('vae.mnist')\n"
        "heavy = {'tensorflow', 'keras', 'jax', 'torch', 'sklearn', 'matplotlib',\n"
        "         'numpy', 'huggingface_hub'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=200)
