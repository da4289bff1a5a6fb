"""The evaluation against known answers and slow references."""

import io
import math

import numpy as np
import pytest
from PIL import Image
from skimage import data
from sklearn.decomposition import PCA

import ae_zoo
from ae_zoo import evaluation, models, registry
from ae_zoo.errors import InputError, UnknownNameError
from ae_zoo.evaluation import (
    Measured,
    denoising,
    inpainting,
    likelihood,
    probe,
    questions,
    rate_distortion,
    reconstruction,
    restoration,
    sparsity,
)

SHAPE = (12, 12, 1)
CLASSES = 4


def blobs(n, seed):
    """Soft squares, one corner a class: images `(n, 12, 12, 1)` and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, n)
    images = 0.1 * rng.random((n, *SHAPE), dtype="float32")
    for image, label in zip(images, labels, strict=True):
        top, left = 6 * (label // 2), 6 * (label % 2)
        image[top + 1 : top + 5, left + 1 : left + 5] += rng.uniform(0.6, 0.9)
    return images, labels


TRAIN, TEST = blobs(300, seed=0), blobs(80, seed=1)


@pytest.fixture
def synthetic_data(monkeypatch):
    """`evaluate` finds the squares under any name."""
    splits = {"train": TRAIN, "test": TEST}
    monkeypatch.setattr(
        questions, "load_arrays", lambda name, split, data_dir, shape: splits[split]
    )


def subject(model):
    return Measured(model, TRAIN, TEST)


def test_pca_baseline_is_sklearns():
    _, baselines = reconstruction.measure(subject(models.dense_ae(SHAPE, latent_dim=5)))
    train, test = (x.reshape(len(x), -1).astype("float64") for x in (TRAIN[0], TEST[0]))
    pca = PCA(5, svd_solver="full").fit(train)
    errors = np.square(pca.inverse_transform(pca.transform(test)) - test)
    assert baselines["pca_mse"] == pytest.approx(errors.mean(), rel=1e-5)
    psnr = np.mean(-10 * np.log10(errors.mean(axis=1)))
    assert baselines["pca_psnr"] == pytest.approx(psnr, rel=1e-5)


def test_pca_with_more_components_than_pixels_is_exact():
    _, baselines = reconstruction.measure(
        subject(models.sparse_ae(SHAPE, latent_dim=200))
    )
    assert baselines["pca_mse"] < 1e-10


def test_pca_codes_hold_no_rounding_noise():
    images, labels = TRAIN
    framed = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    model = models.sparse_ae(framed.shape[1:], latent_dim=300)
    codes = Measured(model, (framed, labels), (framed, labels)).pca_test_codes
    assert codes.shape == (300, 144)


def test_identical_images_have_the_best_quality():
    images = TEST[0]
    assert reconstruction.quality(images, images) == {
        "mse": 0.0,
        "psnr": 100.0,
        "ssim": pytest.approx(1.0),
    }


def test_quality_of_a_known_error():
    images = np.zeros((3, *SHAPE), "float32")
    off = images + np.array([0.1, 0.1, 0.01], "float32").reshape(-1, 1, 1, 1)
    quality = reconstruction.quality(images, off)
    assert quality["mse"] == pytest.approx((0.01 + 0.01 + 0.0001) / 3, rel=1e-5)
    assert quality["psnr"] == pytest.approx((20 + 20 + 40) / 3, rel=1e-5)
    assert quality["ssim"] < 0.99


def test_clustering_accuracy_ignores_the_names_of_clusters():
    labels = np.array([0, 0, 1, 1, 2, 2, 2, 2])
    assert probe.clustering_accuracy(labels, (labels + 1) % 3) == 1.0
    one_wrong = np.array([2, 2, 0, 0, 1, 1, 1, 0])
    assert probe.clustering_accuracy(labels, one_wrong) == 7 / 8


def test_code_quality_of_separate_and_of_meaningless_codes():
    labels, test_labels = TRAIN[1], TEST[1]
    rng = np.random.default_rng(0)
    noise = [rng.normal(size=(len(y), 6)) for y in (labels, test_labels)]
    separate = [
        np.eye(6)[y] + 0.05 * e
        for y, e in zip((labels, test_labels), noise, strict=True)
    ]
    assert set(
        probe.code_quality(*separate, labels, test_labels).values()
    ) == {1.0}  # fmt: skip
    meaningless = probe.code_quality(*noise, labels, test_labels)
    assert max(meaningless.values()) < 0.5
    assert meaningless["kmeans_nmi"] < 0.2


def test_inner_layers_up_to_the_widest_are_probed(monkeypatch):
    model = models.conv_ae(SHAPE, latent_dim=4, filters=(4, 2))
    monkeypatch.setattr(probe, "WIDEST_FEATURE", 3 * 3 * 2)
    metrics, baselines = probe.measure(subject(model))
    figures = {"probe_accuracy", "knn_accuracy", "kmeans_accuracy", "kmeans_nmi"}
    assert set(metrics) == figures | {"probe_accuracy@conv_2"}
    assert set(baselines) == {f"pca_{key}" for key in figures}
    assert metrics["probe_accuracy@conv_2"] > 0.9


def test_importance_weights_against_numpy():
    model = models.vae(SHAPE, latent_dim=3, hidden=(8,))
    bits = likelihood.binarise(TEST[0][:5])
    # 7 samples make batches of 2 images: the noise is drawn batch after batch.
    samples, seed = 7, 3
    weights = likelihood.log_importance_weights(model, bits, samples, seed)

    noise = np.random.default_rng(seed).standard_normal(
        (len(bits), samples, 3), dtype="float32"
    )
    mean = model.encode(bits)
    hidden = model.features(bits, "hidden_1")
    kernel, bias = (np.array(w) for w in model.bottleneck.log_variance.weights)
    deviation = np.exp((hidden @ kernel + bias) / 2)
    for i, x in enumerate(bits):
        for k in range(samples):
            z = mean[i] + deviation[i] * noise[i, k]
            p = model.decode(z[None])[0].astype("float64")
            log_likelihood = np.sum(x * np.log(p) + (1 - x) * np.log(1 - p))
            log_prior = np.sum(-(z**2) / 2 - math.log(2 * math.pi) / 2)
            log_posterior = np.sum(
                -(((z - mean[i]) / deviation[i]) ** 2) / 2
                - np.log(deviation[i])
                - math.log(2 * math.pi) / 2
            )
            expected = log_likelihood + log_prior - log_posterior
            assert weights[i, k] == pytest.approx(expected, abs=1e-3)


def test_likelihood_of_a_decoder_that_ignores_the_code():
    # Then p(x) is 2^-144 and the true posterior is the prior, whatever z is.
    model = models.vae(SHAPE, latent_dim=3, hidden=())
    for weight in (*model.decoder.weights, *model.bottleneck.weights):
        if weight.name != "penalty_scale":
            weight.assign(np.zeros(weight.shape))
    metrics, _ = likelihood.measure(subject(model))
    assert metrics["nll"] == pytest.approx(144 * math.log(2), rel=1e-6)
    assert metrics["elbo"] == pytest.approx(-144 * math.log(2), rel=1e-6)


def test_importance_weighting_tightens_the_bound():
    model = models.vae(SHAPE, latent_dim=3, hidden=(8,))
    metrics, baselines = likelihood.measure(subject(model))
    assert metrics["nll"] < -metrics["elbo"]
    assert 0 < baselines["bernoulli_nll"] < 144 * math.log(2)


def test_log_mean_exp_survives_huge_weights():
    weights = np.array([[-1e5, -1e5], [1e5, 1e5 + math.log(3)]])
    assert likelihood.log_mean_exp(weights) == pytest.approx(
        [-1e5, 1e5 + math.log(2)], rel=1e-12
    )


def test_binarisation_has_the_grey_values_as_means():
    bits = likelihood.binarise(np.full((50, *SHAPE), 0.3, "float32"))
    assert set(np.unique(bits)) == {0, 1}
    assert bits.mean() == pytest.approx(0.3, abs=0.02)
    assert np.all(likelihood.binarise(np.ones((2, *SHAPE))) == 1)
    assert np.all(likelihood.binarise(np.zeros((2, *SHAPE))) == 0)


def test_bernoulli_nll_of_fair_pixels():
    train = np.full((10, *SHAPE), 0.5, "float32")
    bits = likelihood.binarise(TEST[0])
    assert likelihood.bernoulli_nll(train, bits) == pytest.approx(144 * math.log(2))


def test_restoration_stands_between_noise_and_total_variation(monkeypatch):
    monkeypatch.setattr(denoising, "IMAGES", 20)
    model = models.denoising_ae(SHAPE, latent_dim=4)
    monkeypatch.setattr(model, "reconstruct", lambda noisy: TEST[0][:20] + 0 * noisy)
    metrics, baselines = denoising.measure(subject(model))
    assert metrics == {
        f"denoise_psnr@{sigma}": 100.0 for sigma in (0.1, 0.25, 0.5, 0.75)
    }
    for sigma in (0.1, 0.25, 0.5, 0.75):
        expected = -20 * math.log10(sigma)
        assert baselines[f"noisy_psnr@{sigma}"] == pytest.approx(expected, abs=0.3)
        assert baselines[f"tv_denoise_psnr@{sigma}"] > expected + 2


def test_total_variation_has_its_best_weight():
    clean = TEST[0][:5]
    noisy = denoising.add_noise(clean, 0.5)
    best = denoising.best_tv_psnr(clean, noisy, 0.5)
    for weight in denoising.TV_WEIGHTS:
        denoised = denoising.tv_denoise(noisy, weight * 0.5)
        assert reconstruction.psnr(clean, denoised).mean() <= best


@pytest.mark.parametrize(
    ("options", "off"),
    [({"activation": "relu"}, 0.0), ({"activation": "sigmoid", "penalty": "kl"}, 0.4)],
)
def test_sparsity_of_a_known_code(options, off, monkeypatch):
    model = models.sparse_ae(SHAPE, latent_dim=4, **options)
    codes = np.full((80, 4), off, "float32")
    codes[:, 0] = 0.9  # always active
    codes[:20, 1] = 0.6  # active on a quarter of the images
    monkeypatch.setattr(model, "features", lambda x, pool: codes)
    metrics, baselines = sparsity.measure(subject(model))
    assert metrics == pytest.approx(
        {
            "code_mean_activation": (0.9 + 0.25 * 0.6 + 2.75 * off) / 4,
            "code_active_fraction": 1.25 / 4,
            "code_dead_fraction": 0.5,
        }
    )
    assert baselines == {}


@pytest.mark.parametrize(
    ("family", "arguments", "asked"),
    [
        ("conv_ae", {}, set()),
        ("vae", {}, {"likelihood"}),
        ("vae", {"loss": "mse"}, set()),
        ("denoising_ae", {}, {"denoising"}),
        ("denoising_ae", {"noise": "masking"}, set()),
        ("sparse_ae", {"latent_dim": 20}, {"sparsity"}),
    ],
)
def test_evaluate_asks_what_applies(
    family, arguments, asked, synthetic_data, monkeypatch, eager
):
    monkeypatch.setattr(denoising, "IMAGES", 4)
    monkeypatch.setattr(likelihood, "SAMPLES", 5)
    model = registry.build(family, input_shape=SHAPE, **arguments)
    questions = []
    result = evaluation.evaluate(model, "squares", progress=questions.append)
    assert set(questions) == {"reconstruction", "probe"} | asked
    assert result["name"] == family

    metrics, baselines = result["metrics"], result["baselines"]
    assert {"mse", "psnr", "ssim", "probe_accuracy", "knn_accuracy"} <= set(metrics)
    assert {"pca_mse", "pca_kmeans_nmi"} <= set(baselines)
    assert ("nll" in metrics) == ("likelihood" in asked)
    assert ("denoise_psnr@0.5" in metrics) == ("denoising" in asked)
    assert ("code_dead_fraction" in metrics) == ("sparsity" in asked)
    for value in (*metrics.values(), *baselines.values()):
        assert type(value) is float
        assert math.isfinite(value)


def test_evaluate_gives_the_same_numbers_again(synthetic_data):
    model = models.vae(SHAPE, latent_dim=3, hidden=(8,))
    first = evaluation.evaluate(model, "squares")
    assert evaluation.evaluate(model, "squares") == first


@pytest.fixture
def zoo(monkeypatch):
    """A zoo of one listed model, with a folder outside the manifest."""
    from ae_zoo.zoo import loader, manifest

    entry = {"name": "dense_ae.squares", "dataset": "squares"}

    def model_info(name):
        if name not in ("dense_ae", "dense_ae.squares"):
            raise UnknownNameError(f"Unknown model {name!r}")
        return entry

    model = models.dense_ae(SHAPE, latent_dim=3)
    monkeypatch.setattr(loader, "load", lambda name: model)
    monkeypatch.setattr(manifest, "model_info", model_info)


def test_evaluate_takes_the_dataset_from_the_manifest(zoo, monkeypatch):
    loaded = []
    monkeypatch.setattr(
        questions,
        "load_arrays",
        lambda *where: loaded.append(where) or TEST,
    )
    result = evaluation.evaluate("dense_ae", data_dir="here")
    assert result["name"] == "dense_ae.squares"
    assert loaded == [("squares", split, "here", SHAPE) for split in ("train", "test")]


def test_evaluate_takes_a_folder_with_a_dataset(zoo, synthetic_data):
    assert evaluation.evaluate("runs/mine", "squares")["name"] == "runs/mine"
    with pytest.raises(InputError, match=r"runs/mine.*dataset"):
        evaluation.evaluate("runs/mine")


def test_evaluate_asks_for_the_dataset_of_a_nameless_model():
    with pytest.raises(InputError, match="dataset"):
        evaluation.evaluate(models.dense_ae(SHAPE))


def test_evaluate_refuses_images_of_another_shape(synthetic_data):
    with pytest.raises(InputError, match="another dataset"):
        evaluation.evaluate(models.dense_ae((8, 8, 1)), "squares")


def test_evaluate_is_public():
    assert ae_zoo.evaluation.evaluate is evaluation.evaluate


@pytest.fixture
def photographs(monkeypatch):
    """Replaces every set by two small photographs, and skips slow baselines."""
    colour = [data.astronaut()[:96, :80], data.coffee()[100:180, 100:220]]

    def load(name, split, data_dir):
        grey = name in ("bsd68", "set12")
        return [x[..., :1] if grey else x for x in colour]

    monkeypatch.setattr("ae_zoo.evaluation.measured.load_pictures", load)
    means, equations = restoration.non_local_means, inpainting.biharmonic
    monkeypatch.setattr(restoration, "peers", lambda: {"nlm": means})
    monkeypatch.setattr(inpainting, "_peers", lambda: {"biharmonic": equations})


class Perfect:
    """A task that returns the original photographs plus `error`."""

    def __init__(self, clean, error):
        self.clean, self.error = clean, error

    def restore_pixels(self, pixels, *_):
        (truth,) = [x for x in self.clean if x.shape == pixels.shape]
        white = 1 if pixels.dtype == np.uint8 else 255
        return (truth.astype("float32") / white + self.error).astype(pixels.dtype)


@pytest.mark.parametrize(
    ("channels", "sets"), [(2, ["bsd68", "set12"]), (6, ["cbsd68"])]
)
def test_denoising_of_photographs(photographs, monkeypatch, channels, sets):
    """A result off by 0.01 everywhere has 40 dB, at every level."""
    model = models.restoration_ae((None, None, channels), filters=(4,), blocks=1)
    subject = evaluation.Photographs(model)
    task = Perfect(subject.pictures(sets[0], "test"), 0.01)
    monkeypatch.setattr(restoration, "Denoiser", lambda model: task)
    monkeypatch.setattr(restoration, "SIGMAS", (15, 50))
    metrics, baselines = restoration.measure(subject)
    assert len(metrics) == 6 * len(sets) and len(baselines) == 4 * len(sets)
    for name in sets:
        for sigma in (15, 50):
            assert metrics[f"{name}_psnr@{sigma}"] == pytest.approx(40, abs=0.2)
            assert metrics[f"{name}_ssim@{sigma}"] > 0.95
        better, worse = (baselines[f"nlm_{name}_psnr@{s}"] for s in (15, 50))
        assert 20 < worse < better < 35


def test_inpainting_of_photographs(photographs, monkeypatch):
    model = models.inpainting_ae(filters=(4,), blocks=1)
    subject = evaluation.Photographs(model)
    task = Perfect(subject.pictures("bsds500", "val"), 0)
    monkeypatch.setattr(inpainting, "Inpainter", lambda model: task)
    metrics, baselines = inpainting.measure(subject)
    kinds = ("random50", "strokes", "block")
    assert metrics == {f"inpaint_psnr@{kind}": 100 for kind in kinds}
    assert baselines.keys() == {f"biharmonic_inpaint_psnr@{kind}" for kind in kinds}
    assert all(20 < value < 60 for value in baselines.values())


def test_evaluate_measures_photographs_without_a_dataset(photographs, monkeypatch):
    monkeypatch.setattr(restoration, "SIGMAS", (25,))
    model = models.restoration_ae(filters=(4,), blocks=1)
    asked = []
    result = evaluation.evaluate(model, progress=asked.append)
    assert asked == ["restoration"]
    assert {"bsd68_psnr@25", "set12_blind_psnr@25"} <= result["metrics"].keys()


class Jpeg:
    """JPEG as one of the zoo's codecs, whose files have `times` as many bytes."""

    settings, options = rate_distortion.PEERS["jpeg"]
    qualities = len(settings)

    def __init__(self, times):
        self.times = times

    def compress(self, picture, quality=0):
        file = io.BytesIO()
        picture = Image.fromarray(picture)
        picture.save(file, "jpeg", quality=self.settings[quality], **self.options)
        return file.getvalue() * self.times

    def decompress(self, data):
        return Image.open(io.BytesIO(data))


