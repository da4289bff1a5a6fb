"""The demo: its digits, its figures, its picture."""

import io
import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

import ae_zoo
from ae_zoo.cli import main
from ae_zoo.demo import compute, draw, load_digits
from ae_zoo.demo.compute import CONV, DENOISING, VAE
from ae_zoo.tasks.codec.compressor import CODEC
from ae_zoo.tasks.denoiser import COLOUR_DENOISER
from ae_zoo.tasks.inpainter import INPAINTER

NAMES = CONV, DENOISING, VAE, COLOUR_DENOISER, INPAINTER, CODEC


@pytest.fixture(scope="module")
def digits():
    return load_digits()


@pytest.fixture(scope="module")
def models():
    """Tiny untrained stand-ins for the models of the demo."""
    keras.utils.set_random_seed(0)
    build = ae_zoo.registry.build
    codec = build("factorized_ae", filters=(4, 4, 4, 4))
    codec.bottleneck.finish()
    return {
        CONV: build("conv_ae", filters=(4, 8), latent_dim=8),
        DENOISING: build("denoising_ae", filters=(4, 8), latent_dim=8),
        VAE: build("vae", hidden=(16,), latent_dim=4),
        COLOUR_DENOISER: build(
            "restoration_ae", input_shape=(None, None, 6), filters=(4, 8), blocks=1
        ),
        INPAINTER: build("inpainting_ae", filters=(4, 8), blocks=1),
        CODEC: codec,
    }


@pytest.fixture(scope="module")
def demo(models, digits):
    """The demo of untrained models, on fewer digits so that it is quick."""
    few = tuple(values[:300] for values in digits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compute, "load_digits", lambda: few)
        patch.setattr(compute, "HELD_OUT", 100)
        patch.setattr(compute, "DENOISED", 40)
        patch.setattr(compute, "SPLITS", 2)
        return compute.run(load=models.__getitem__)


@pytest.fixture(scope="module")
def figure(demo):
    return draw(demo)


def test_digits_look_like_mnist(digits):
    images, labels = digits
    assert images.shape == (1797, 28, 28, 1)
    assert images.dtype == np.float32
    assert (images.min(), images.max()) == (0, 1)
    assert (np.bincount(labels) > 170).all()
    ink = images[..., 0]
    rows = (ink > 0.5).any(axis=2)
    heights = 28 - rows.argmax(axis=1) - rows[:, ::-1].argmax(axis=1)
    assert 18 <= np.median(heights) <= 21
    assert 0.1 < ink.mean() < 0.16  # MNIST's is 0.13
    centres = [
        (ink.sum(axis=axis) * np.arange(28)).sum(axis=1) / ink.sum(axis=(1, 2))
        for axis in (1, 2)
    ]
    assert np.abs(np.stack(centres) - 13.5).max() < 0.5


def test_metrics_have_evaluates_keys(demo):
    assert set(demo.metrics) == {
        "denoise_psnr@0.5",
        "mse",
        "probe_accuracy@100",
        "photograph_psnr@25",
        "inpaint_psnr@strokes",
        "compressed_psnr",
        "compressed_bpp",
    }
    assert set(demo.baselines) == {
        "noisy_psnr@0.5",
        "tv_denoise_psnr@0.5",
        "pca_mse",
        "pixels_probe_accuracy@100",
        "pca_probe_accuracy@100",
        "nlm_photograph_psnr@25",
        "biharmonic_inpaint_psnr@strokes",
        "jpeg_psnr",
        "jpeg_bpp",
    }
    figures = demo.metrics | demo.baselines
    assert np.isfinite(list(figures.values())).all()
    assert len(demo.table()) == 6


def test_baselines_are_sound(demo):
    """Known without a model: the PSNR of the noise, and metrics of PCA and pixels."""
    assert demo.baselines["noisy_psnr@0.5"] == pytest.approx(6.02, abs=0.2)
    assert demo.baselines["tv_denoise_psnr@0.5"] > 12
    assert demo.baselines["pca_mse"] < 0.04
    assert demo.baselines["pixels_probe_accuracy@100"] > 0.7
    assert demo.photographs.psnr["noisy"] == pytest.approx(20.4, abs=0.7)
    assert demo.baselines["nlm_photograph_psnr@25"] > 28
    assert demo.baselines["biharmonic_inpaint_psnr@strokes"] > 28


def test_examples_are_one_of_each_class():
    labels = np.array([3, 1, 0, 1, 2, 0])
    assert compute.one_of_each(labels).tolist() == [2, 1, 4, 0]


