"""Anomaly detection: scikit-learn's outlier interface, windows, units, explanations."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

import ae_zoo
from ae_zoo.errors import InputError
from ae_zoo.tasks import AnomalyDetector
from ae_zoo.tasks.detector import rebuilding
from ae_zoo.tasks.detector.thresholds import RULES, extreme_value, quantile
from ae_zoo.tasks.fitting import Fitting

QUICK = {"epochs": 4, "random_state": 0, "model_arguments": {"hidden": (16,)}}
QUICK |= {"learning_rate": 3e-3}


TRAINED = {}


@pytest.fixture
def trained_once(monkeypatch):
    """What has been trained in the same way on the same rows is not trained again.

    For tests of what detectors do with a trained model. Whether a random state decides
    everything is the test of its own, which trains anew.
    """
    train = Fitting.train

    def once(self, rows, rng):
        told = repr(self), rows.shape, rows.tobytes(), pickle.dumps(rng.get_state())
        if told not in TRAINED:
            TRAINED[told] = *train(self, rows, rng), rng.get_state()
        model, losses, state = TRAINED[told]
        rng.set_state(state)
        return model, list(losses)

    monkeypatch.setattr(Fitting, "train", once)


@pytest.mark.slow
@parametrize_with_checks(
    [
        AnomalyDetector(latent_dim=2, epochs=2, model_arguments={"hidden": (8,)}),
        AnomalyDetector(
            measure="error", contamination=0.2, epochs=2, model_arguments={"hidden": ()}
        ),
    ]
)
def test_scikit_learn_accepts_the_detector(estimator, check, eager):
    check(estimator)


@pytest.fixture(scope="module")
def cells():
    """Real measurements of cells, 12 of each: 357 benign, 212 malignant."""
    x, y = load_breast_cancer(return_X_y=True)
    return x[y == 1, :12], x[y == 0, :12]


@pytest.fixture(scope="module")
def series():
    """A machine of three coupled sensors with noise, 600 rows; and a later part of 200
    rows whose second sensor is off from row 100."""
    rng = np.random.default_rng(0)
    t = np.arange(800)
    load = np.sin(t / 9) + 0.3 * np.sin(t / 31)
    x = np.stack([load, 2 * load + 1, np.cos(t / 9)], axis=1)
    x += 0.1 * rng.standard_normal(x.shape)
    later = x[600:].copy()
    later[100:, 1] += 1.5
    return x[:600], later


@pytest.mark.parametrize("measure", ["error", "latent", "both"])
@pytest.mark.parametrize("combine", ["mean", "max", "mahalanobis"])
@pytest.mark.usefixtures("trained_once")
def test_malignant_cells_are_abnormal(cells, measure, combine):
    normal, others = cells
    detector = AnomalyDetector(
        measure=measure, combine=combine, epochs=100, batch_size=32, random_state=0
    ).fit(normal[:250])
    tested = np.concatenate([normal[250:], others])
    labels = np.repeat([0, 1], [len(normal) - 250, len(others)])
    scores = detector.anomaly_score(tested)
    assert roc_auc_score(labels, scores) > 0.85
    np.testing.assert_array_equal(detector.score_samples(tested), -scores)
    flagged = detector.predict(tested) == -1
    np.testing.assert_array_equal(flagged, scores > -detector.offset_)
    assert flagged[labels == 1].mean() > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("family", ["deep_ae", "vae", "conv1d_ae", "recurrent_ae"])
def test_a_fault_is_found_when_it_comes_and_where(series, family):
    normal, later = series
    small = {"conv1d_ae": {"filters": (8,)}, "recurrent_ae": {"units": (8,)}}
    detector = AnomalyDetector(
        family,
        window=16,
        measure="error",
        combine="max",
        margin=1.5,
        latent_dim=4,
        epochs=30,
        batch_size=32,
        learning_rate=1e-2,
        random_state=0,
        model_arguments=small.get(family),
    ).fit(normal, names=["load", "flow", "phase"])
    abnormal = detector.predict(later) == -1
    assert abnormal[:100].mean() < 0.1
    assert abnormal[116:].mean() > 0.9
    errors = detector.explain(later)[116:]
    assert errors.shape == (84, 3)
    assert np.median(errors[:, 1]) > 1.5 > np.median(errors[:, 2])
    assert detector.names_ == ["load", "flow", "phase"]


@pytest.mark.parametrize("window", [1, 5])
@pytest.mark.parametrize("sizes", [[1] * 12, [3, 1, 8], [12]])
@pytest.mark.usefixtures("trained_once")
def test_a_stream_scores_as_the_whole(series, window, sizes):
    normal, later = series
    detector = AnomalyDetector(window=window, **QUICK).fit(normal)
    whole = detector.anomaly_score(later[:12])
    for _ in range(2):  # again after a reset
        parts = np.split(later[:12], np.cumsum(sizes)[:-1])
        stream = np.concatenate([detector.update(part) for part in parts])
        assert np.isnan(stream[: window - 1]).all()
        np.testing.assert_allclose(stream[window - 1 :], whole[window - 1 :], rtol=1e-4)
        detector.reset()
    assert detector.update(later[0]).shape == (1,)


@pytest.mark.usefixtures("trained_once")
def test_a_row_does_not_depend_on_the_others(cells):
    normal, others = cells
    detector = AnomalyDetector(**QUICK).fit(normal)
    scores = detector.anomaly_score(others)
    alone = detector.anomaly_score(others[7:8])
    np.testing.assert_allclose(alone, scores[7:8], rtol=1e-12)


@pytest.mark.parametrize("measure", ["error", "latent", "both"])
@pytest.mark.parametrize("window", [1, 5])
@pytest.mark.usefixtures("trained_once")
def test_batches_leave_no_seam(series, window, measure, monkeypatch):
    normal, later = series
    detector = AnomalyDetector(window=window, measure=measure, **QUICK).fit(normal)
    later = later.copy()
    later[3:5, 1] = np.nan
    scores, errors = detector.anomaly_score(later), detector.explain(later)
    monkeypatch.setattr(rebuilding, "BATCH_VALUES", 7 * 3 * window)
    np.testing.assert_allclose(detector.anomaly_score(later), scores, rtol=1e-4)
    np.testing.assert_allclose(detector.explain(later), errors, rtol=1e-3, atol=1e-4)
    assert np.isfinite(scores).all()
    assert scores.shape == (200,)


def test_what_stands_out_is_learnt_without(cells):
    normal, others = cells
    mixed = np.concatenate([normal, others[:100]])
    rest, labels = np.concatenate([normal, others[100:]]), np.repeat([0, 1], [357, 112])
    areas = []
    for trim in (0.0, 0.3):
        detector = AnomalyDetector(random_state=0, contamination=100 / 457, trim=trim)
        detector.fit(mixed)
        areas.append(roc_auc_score(labels, detector.anomaly_score(rest)))
    assert areas[1] > areas[0] + 0.02
    flagged = detector.predict(rest) == -1
    assert flagged[labels == 1].mean() > 0.6 and flagged[labels == 0].mean() < 0.15


def test_a_family_has_its_own_arguments_by_default(cells, series):
    detector = AnomalyDetector(epochs=1).fit(cells[0])
    known = {"backbone": "dense", "hidden": (256,), "level": 0.3, "latent_dim": 6}
    assert known.items() <= detector.model_.arguments.items()
    convolved = {"backbone": "conv1d", "filters": (4,)}
    detector = AnomalyDetector(window=8, epochs=1, model_arguments=convolved)
    detector.fit(series[0])
    assert detector.model_.backbone.filters == (4,)


def test_what_columns_have_in_common_counts_once():
    rng = np.random.default_rng(0)
    level = rng.standard_normal((400, 1))
    x = level + 0.1 * rng.standard_normal((400, 8))
    together, apart = np.full((1, 8), 2.5), np.zeros((1, 8))
    apart[0, 3] = 0.8  # 0.8 of a standard deviation, where the others say otherwise
    blind = QUICK | {"epochs": 1, "learning_rate": 1e-6, "measure": "error"}
    ratios = {}
    for combine in ("mahalanobis", "mean"):
        detector = AnomalyDetector(combine=combine, **blind).fit(x)
        high, low = detector.anomaly_score(np.concatenate([apart, together]))
        ratios[combine] = high / low
    assert ratios["mahalanobis"] > 1 and ratios["mean"] < 0.5


def test_many_columns_have_no_covariance():
    x = np.random.default_rng(0).standard_normal((60, 257))
    detector = AnomalyDetector(**QUICK).fit(x)
    assert detector.scoring_.combine == "mean"
    assert detector.scoring_.precision.shape == (16, 16)  # of the codes alone


@pytest.mark.parametrize("window", [1, 5])
@pytest.mark.usefixtures("trained_once")
def test_values_far_out_count_as_ten_deviations_in_tables(series, window):
    normal, later = series
    detector = AnomalyDetector(window=window, measure="error", **QUICK).fit(normal)
    far, farther = later[:40].copy(), later[:40].copy()
    far[20, 1], farther[20, 1] = 1e3, 1e6
    scores = [detector.anomaly_score(x)[20] for x in (later[:40], far, farther)]
    assert scores[0] < scores[1]
    assert (scores[1] == scores[2]) == (window == 1)


def test_scores_do_not_depend_on_the_units_of_the_columns(cells):
    normal, others = cells
    scales = 10.0 ** np.arange(-6, 6)
    plain = AnomalyDetector(**QUICK).fit(normal).anomaly_score(others)
    scaled = AnomalyDetector(**QUICK).fit(normal * scales + 5.0)
    np.testing.assert_allclose(
        scaled.anomaly_score(others * scales + 5.0), plain, rtol=0.01
    )


@pytest.mark.usefixtures("trained_once")
def test_held_out_rows_set_the_units_and_the_threshold(cells):
    normal, _ = cells
    detector = AnomalyDetector(measure="error", holdout=0.5, **QUICK).fit(normal)
    assert -detector.offset_ == pytest.approx(1, abs=0.05)  # both the same quantile
    doubled = AnomalyDetector(measure="error", holdout=0.5, margin=2.0, **QUICK)
    assert doubled.fit(normal).offset_ == pytest.approx(2 * detector.offset_)
    rarer = AnomalyDetector(measure="error", holdout=0.5, alarm_rate=0.2, **QUICK)
    assert rarer.fit(normal).offset_ > detector.offset_
    share = AnomalyDetector(contamination=0.25, **QUICK).fit(normal)
    assert np.mean(share.predict(normal) == -1) == pytest.approx(0.25, abs=0.02)


def test_random_state_decides_everything(cells):
    normal, others = cells
    detector = AnomalyDetector(**QUICK).fit(normal)
    again = clone(detector).fit(normal)
    np.testing.assert_array_equal(
        again.anomaly_score(others), detector.anomaly_score(others)
    )
    other = clone(detector).set_params(random_state=1).fit(normal)
    assert (
        np.abs(other.anomaly_score(others) - detector.anomaly_score(others)).max() > 0
    )


@pytest.fixture(scope="module")
def zeros_and_ones():
    """Real digits as flattened images in [0, 1], float32."""
    x, y = load_digits(return_X_y=True)
    rows = (x / 16).astype("float32")
    return rows[y == 0], rows[y == 1]


@pytest.fixture(scope="module")
def model_of_zeros(zeros_and_ones):
    model = ae_zoo.models.conv_ae(input_shape=(8, 8, 1), latent_dim=4, filters=(8,))
    model.compile()
    images = zeros_and_ones[0].reshape(-1, 8, 8, 1)
    model.fit(images, images, epochs=60, batch_size=16, verbose=0)
    return model


@pytest.mark.parametrize("wrap", [lambda model, folder: model, lambda m, f: str(f)])
def test_a_pretrained_model_is_calibrated(
    wrap, zeros_and_ones, model_of_zeros, tmp_path
):
    (zeros, ones), model = zeros_and_ones, model_of_zeros
    ae_zoo.save(model, tmp_path / "model")
    detector = AnomalyDetector(wrap(model, tmp_path / "model")).fit(zeros)
    assert detector.mean_ is None
    labels = np.repeat([0, 1], [len(zeros), len(ones)])
    scores = detector.anomaly_score(np.concatenate([zeros, ones]))
    assert roc_auc_score(labels, scores) > 0.95
    with pytest.raises(InputError, match=r"takes 64 values.*not 10: resize"):
        AnomalyDetector(model).fit(zeros[:, :10])


@pytest.mark.parametrize(
    "options",
    [{"window": 6}, {"measure": "latent"}, {"combine": "mahalanobis"}, {}],
)
@pytest.mark.usefixtures("trained_once")
def test_saved_without_pickle(series, options, tmp_path):
    normal, later = series
    detector = AnomalyDetector(**QUICK | options).fit(normal, names=["a", "b", "c"])
    detector.save(tmp_path / "pump")
    loaded = AnomalyDetector.load(tmp_path / "pump")
    np.testing.assert_array_equal(
        loaded.anomaly_score(later), detector.anomaly_score(later)
    )
    np.testing.assert_array_equal(loaded.predict(later), detector.predict(later))
    np.testing.assert_array_equal(loaded.explain(later), detector.explain(later))
    assert loaded.names_ == ["a", "b", "c"]
    assert np.isfinite(loaded.update(later[:8])[-1])
    with pytest.raises(InputError, match="exists: choose a new folder"):
        detector.save(tmp_path / "pump")
    files = [p.name for p in tmp_path.rglob("*") if p.is_file()]
    assert not any(name.endswith((".pkl", ".pickle", ".joblib")) for name in files)


@pytest.fixture(scope="module")
def machines():
    """300 rows of three kinds of machines, whose heat follows from kind and speed."""
    rng = np.random.default_rng(0)
    kind = rng.choice(["lathe", "mill", "press"], 300)
    speed = rng.random(300)
    heat = speed + np.select([kind == "mill", kind == "press"], [2.0, 5.0])
    frame = pd.DataFrame({"kind": kind, "speed": speed, "heat": heat})
    frame.loc[::40, "kind"] = None
    return frame


@pytest.mark.parametrize("measure", ["error", "both"])
@pytest.mark.parametrize("combine", ["mahalanobis", "mean", "max"])
@pytest.mark.usefixtures("trained_once")
def test_categories(machines, measure, combine, tmp_path):
    options = QUICK | {"epochs": 20, "batch_size": 16}
    detector = AnomalyDetector(measure=measure, combine=combine, **options)
    detector.fit(machines)
    assert detector.categories_ == {0: ["", "lathe", "mill", "press"]}
    normal = np.median(detector.anomaly_score(machines))
    odd = pd.DataFrame({"kind": ["saw"], "speed": [0.5], "heat": [0.5]})
    assert detector.anomaly_score(odd)[0] > 2 * normal
    assert detector.explain(odd).shape == (1, 3)
    assert detector.explain(odd)[0].argmax() == 0
    detector.save(tmp_path / "machines")
    loaded = AnomalyDetector.load(tmp_path / "machines")
    np.testing.assert_array_equal(
        loaded.anomaly_score(machines), detector.anomaly_score(machines)
    )
    array = machines.to_numpy()
    assert loaded.update(array[0]) == pytest.approx(detector.anomaly_score(array[:1]))


def test_categories_by_number_and_name(machines):
    array = machines.to_numpy()
    by_name = AnomalyDetector(categories=["kind"], **QUICK)
    by_name.fit(array, names=["kind", "speed", "heat"])
    by_number = AnomalyDetector(categories=[0], **QUICK).fit(array)
    np.testing.assert_array_equal(
        by_name.anomaly_score(array), by_number.anomaly_score(array)
    )
    codes = np.stack([np.arange(40) % 3, np.arange(40.0)], axis=1)
    detector = AnomalyDetector(categories=[0], **QUICK).fit(codes)
    assert detector.categories_ == {0: ["0", "1", "2"]}
    with pytest.raises(InputError, match="categories has 'age': give names of columns"):
        AnomalyDetector(categories=["age"], **QUICK).fit(machines)
    with pytest.raises(InputError, match="Column 0 has 1200 different values: leave"):
        AnomalyDetector(categories=[0]).fit(np.arange(2400.0).reshape(1200, 2))


def test_text_among_numbers_is_an_error(machines):
    broken = machines.astype({"heat": object})
    broken.loc[7, "heat"] = "hot"
    with pytest.raises(InputError, match=r"Column heat must hold numbers.*'hot'"):
        AnomalyDetector(**QUICK).fit(broken)
    with pytest.raises(ValueError, match="could not convert string to float"):
        AnomalyDetector(**QUICK).fit(broken[["speed", "heat"]])


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"parameters": {"x": 1}}'])
def test_no_detector_to_load(content, tmp_path):
    (tmp_path / "detector.json").write_text(content)
    with pytest.raises(InputError, match="holds no detector"):
        AnomalyDetector.load(tmp_path)
    with pytest.raises(InputError, match="holds no detector"):
        AnomalyDetector.load(tmp_path / "absent")


def test_missing_values_and_constant_columns_are_named(cells):
    normal, _ = cells
    frame = pd.DataFrame(normal).add_prefix("c")
    frame["still"] = 3.0
    frame.iloc[::7, 2] = np.nan
    with pytest.warns(UserWarning) as caught:
        detector = AnomalyDetector(**QUICK).fit(frame)
    said = [str(w.message) for w in caught]
    assert any("column c2 became the median" in text for text in said)
    assert any("column still never change" in text for text in said)
    assert detector.fill_[2] == pytest.approx(frame["c2"].median())
    rows = frame.iloc[:4].copy()
    rows.iloc[0, -1] = 99.0
    assert detector.explain(rows)[0].argmax() == 12
    frame["empty"] = np.nan
    with pytest.raises(InputError, match="no value in column empty"):
        AnomalyDetector(**QUICK).fit(frame)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measure": "mse"}, "measure must be one of error, latent, both, not 'mse'"),
        ({"combine": "sum"}, "combine must be one of auto, mahalanobis, mean, max,"),
        ({"threshold": 3}, "threshold must be one of quantile, extreme_value, not 3"),
        ({"contamination": 0.7}, "contamination must be 'auto', or above 0"),
        ({"alarm_rate": 0}, "alarm_rate must be between 0 and 1, not 0"),
        ({"holdout": 1.0}, "holdout must be between 0 and 1, not 1.0"),
        ({"window": 0}, "window must be an integer above 0, not 0"),
        ({"contamination": "much"}, "contamination must be 'auto', or above 0"),
        ({"margin": 0}, "margin must be a number above 0, not 0"),
        ({"epochs": 1.5}, "epochs must be an integer above 0, not 1.5"),
        ({"trim": 0.6}, "trim must be from 0 to 0.5, not 0.6"),
        ({"trim": 0.1, "window": 9}, "trim is for tables, not for windows of 9 rows"),
        ({"trim": 0.1, "model": "dense_ae.mnist"}, "the model is pretrained"),
        ({"window": 400}, "357 rows are fewer than the window of 400"),
        ({"model": 3}, "model is a int: pass the name or path"),
        ({"model": "inpainting_ae"}, "takes pictures of any size"),
    ],
)
def test_wrong_arguments(cells, options, message):
    with pytest.raises(InputError, match=message):
        AnomalyDetector(**{"epochs": 1} | options).fit(cells[0])


def test_fewer_rows_than_a_window_at_predict_time(series):
    detector = AnomalyDetector(window=8, **QUICK).fit(series[0])
    with pytest.raises(InputError, match="3 rows are fewer than the window of 8"):
        detector.predict(series[1][:3])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("rate", [0.2, 0.01])
def test_thresholds_have_their_rate(rule, rate):
    rng = np.random.default_rng(0)
    scores, more = rng.gamma(2.0, size=4000), rng.gamma(2.0, size=200_000)
    limit = RULES[rule](scores, rate)
    assert np.mean(more > limit) == pytest.approx(rate, rel=0.25)


def test_the_extreme_value_fit_sees_beyond_the_scores():
    rng = np.random.default_rng(1)
    scores = rng.exponential(size=1000)
    assert scores.max() < extreme_value(scores, 1e-4)
    assert extreme_value(scores, 1e-4) == pytest.approx(-np.log(1e-4), rel=0.4)
    assert quantile(scores, 1e-4) <= scores.max()
    few = scores[:30]
    assert extreme_value(few, 0.01) == quantile(few, 0.01)


def test_the_saved_state_is_plain_json(cells, tmp_path):
    AnomalyDetector(**QUICK).fit(cells[0]).save(tmp_path / "d")
    state = json.loads((tmp_path / "d" / "detector.json").read_text())
    assert state["parameters"]["epochs"] == 4
    assert len(state["learned"]["unit_"]) == 12


@pytest.mark.parametrize("measure", ["latent", "both"])
def test_the_code_may_be_a_grid(measure, tmp_path):
    x, y = load_digits(return_X_y=True)
    rows = (x / 16).astype("float32")
    model = ae_zoo.models.fsq_ae(input_shape=(8, 8, 1))
    assert model.code.kind == "grid"
    detector = AnomalyDetector(model, measure=measure).fit(rows[y == 0])
    scores = detector.anomaly_score(rows[y == 1])
    assert scores.shape == (np.sum(y == 1),) and np.isfinite(scores).all()
    assert len(detector.scoring_.centre) >= model.code.size
    detector.save(tmp_path / "digits")
    loaded = AnomalyDetector.load(tmp_path / "digits")
    np.testing.assert_array_equal(loaded.anomaly_score(rows[y == 1]), scores)
