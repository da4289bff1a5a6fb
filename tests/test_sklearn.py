"""The autoencoder as a scikit-learn estimator."""

import pickle
import random

import numpy as np
import pytest
from model_cases import SHAPES, SIZED_FAMILIES
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks
from zoo_files import make_entry, read_folder, write_manifest

import ae_zoo
from ae_zoo import registry
from ae_zoo.errors import InputError, UnknownNameError
from ae_zoo.tasks import AutoencoderTransformer

SHAPE = (8, 8, 1)
TABLE_FAMILIES = [
    f.name for f in SIZED_FAMILIES if f.name != "conv_ae" and f.name not in SHAPES
]


@pytest.mark.slow
@parametrize_with_checks([AutoencoderTransformer(latent_dim=2, epochs=2)])
def test_scikit_learn_accepts_the_transformer(estimator, check, eager):
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    """300 real digits as rows of 64 levels from 0 to 16, and their labels."""
    x, y = load_digits(return_X_y=True)
    return x[:300], y[:300]


@pytest.fixture(scope="module")
def rows(digits):
    """The digits as flattened images in [0, 1], float32."""
    return (digits[0] / 16).astype("float32")


@pytest.fixture(scope="module")
def pretrained(rows):
    """An `Autoencoder` of 8 x 8 images, trained a little."""
    model = ae_zoo.models.conv_ae(input_shape=SHAPE, latent_dim=3, filters=(4, 6))
    model.compile()
    images = rows.reshape(-1, *SHAPE)
    model.fit(images, images, epochs=2, verbose=0)
    return model


