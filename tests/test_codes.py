"""Every public method and task on a code of every kind, of families from outside."""

import dataclasses
import json

import keras
import numpy as np
import outside_families
import pytest
from sklearn.datasets import load_digits

import ae_zoo
from ae_zoo import evaluation, registry
from ae_zoo.code import Code
from ae_zoo.errors import InputError, ManifestError, NotGenerativeError
from ae_zoo.evaluation import Measured
from ae_zoo.tasks import AnomalyDetector, AutoencoderTransformer, FeatureExtractor

SHAPES = {
    "vector": ((5,),),
    "grid": ((3, 3, 3),),
    "tokens": ((3, 3),),
    "indices": ((3, 3, 2),),
    "pyramid": ((6, 6, 2), (3, 3, 4)),
}


@pytest.fixture(params=outside_families.NAMES, scope="module")
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def model(kind):
    keras.utils.set_random_seed(0)
    return registry.build(f"outside_{kind}")


@pytest.fixture
def x(digits, kind):
    return digits[..., 0] if kind == "tokens" else digits


def parts(z):
    return z if isinstance(z, list) else [z]


def test_code_says_what_encode_gives(model, kind, x):
    z = model.encode(x)
    assert isinstance(z, list) is (kind == "pyramid")
    assert tuple(part.shape[1:] for part in parts(z)) == SHAPES[kind]
    assert model.code.shapes == SHAPES[kind]
    assert model.code.kind == {"indices": "grid"}.get(kind, kind)
    assert model.code.size == sum(map(np.prod, SHAPES[kind]))
    assert model.code.levels == (12 if kind == "indices" else None)


def test_decode_reconstruct_interpolate(model, x):
    z = model.encode(x)
    reconstructed = model.reconstruct(x)
    assert reconstructed.shape == x.shape
    np.testing.assert_allclose(model.decode(z), reconstructed, atol=1e-6)
    path = model.interpolate(x[0], x[1], steps=5)
    np.testing.assert_allclose(path[[0, -1]], reconstructed[:2], atol=1e-6)
    halfway = model.code.lerp(z, 3)
    for part, ends in zip(parts(halfway), parts(z), strict=True):
        np.testing.assert_allclose(part[1], ends[:2].mean(axis=0), rtol=1e-5)


def test_features_flatten_and_pool(model, kind, x, eager):
    z, rows = model.encode(x), model.features(x, pool="flatten")
    assert rows.shape == (64, model.code.size)
    for part, back in zip(parts(z), parts(model.code.unflatten(rows)), strict=True):
        np.testing.assert_array_equal(part, back)
    means = model.features(x, pool="mean")
    expected = [p.reshape(64, -1, p.shape[-1]).mean(axis=1) for p in parts(z)]
    np.testing.assert_allclose(means, np.concatenate(expected, axis=1), rtol=1e-4)
    for key in model.feature_keys:
        assert model.features(x[:2], key, pool="flatten").shape[0] == 2
    for pool, size in (("flatten", rows.shape[1]), ("mean", means.shape[1])):
        extractor = FeatureExtractor(model, pool=pool)
        assert extractor.size == size
        assert extractor(x).shape == (64, size)
    with pytest.raises(ValueError, match="flatten, mean"):
        model.features(x, pool="max")


def test_wrong_codes_are_refused(model, x, eager):
    z = model.encode(x)
    with pytest.raises(InputError, match="shape"):
        model.code.flatten([*parts(z), parts(z)[0]])
    # Convolutions would decode a smaller grid to a smaller picture.
    smaller = [part[:, 1:] for part in parts(z)]
    with pytest.raises(InputError, match="shape"):
        model.decode(smaller if len(smaller) > 1 else smaller[0])
    with pytest.raises(InputError, match="rows that flatten returned"):
        model.code.unflatten(np.zeros((2, model.code.size + 1)))