def test_a_perfect_model_denoises_perfectly(digits):
    clean = digits[0][:12]
    model = SimpleNamespace(reconstruct=lambda noisy: clean)
    denoised = compute.denoise(model, clean, np.arange(10))
    assert denoised.psnr["model"] == pytest.approx(100)
    np.testing.assert_array_equal(denoised.images["model"], clean[:10])
    assert denoised.psnr["noisy"] < denoised.psnr["tv"] < 30


def test_rebuilding_compares_with_a_pca_of_the_other_digits(digits):
    rest, test = digits[0][:200], digits[0][200:240]
    model = SimpleNamespace(code=SimpleNamespace(size=5), reconstruct=lambda x: x + 0.1)
    rebuilt = compute.rebuild(model, rest, test, np.arange(10))
    assert rebuilt.mse["model"] == pytest.approx(0.01, rel=1e-4)
    pixels = rest.reshape(200, -1)
    basis = np.linalg.svd(pixels - pixels.mean(0), full_matrices=False)[2][:5]
    centred = test.reshape(40, -1) - pixels.mean(0)
    error = centred - centred @ basis.T @ basis
    assert rebuilt.mse["pca"] == pytest.approx(np.square(error).mean(), rel=1e-2)
    assert (rebuilt.size, rebuilt.fitted) == (5, 200)


def test_good_codes_beat_pixels(digits):
    images, labels = (values[:300] for values in digits)
    model = SimpleNamespace(
        code=SimpleNamespace(size=10), encode=lambda x: np.eye(10)[labels]
    )
    classified = compute.classify(model, images, labels)
    assert (classified.accuracies["codes"] == 1).all()
    assert 0.7 < classified.accuracies["pixels"].mean() < 0.95
    assert classified.tested == 200


def test_walks_lead_from_digit_to_digit(models, digits):
    images, labels = digits
    examples = images[compute.one_of_each(labels)]
    walks = compute.generate(models[VAE], examples, n=4).walks
    ends = models[VAE].reconstruct(examples)
    np.testing.assert_allclose(walks[:, 0], ends[[0, 2, 4]], atol=1e-5)
    np.testing.assert_allclose(walks[:, -1], ends[[5, 7, 9]], atol=1e-5)


def test_the_picture_is_a_png_with_every_panel(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    image = Image.open(buffer)
    assert image.size == (1960, 1974)
    pixels = np.asarray(image.convert("L"))
    for axes in figure.axes:
        x0, y0, x1, y1 = (round(v) for v in axes.bbox.extents)
        assert pixels[1974 - y1 : 1974 - y0, x0:x1].std() > 1


def test_the_picture_holds_all_it_says(figure, demo):
    """No text and no panel sticks out, and the numbers are those of the demo."""
    box = figure.get_tightbbox()
    assert box.x0 > 0.2
    assert box.y0 > 0.2
    assert box.x1 < figure.get_figwidth() - 0.2
    assert box.y1 < figure.get_figheight() - 0.2
    said = "\n".join(text.get_text() for text in figure.texts)
    assert f"{demo.denoised.psnr['model']:.1f} dB" in said
    assert f"MSE {demo.rebuilt.mse['pca']:.4f}" in said


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_command_writes_the_picture(demo, options, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("ae_zoo.demo.run", lambda progress: demo)
    path = tmp_path / "demo.png"
    assert main(["demo", "-o", str(path), *options]) == 0
    assert Image.open(path).format == "PNG"
    out = capsys.readouterr().out
    if options:
        answer = json.loads(out)
        assert answer["metrics"] == demo.metrics
        assert answer["baselines"] == demo.baselines
        assert answer["picture"] == str(path)
    else:
        assert f"Picture: {path}" in out
        assert f"PCA {demo.rebuilt.mse['pca']:.4f}" in out


@pytest.mark.slow
def test_the_bundled_models_beat_the_baselines():
    if not set(NAMES) <= set(ae_zoo.list_models()):
        pytest.skip("needs the bundled weights")
    demo = compute.run()
    metrics, baselines = demo.metrics, demo.baselines
    assert metrics["denoise_psnr@0.5"] > baselines["tv_denoise_psnr@0.5"] + 1
    assert metrics["mse"] < baselines["pca_mse"]
    assert metrics["photograph_psnr@25"] > baselines["nlm_photograph_psnr@25"] + 1
    assert metrics["compressed_psnr"] > baselines["jpeg_psnr"]
    assert metrics["compressed_bpp"] < baselines["jpeg_bpp"]
    for inputs in ("pixels", "pca"):
        rival = baselines[f"{inputs}_probe_accuracy@100"]
        assert metrics["probe_accuracy@100"] > rival