@pytest.fixture(scope="module")
def zoo(pretrained, tmp_path_factory):
    """A private zoo of two weights for 8 x 8 images."""
    root = tmp_path_factory.mktemp("zoo")
    (root / "weights").mkdir()
    dense = ae_zoo.models.dense_ae(input_shape=SHAPE, latent_dim=2)
    entries = []
    for name, model in {"conv_ae.tiny": pretrained, "dense_ae.tiny": dense}.items():
        folder = root / "weights" / name
        ae_zoo.save(model, folder)
        entries.append(make_entry(name, read_folder(folder)))
    manifest = write_manifest(root / "manifest.json", *entries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AE_ZOO_MANIFEST", str(manifest))
        yield


def test_a_fresh_family_learns_the_table_in_its_own_units(digits):
    x, _ = digits
    transformer = AutoencoderTransformer(
        latent_dim=8, epochs=60, batch_size=32, learning_rate=5e-3, random_state=0
    )
    rebuilt = transformer.inverse_transform(transformer.fit_transform(x))
    pca = PCA(8).fit(x)
    error = np.mean((rebuilt - x) ** 2)
    assert rebuilt.shape == x.shape
    assert error < 1.25 * np.mean((pca.inverse_transform(pca.transform(x)) - x) ** 2)
    assert len(transformer.loss_curve_) == 60
    assert transformer.loss_curve_[-1] < 0.5 * transformer.loss_curve_[0]


def test_training_ignores_the_scale_of_each_column(digits):
    x = digits[0][:, 10:20] + 1.0
    scales = 10.0 ** np.arange(-4, 6)
    transformer = AutoencoderTransformer(latent_dim=4, epochs=2, random_state=0)
    codes = transformer.fit_transform(x)
    np.testing.assert_allclose(transformer.fit_transform(x * scales), codes, rtol=1e-3)


@pytest.mark.parametrize("family", TABLE_FAMILIES)
def test_every_family_takes_a_table(family, digits, eager):
    x = digits[0][:64, 10:30]
    sized = "latent_dim" in registry.family(family).arguments
    transformer = AutoencoderTransformer(
        family,
        latent_dim=3 if sized else None,
        epochs=4,
        learning_rate=1e-2,
        random_state=0,
        model_arguments=None if sized else {"levels": (8, 8, 8)},
    )
    codes = transformer.fit_transform(x)
    assert transformer.model_.family == family
    assert codes.shape == (64, 3)
    assert np.isfinite(codes).all()
    assert transformer.inverse_transform(codes).shape == x.shape
    assert transformer.loss_curve_[-1] < transformer.loss_curve_[0]


def test_the_code_is_no_larger_than_the_table(digits, eager):
    narrow = AutoencoderTransformer(epochs=1).fit(digits[0][:, :10])
    wide = AutoencoderTransformer(epochs=1).fit(digits[0])
    assert (narrow.model_.code.size, wide.model_.code.size) == (10, 32)


def test_family_arguments_reach_the_family(digits, eager):
    transformer = AutoencoderTransformer(
        "conv_ae", epochs=1, model_arguments={"input_shape": SHAPE, "filters": (4,)}
    ).fit(digits[0])
    assert transformer.model_.input_shape == (None, *SHAPE)
    assert transformer.model_.feature_keys == ("conv_1", "code")
    with pytest.raises(InputError, match="backbone takes images"):
        AutoencoderTransformer("conv_ae").fit(digits[0])


def global_states():
    legacy = np.random.get_state()  # noqa: NPY002 - it is what must not change
    return random.getstate(), [np.asarray(part).tolist() for part in legacy]


def test_random_state_decides_everything_and_disturbs_nothing(digits):
    x = digits[0][:64]
    before = global_states()
    transformer = AutoencoderTransformer(
        "vae", latent_dim=3, epochs=2, random_state=0, model_arguments={"dropout": 0.2}
    )
    codes = transformer.fit_transform(x)
    assert global_states() == before
    random.seed(123)
    np.testing.assert_array_equal(clone(transformer).fit_transform(x), codes)
    other = clone(transformer).set_params(random_state=1).fit_transform(x)
    assert np.abs(other - codes).max() > 0.1


@pytest.mark.parametrize("key", ["code", "conv_1"])
def test_a_row_does_not_depend_on_the_others(pretrained, rows, key):
    transformer = AutoencoderTransformer(pretrained, key=key).fit(rows)
    codes = transformer.transform(rows)
    np.testing.assert_array_equal(transformer.transform(rows[17:18]), codes[17:18])
    order = np.random.default_rng(0).permutation(len(rows))
    np.testing.assert_array_equal(transformer.transform(rows[order]), codes[order])


@pytest.mark.usefixtures("zoo")
@pytest.mark.parametrize("given", ["instance", "conv_ae.tiny"])
def test_a_pretrained_model_is_used_as_it_is(given, pretrained, rows):
    model = pretrained if given == "instance" else given
    weights = pretrained.get_weights()
    transformer = AutoencoderTransformer(model).fit(rows)
    images = rows.reshape(-1, *SHAPE)
    codes = transformer.transform(rows)
    np.testing.assert_allclose(codes, pretrained.encode(images), atol=1e-6)
    np.testing.assert_allclose(
        transformer.inverse_transform(codes),
        pretrained.reconstruct(images).reshape(len(rows), -1),
        atol=1e-5,
    )
    for now, then in zip(transformer.model_.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, then)


def test_integers_are_read_by_their_dtype(pretrained, rows):
    levels = np.round(rows * 255).astype("uint8")
    transformer = AutoencoderTransformer(pretrained).fit(levels)
    np.testing.assert_allclose(
        transformer.transform(levels),
        transformer.transform(levels.astype("float32") / 255),
        atol=1e-6,
    )


@pytest.mark.usefixtures("zoo")
def test_grid_search_over_pretrained_models_and_keys(digits, rows):
    pipeline = make_pipeline(
        AutoencoderTransformer("conv_ae.tiny"), LogisticRegression(max_iter=300)
    )
    name = "autoencodertransformer"
    grid = [
        {f"{name}__model": ["conv_ae.tiny"], f"{name}__key": ["conv_1", "code"]},
        {f"{name}__model": ["dense_ae.tiny"]},
    ]
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise")
    search.fit(rows, digits[1])
    assert search.best_params_ == {
        f"{name}__model": "conv_ae.tiny",
        f"{name}__key": "conv_1",
    }
    assert search.best_score_ > 0.8
    assert search.predict(rows).shape == (300,)


def test_grid_search_over_the_size_of_the_code(digits):
    x, y = digits
    pipeline = make_pipeline(
        AutoencoderTransformer(epochs=20, learning_rate=1e-2, random_state=0),
        LogisticRegression(max_iter=300),
    )
    grid = {"autoencodertransformer__latent_dim": [1, 16]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(x, y)
    assert search.best_params_["autoencodertransformer__latent_dim"] == 16
    assert search.best_score_ > 0.8


def test_pandas_output(pretrained, rows):
    import pandas as pd

    table = pd.DataFrame(rows, index=[f"digit {i}" for i in range(len(rows))])
    table.columns = [f"pixel_{i}" for i in range(64)]
    transformer = AutoencoderTransformer(pretrained).set_output(transform="pandas")
    codes = transformer.fit_transform(table)
    assert isinstance(codes, pd.DataFrame)
    assert list(codes.columns) == [f"autoencodertransformer{i}" for i in range(3)]
    assert list(codes.columns) == list(transformer.get_feature_names_out())
    assert list(codes.index) == list(table.index)
    assert list(transformer.feature_names_in_) == list(table.columns)
    np.testing.assert_array_equal(codes, transformer.transform(table))


@pytest.mark.parametrize("given", ["instance", "vae"])
def test_pickle_and_clone(given, pretrained, rows):
    model = pretrained if given == "instance" else given
    transformer = AutoencoderTransformer(model, epochs=1).fit(rows)
    copy = pickle.loads(pickle.dumps(transformer))
    codes = transformer.transform(rows)
    np.testing.assert_array_equal(copy.transform(rows), codes)
    fresh = clone(transformer)
    with pytest.raises(NotFittedError):
        fresh.transform(rows)
    if given == "instance":
        np.testing.assert_array_equal(fresh.fit_transform(rows), codes)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x: x[:, :49], r"takes 64 features, .*\(8, 8, 1\), but X has 49"),
        (lambda x: x * 255, r"up to 255\.0: divide by 255 or pass uint8"),
        (lambda x: x - 1, r"rescale them to \[0, 1\]"),
        (lambda x: (x * 255).astype("int64"), "int64 have no agreed range"),
    ],
)
def test_rows_that_do_not_fit_are_refused_in_fit(change, says, pretrained, rows):
    with pytest.raises(InputError, match=says):
        AutoencoderTransformer(pretrained).fit(change(rows))