def test_indices_both_ways(model, kind, x, eager):
    if kind != "indices":
        with pytest.raises(InputError, match="fsq_ae"):
            model.encode(x, indices=True)
        with pytest.raises(InputError, match="fsq_ae"):
            model.decode(np.zeros((1, 3, 3), int), indices=True)
        return
    tokens = model.encode(x, indices=True)
    assert tokens.shape == (64, 3, 3) and tokens.dtype == np.int32
    assert tokens.min() >= 0 and tokens.max() < model.code.levels
    np.testing.assert_allclose(
        model.decode(tokens, indices=True), model.reconstruct(x), atol=1e-5
    )
    for wrong in (tokens + 12, tokens - 12, tokens.astype("float32")):
        with pytest.raises(InputError, match="integers from 0 to 11"):
            model.decode(wrong, indices=True)


def test_sample_and_posterior(model, kind, x, eager):
    if kind != "grid":
        with pytest.raises(NotGenerativeError, match="vae"):
            model.sample()
        with pytest.raises(InputError, match="posterior"):
            model.posterior(x)
        return
    drawn = model.sample(4, seed=1)
    assert drawn.shape == (4, 12, 12, 1)
    np.testing.assert_array_equal(drawn, model.sample(4, seed=1))
    frozen = model.sample(4, seed=1, temperature=0.0)
    assert np.ptp(frozen, axis=0).max() < 1e-6
    mean, log_variance = vars(model.posterior(x)).values()
    np.testing.assert_allclose(mean, model.encode(x), atol=1e-6)
    assert log_variance.shape == mean.shape


