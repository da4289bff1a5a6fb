"""`ae-zoo evaluate --data`: weights measured on the user's own examples."""

import json

import keras
import numpy as np
import pytest
from model_cases import BY_ID
from PIL import Image
from skimage import data as pictures
from sklearn.decomposition import PCA

import ae_zoo
from ae_zoo import models, training
from ae_zoo.cli import main
from ae_zoo.errors import InputError
from ae_zoo.evaluation import evaluate_data, inpainting, own_data, reconstruction
from ae_zoo.zoo.folder import save


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return models.dense_ae((12, 12, 1), latent_dim=6)


@pytest.fixture
def folder(digits, tmp_path):
    """The digits as pictures, in two folders."""
    for number, digit in enumerate(digits):
        path = tmp_path / "digits" / "ab"[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        levels = np.rint(digit[..., 0] * 255).astype("uint8")
        Image.fromarray(levels).save(path)
    return tmp_path / "digits"


def by_halves(x, components):
    """PCA of each half, applied to the other, by scikit-learn."""
    order = np.random.default_rng(own_data.SEED).permutation(len(x))
    rows, rebuilt = x.reshape(len(x), -1), np.empty((len(x), x[0].size))
    for fitted, held in ((order[::2], order[1::2]), (order[1::2], order[::2])):
        pca = PCA(components).fit(rows[fitted])
        rebuilt[held] = pca.inverse_transform(pca.transform(rows[held]))
    return rebuilt.reshape(x.shape)


def test_arrays_have_the_metrics_of_the_built_in_evaluation(model, digits, tmp_path):
    np.savez(tmp_path / "x.npz", x=digits, y=np.arange(64))
    told = []
    result = evaluate_data(
        model, tmp_path / "x.npz", lambda what, share: told.append((what, share))
    )
    expected = reconstruction.quality(digits, model.reconstruct(digits))
    assert result["metrics"] == pytest.approx(expected, rel=1e-5)
    assert set(result["metrics"]) == {"mse", "psnr", "ssim"}
    pca = reconstruction.quality(digits, by_halves(digits, 6).astype("float32"))
    pca = {f"pca_{key}": value for key, value in pca.items()}
    assert result["baselines"] == pytest.approx(pca, rel=1e-3)
    assert (result["examples"], result["available"]) == (64, 64)
    assert "fitted to one half of these examples" in result["notes"][0]
    shares = [share for what, share in told if what == "reading"]
    assert shares == sorted(shares) and shares[-1] == 1
    assert ("reconstruction", 0.0) in told


def test_a_folder_and_a_file_give_the_same(model, digits, folder, tmp_path):
    ordered = np.concatenate([digits[::2], digits[1::2]])
    np.save(tmp_path / "x.npy", np.rint(ordered * 255).astype("uint8"))
    one, other = (evaluate_data(model, p) for p in (folder, tmp_path / "x.npy"))
    assert one.pop("data") != other.pop("data")
    assert one == other


def test_few_examples_have_no_baseline_and_many_are_sampled(
    model, digits, tmp_path, monkeypatch
):
    np.save(tmp_path / "few.npy", digits[:13])
    result = evaluate_data(model, tmp_path / "few.npy")
    assert result["baselines"] == {} and result["metrics"]["mse"] > 0
    assert "needs more than 13 examples" in result["notes"][0]
    np.save(tmp_path / "enough.npy", digits[:14])
    assert evaluate_data(model, tmp_path / "enough.npy")["baselines"]
    monkeypatch.setattr(own_data, "MOST_EXAMPLES", 20)
    np.save(tmp_path / "many.npy", digits)
    result = evaluate_data(model, tmp_path / "many.npy")
    assert (result["examples"], result["available"]) == (20, 64)
    assert "a random sample of 20 of the 64" in result["notes"][0]
    monkeypatch.setattr(own_data, "MOST_VALUES", 144 * 15)
    assert evaluate_data(model, tmp_path / "many.npy")["examples"] == 15


def test_questions_without_labels_are_asked(digits, tmp_path, monkeypatch):
    monkeypatch.setattr("ae_zoo.evaluation.denoising.TV_WEIGHTS", (0.5,))
    np.save(tmp_path / "x.npy", digits[:30])
    told = []
    vae = BY_ID["vae-dense"].build()
    found = evaluate_data(
        vae, tmp_path / "x.npy", lambda what, share: told.append((what, share))
    )
    assert {"mse", "elbo", "nll"} <= set(found["metrics"])
    assert "bernoulli_nll" not in found["baselines"]
    assert ("likelihood", 1.0) in told
    found = evaluate_data(BY_ID["sparse_ae-dense"].build(), tmp_path / "x.npy")
    assert "code_dead_fraction" in found["metrics"]
    found = evaluate_data(BY_ID["denoising_ae-dense"].build(), tmp_path / "x.npy")
    assert "tv_denoise_psnr@0.1" in found["baselines"]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Two colour photographs, one of them large, and one in grey with alpha."""
    folder = tmp_path_factory.mktemp("photographs")
    Image.fromarray(pictures.astronaut()[:40, :48]).save(folder / "a.png")
    Image.fromarray(pictures.chelsea()[:64, :50]).save(folder / "b.jpg")
    Image.fromarray(pictures.camera()[:30, :40]).convert("LA").save(folder / "c.png")
    return folder


@pytest.fixture
def quick(monkeypatch):
    """Fewer settings, and no baselines of optional packages."""
    monkeypatch.setattr("ae_zoo.evaluation.restoration.SIGMAS", (25,))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    strokes = inpainting.HOLES["strokes"]
    monkeypatch.setattr(inpainting, "HOLES", {"strokes": strokes})
    monkeypatch.setattr(
        "ae_zoo.evaluation.rate_distortion.PEERS",
        {"jpeg": ((5, 40, 90), {"optimize": True})},
    )


FAMILIES = {
    "restoration_ae": (
        {"psnr@25", "ssim@25", "blind_psnr@25"},
        {"nlm_psnr@25", "nlm_ssim@25"},
    ),
    "inpainting_ae": (
        {"inpaint_psnr@strokes"},
        {"biharmonic_inpaint_psnr@strokes"},
    ),
    "factorized_ae": ({"bpp@0", "psnr@0", "encode_seconds"}, {"jpeg_encode_seconds"}),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_models_of_photographs_take_the_users_own(
    family, photographs, quick, monkeypatch
):
    monkeypatch.setattr(own_data, "SIDE", 48)
    channels = 2 if family == "restoration_ae" else 4  # the map's among them
    model = BY_ID[f"{family}-default"].build(input_shape=(None, None, channels))
    model.finish()
    told = []
    found = evaluate_data(
        model, photographs, lambda what, share: told.append((what, share))
    )
    metrics, baselines = FAMILIES[family]
    assert metrics <= set(found["metrics"])
    assert baselines <= set(found["baselines"])
    assert not any("ms_ssim" in key for key in found["metrics"])  # too small
    assert all(np.isfinite(value) for value in found["metrics"].values())
    assert found["examples"] == 3
    assert found["notes"] == [
        "1 of the pictures are cut to their middle 48 x 48 pixels"
    ]
    assert told[-1][1] == 1.0


def test_arrays_of_photographs(tmp_path):
    x = np.zeros((2, 20, 24, 3), "uint8")
    assert own_data._as_pictures(x, 3).shape == x.shape
    assert own_data._as_pictures(x[0], 3).shape == (1, 20, 24, 3)
    assert own_data._as_pictures(x[..., 0], 1).shape == (2, 20, 24, 1)
    assert own_data._as_pictures(x[..., :1], 1).shape == (2, 20, 24, 1)
    for wrong in (x[..., :2], x[..., 0]):
        with pytest.raises(
            InputError, match="takes pictures \\(n, height, width, 3\\)"
        ):
            own_data._as_pictures(wrong, 3)
    with pytest.raises(InputError, match="height, width, 1"):
        own_data._as_pictures(x, 1)


def test_a_table_has_the_scale_of_the_training(tmp_path):
    rng = np.random.default_rng(0)
    rows = rng.normal([0, 100, 5], [1, 30, 0.1], (40, 3))
    np.savetxt(tmp_path / "t.csv", rows, delimiter=",")
    np.savetxt(tmp_path / "new.csv", rows[:20] / 2, delimiter=",")
    recipe = training.parse_recipe(
        {
            "name": "dense_ae.t",
            "model": {"family": "dense_ae", "input_shape": [3], "latent_dim": 2},
            "data": {"path": str(tmp_path / "t.csv")},
            "training": {"steps": 1, "batch_size": 8},
        }
    )
    weights = training.train(recipe, tmp_path / "run", verbose=False)
    found = evaluate_data(weights, tmp_path / "new.csv")
    low, high = rows.min(axis=0), rows.max(axis=0)
    scaled = ((rows[:20] / 2 - low) / (high - low)).astype("float32")
    rebuilt = ae_zoo.load(weights).reconstruct(scaled)
    assert found["metrics"]["mse"] == pytest.approx(np.mean((rebuilt - scaled) ** 2))
    assert "value in the training" in found["notes"][0]
    (tmp_path / "run" / "scaling.json").write_text("[")
    with pytest.raises(InputError, match="does not hold the scale of a table"):
        evaluate_data(weights, tmp_path / "new.csv")
    (tmp_path / "run" / "scaling.json").unlink()
    assert (
        "of this table itself"
        in evaluate_data(weights, tmp_path / "new.csv")["notes"][0]
    )


@pytest.fixture(scope="module")
def weights(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights") / "mine"
    save(model, folder)
    return folder


def test_the_command_prints_a_table_or_json(weights, folder, capsys):
    assert main(["evaluate", str(weights), "--data", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "psnr" in out and "64 of 64 examples" in out
    assert "- pca is fitted to one half" in out
    assert main(["evaluate", str(weights), "--data", str(folder), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["metrics"]["mse"] > 0 and result["baselines"]["pca_mse"] > 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (np.zeros((3, 8, 8)), "takes arrays of shape (n, 12, 12, 1)"),
        (np.full((3, 12, 12), 200.0), "divide by 255"),
        (np.zeros((3, 12, 12), "int64"), "no agreed range"),
        (np.full((3, 12, 12), np.nan), "NaN"),
        (np.zeros((0, 12, 12)), "empty"),
    ],
)
def test_wrong_arrays_are_one_sentence(content, words, weights, tmp_path, capsys):
    np.save(tmp_path / "x.npy", content)
    words_of_command = ["evaluate", str(weights), "--data", str(tmp_path / "x.npy")]
    assert main(words_of_command) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("error:")
    assert words in captured.err and captured.err.count("\n") == 1


def test_wrong_files_are_one_sentence(weights, folder, tmp_path, capsys):
    (tmp_path / "t.csv").write_text("1,2\n3,4\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.md").write_text("x")
    (folder / "a" / "00.png").write_text("no picture")
    for data, words in (
        ("t.csv", "2 columns but the model takes inputs of shape (12, 12, 1)"),
        ("empty", "nothing to read"),
        ("note.md", "give a folder of images"),
        ("absent", "There is no file or folder"),
        ("absent.npy", "There is no file"),
        ("digits", "00.png"),
    ):
        assert main(["evaluate", str(weights), "--data", str(tmp_path / data)]) == 2
        assert words in capsys.readouterr().err
    both = ["--data", str(folder), "--dataset", "mnist"]
    assert main(["evaluate", str(weights), *both]) == 2
    assert "Choose one of --data and --dataset" in capsys.readouterr().err