def test_nan_is_refused(pretrained, rows):
    holed = rows.copy()
    holed[3, 5] = np.nan
    transformer = AutoencoderTransformer(pretrained).fit(rows)
    with pytest.raises(ValueError, match="contains NaN"):
        transformer.transform(holed)


@pytest.mark.parametrize(
    ("parameters", "error", "says"),
    [
        ({"latent_dim": 5}, InputError, "code of 3: leave out latent_dim"),
        ({"model_arguments": {"filters": (2,)}}, InputError, "leave out latent_dim"),
        ({"model": None}, InputError, "model is a NoneType: pass the name"),
        ({"model": "dense_a"}, UnknownNameError, "Unknown model 'dense_a'"),
        ({"key": "conv_9"}, UnknownNameError, "choose one of conv_1, conv_2, code"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(
    parameters, error, says, pretrained, rows
):
    transformer = AutoencoderTransformer(**{"model": pretrained} | parameters)
    with pytest.raises(error, match=says):
        transformer.fit(rows)


def test_only_codes_are_inverted(pretrained, rows):
    inner = AutoencoderTransformer(pretrained, key="conv_1").fit(rows)
    with pytest.raises(InputError, match="use key='code'"):
        inner.inverse_transform(inner.transform(rows))
    whole = AutoencoderTransformer(pretrained).fit(rows)
    with pytest.raises(InputError, match="code has 3 values but X has 64"):
        whole.inverse_transform(rows)