def test_fit_save_and_load(model, kind, x, tmp_path):
    trained = registry.build(f"outside_{kind}")
    trained.compile()
    losses = trained.fit(x, x, epochs=6, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    ae_zoo.save(trained, tmp_path / "folder")
    trained.save(tmp_path / "model.keras")
    for loaded in (
        ae_zoo.load(tmp_path / "folder"),
        keras.saving.load_model(tmp_path / "model.keras"),
    ):
        assert loaded.code == trained.code
        np.testing.assert_array_equal(loaded.reconstruct(x), trained.reconstruct(x))


def test_scikit_learn_transformer(model, kind, x, eager):
    rows = x.reshape(64, -1)
    given = AutoencoderTransformer(model).fit(rows)
    codes = given.transform(rows)
    assert codes.shape == (64, model.code.size)
    back = given.inverse_transform(codes)
    np.testing.assert_allclose(back, model.reconstruct(x).reshape(64, -1), atol=1e-5)
    shape = {"input_shape": x.shape[1:]}
    own = AutoencoderTransformer(
        f"outside_{kind}", epochs=2, random_state=0, model_arguments=shape
    )
    assert np.isfinite(own.fit_transform(rows)).all()


@pytest.mark.parametrize("measure", ["error", "both"])
def test_anomaly_detector(model, kind, x, measure, eager):
    rows = x.reshape(64, -1)
    given = AnomalyDetector(model, measure=measure).fit(rows)
    assert np.isfinite(given.anomaly_score(rows)).all()
    shape = {"input_shape": x.shape[1:]}
    detector = AnomalyDetector(
        f"outside_{kind}",
        measure=measure,
        epochs=2,
        random_state=0,
        model_arguments=shape,
    ).fit(rows)
    odd = np.concatenate([rows[:3], 1 - rows[:3]])
    scores = detector.anomaly_score(odd)
    assert scores[3:].min() > scores[:3].max()


def test_evaluation_asks_what_applies(model, kind, x, monkeypatch, eager):
    monkeypatch.setattr(evaluation.likelihood, "SAMPLES", 5)
    labels = load_digits().target[:64]
    subject = Measured(model, (x, labels), (x, labels))
    metrics = {}
    for question in evaluation.QUESTIONS:
        if question.applies(subject):
            measured, baselines = question.measure(subject)
            metrics |= measured
            assert np.isfinite([*measured.values(), *baselines.values()]).all()
    assert {"mse", "probe_accuracy"} <= set(metrics)
    assert ("nll" in metrics) is (kind == "grid")


def test_manifest_and_cards_describe_the_code(model, kind):
    entry = json.loads(json.dumps(dataclasses.asdict(model.code)))
    again = Code(**entry)
    assert again.size == model.code.size
    words = {
        "vector": "5",
        "grid": "3 x 3 x 3",
        "tokens": "3 x 3",
        "indices": "3 x 3 x 2",
        "pyramid": "pyramid of 2",
    }
    assert again.describe() == words[kind]


def test_loss_none_trains_on_what_the_layers_add(digits, eager):
    model = registry.build("outside_grid")
    model.compile(loss=None)
    reported = model.evaluate(digits, digits, batch_size=64, verbose=0)
    model(digits)
    assert reported == pytest.approx(float(sum(model.losses)), rel=1e-4)
    assert reported > 0


# --- the registry, from outside


def test_a_second_family_of_the_same_name_is_refused():
    def build(input_shape=(3,)):
        """Another."""

    for name in ("outside_vector", "vae", "hyperprior_ae"):
        with pytest.raises(ValueError, match="already registered"):
            registry.register(name, "nobody", ("features",))(build)
    assert registry.family("vae").build.__module__ == "ae_zoo.models.vae"


def test_a_reloaded_module_registers_its_families_anew():
    import importlib

    before = registry.family("outside_vector")
    importlib.reload(outside_families)
    after = registry.family("outside_vector")
    assert after is not before and after.build is outside_families.outside_vector


def test_families_of_entry_points_are_known_without_an_import(monkeypatch, tmp_path):
    """An installed package, as pip leaves it: a module and its metadata."""
    (tmp_path / "their_package.py").write_text(
        "from outside_families import *\n"
        "from ae_zoo.registry import register\n"
        "@register('their_ae', 'them', ('features',))\n"
        "def their_ae(input_shape=(12, 12, 1)):\n"
        "    'Theirs.'\n"
        "    return outside_vector(input_shape)\n"
    )
    info = tmp_path / "their_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text(
        "[ae_zoo.families]\ntheir_ae = their_package\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    registry.announced.cache_clear()
    assert "their_ae" in registry.names()
    model = ae_zoo.registry.build("their_ae")
    assert model.family == "their_ae" and model.code.kind == "vector"
    registry.announced.cache_clear()


@pytest.mark.parametrize(
    "value", [[[2, 3], {"last": 4}], [[1, [5]], {"last": 2, "other": [None, "a"]}]]
)
def test_nested_arguments_are_saved_and_loaded(value, tmp_path, digits, eager):
    model = registry.build("outside_pyramid", widths=value)
    ae_zoo.save(model, tmp_path / "folder")
    loaded = ae_zoo.load(tmp_path / "folder")
    assert loaded.arguments["widths"] == value
    np.testing.assert_array_equal(loaded.reconstruct(digits), model.reconstruct(digits))


def test_arguments_that_keras_would_revive_are_refused(tmp_path):
    ae_zoo.save(registry.build("outside_pyramid"), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    evil = {"class_name": "Lambda", "module": "keras.layers", "config": {}}
    config["config"]["widths"] = [[2, 3], {"last": {"nested": [evil]}}]
    text = json.dumps(config)
    (tmp_path / "config.json").write_text(text)
    from ae_zoo.zoo.folder import load_folder

    with pytest.raises(ManifestError, match="no config can store"):
        load_folder(tmp_path, files=[])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"], indirect=True)
def test_mixed_precision_is_saved(policy, tmp_path, digits, eager):
    model = ae_zoo.models.conv_ae((12, 12, 1), latent_dim=4, filters=(4,))
    ae_zoo.save(model, tmp_path / "folder")
    keras.config.set_dtype_policy("float32")
    loaded = ae_zoo.load(tmp_path / "folder")
    assert keras.config.dtype_policy().name == "float32"
    assert loaded.dtype_policy.name == policy
    assert loaded.encoder.get_layer("conv_1").compute_dtype == policy[6:]
    np.testing.assert_array_equal(loaded.reconstruct(digits), model.reconstruct(digits))