@pytest.fixture(scope="module")
def peer_curves():
    """`measure_peer` for the same pictures each time, which it measures once."""
    measure = rate_distortion.measure_peer
    curves = {}

    def once(name, pictures, track):
        if name not in curves:
            curves[name] = measure(name, pictures, track)
        return curves[name]

    return once


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2])
def test_rate_and_distortion_of_photographs(monkeypatch, peer_curves, times):
    """JPEG against itself saves nothing, and at twice the size costs 100% more."""
    pictures = [data.astronaut()[:192, :256], data.coffee()[100:292, 100:292]]
    monkeypatch.setattr("ae_zoo.evaluation.measured.load_pictures", lambda *_: pictures)
    monkeypatch.setattr(rate_distortion, "Compressor", lambda model: Jpeg(times))
    monkeypatch.setattr(rate_distortion, "measure_peer", peer_curves)
    subject = evaluation.Photographs(models.factorized_ae(filters=(4,)))
    metrics, baselines = rate_distortion.measure(subject)

    assert metrics["bd_rate_jpeg"] == pytest.approx(100 * (times - 1), abs=1e-9)
    assert metrics["bd_rate_avif"] > metrics["bd_rate_webp"] > metrics["bd_rate_jpeg"]
    for key in ("bpp", "psnr", "ms_ssim"):
        values = [metrics[f"{key}@{q}"] for q in range(Jpeg.qualities)]
        assert values == sorted(values)
    assert 20 < metrics["psnr@0"] < 30 and 0.7 < metrics["ms_ssim@0"] < 0.95
    if times == 1:
        beside = [baselines[f"jpeg_psnr@{q}"] for q in range(Jpeg.qualities)]
        ours = [metrics[f"psnr@{q}"] for q in range(Jpeg.qualities)]
        np.testing.assert_allclose(beside, ours)
    assert metrics["encode_seconds"] > 0 < baselines["avif_decode_seconds"]


def test_curves_without_a_common_psnr_have_no_rate():
    def curve(psnr):
        ones = np.ones(2)
        return rate_distortion.Curve(np.arange(2), [1, 2], psnr, ones, ones, ones)

    low, high = curve(np.array([20, 25])), curve(np.array([30, 35]))
    assert math.isnan(rate_distortion.bd_rate(low, high))
