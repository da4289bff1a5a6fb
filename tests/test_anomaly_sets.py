"""Sets with known anomalies: how they are read, measured and shown on cards."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from zoo_files import make_entry

from ae_zoo import evaluation, models, registry
from ae_zoo.datasets import Examples, anomalies, load_arrays
from ae_zoo.datasets import loading as datasets
from ae_zoo.errors import InputError
from ae_zoo.evaluation import Measured, detection, reconstruction
from ae_zoo.publishing.card import write_card


@pytest.fixture
def builder(tmp_path):
    """`builder(kind)` is a TFDS builder of ours, before it has prepared anything."""
    return lambda kind: kind(data_dir=tmp_path)


def test_recordings_are_read(builder, tmp_path):
    rows = [
        f"2020-01-01 00:00:{i};" + "1.5;" * 8 + f"{i >= 401}.0;0.0" for i in range(403)
    ]
    text = "\n".join(["the;names", *rows]).replace("True", "1").replace("False", "0")
    (tmp_path / "1").write_text(text)  # TFDS stores downloads without their suffix
    table = builder(anomalies.Skab).tables({"valve1/1.csv": tmp_path / "1"})
    values, learnt, abnormal = table["valve1/1"]
    assert values.shape == (403, 8) and (values == 1.5).all()
    assert np.flatnonzero(~learnt).tolist() == [400, 401, 402]
    assert np.flatnonzero(abnormal).tolist() == [401, 402]


def test_heartbeats_are_read(builder, tmp_path):
    classes = np.array([1, 2, 1, 1, 1, 3, 1, 1, 1, 4])
    table = np.column_stack([classes, np.arange(1400).reshape(10, 140)])
    np.savetxt(tmp_path / "beats", table)
    files = {"ECG5000_TRAIN.txt": tmp_path / "beats"}
    values, learnt, abnormal = builder(anomalies.Ecg5000).tables(files)["hearts"]
    assert values[learnt, 0].tolist() == [0, 280, 420, 840, 980, 1120]
    assert values[~learnt, 0].tolist() == [560, 1260]
    assert abnormal[~learnt].tolist() == [False, True] and not abnormal[learnt].any()


def test_payments_are_read(builder, tmp_path):
    def write(name, classes, first):
        rows = np.full((len(classes), 31), 2.0)
        rows[:, 0], rows[:, -1] = 9.0, classes
        if first:
            rows = np.column_stack([np.arange(len(rows)), rows])
        np.savetxt(tmp_path / name, rows, delimiter=",", header="names")

    write("normals", [0, 0, 1, 0], first=False)
    write("sample", [1, 0, 1], first=True)
    files = {f"creditcard_{n}.csv": tmp_path / n for n in ("normals", "sample")}
    values, learnt, abnormal = builder(anomalies.Creditcard).tables(files)["payments"]
    assert values.shape == (6, 29) and (values == 2).all()
    assert abnormal.sum() == 2 and learnt.sum() == 2 and not (learnt & abnormal).any()


@pytest.fixture
def stored(monkeypatch):
    """Two series of 5 and 4 rows."""
    rows = {
        "row": tf.reshape(tf.range(18, dtype="float32"), (9, 2)) / 18,
        "label": tf.constant([0, 0, 1, 0, 0, 0, 0, 0, 1], "int64"),
        "series": tf.constant([b"a"] * 5 + [b"b"] * 4),
    }
    monkeypatch.setattr(anomalies, "prepare", lambda *where: None)
    monkeypatch.setattr(anomalies, "read_split", lambda *where, batch_size: rows)
    return rows


def test_windows_lie_in_one_series(stored):
    x, labels, series = load_arrays("skab", "test", None, (3, 2))
    assert x.shape == (5, 3, 2)
    assert labels.tolist() == [1, 0, 0, 0, 1]
    assert series.tolist() == ["a", "a", "a", "b", "b"]
    np.testing.assert_array_equal(x[3], stored["row"][5:8])


def test_rows_and_their_labels(stored):
    x, labels, _ = load_arrays("ecg5000", "test", None, (2,))
    np.testing.assert_array_equal(x, stored["row"])
    np.testing.assert_array_equal(labels, stored["label"])
    assert load_arrays("ecg5000", "train", None, (2,)).labels is None
    for shape in ((3,), (3, 3), (3, 2, 1)):
        with pytest.raises(InputError, match="rows of 2 columns"):
            load_arrays("ecg5000", "train", None, shape)


def test_errors_are_measured_beside_simple_methods():
    """Normal rows lie on a line, which PCA finds; abnormal ones do not."""
    rng = np.random.default_rng(0)
    line = 0.5 + 0.2 * rng.uniform(-1, 1, (200, 1)) * np.array([1, -1, 0.5, 1])
    off = 0.5 + 0.2 * rng.uniform(-1, 1, (20, 4))
    labels = np.repeat([0, 1], [100, 20])
    subject = Measured(
        models.deep_ae(input_shape=(4,), latent_dim=1, hidden=(8,)),
        Examples(line[:100].astype("float32")),
        Examples(np.concatenate([line[100:], off]).astype("float32"), labels),
        "creditcard",
    )
    asked = [q for q in evaluation.QUESTIONS if q.applies(subject)]
    assert asked == [reconstruction, detection]
    metrics, baselines = detection.measure(subject)
    assert metrics.keys() == {"fraud_auroc", "fraud_aupr"}
    assert baselines["pca_fraud_auroc"] == pytest.approx(1)
    assert 0.6 < baselines["isolation_forest_fraud_auroc"] < 1
    assert 0.9 < baselines["knn_fraud_auroc"] <= 1
    assert len(baselines) == 6


@pytest.mark.parametrize("shape", [(5,), (6, 2)])
def test_cards_draw_normal_and_abnormal(shape, tmp_path, monkeypatch):
    family = "deep_ae" if len(shape) == 1 else "conv1d_ae"
    model = registry.build(family, input_shape=shape, latent_dim=2)
    x = np.random.default_rng(0).random((8, *shape), dtype="float32")
    examples = Examples(x, np.array([1, 0] * 4))
    monkeypatch.setattr(datasets, "load_arrays", lambda *where: examples)
    monkeypatch.setattr("ae_zoo.datasets.load_arrays", lambda *where: examples)
    (tmp_path / "training.json").write_text('{"pretraining": [], "history": []}')
    entry = make_entry("a.things", {}) | {"family": family}
    entry["input"] |= {"shape": list(shape), "channels": "standardised columns"}
    write_card(entry, {"training": {"steps": 10}}, tmp_path, model)
    assert Image.open(tmp_path / "reconstructions.png").size == (900, 600)
    block = (tmp_path / "README.md").read_text().split("```python\n")[1].split("```")[0]
    names = {"x": x}
    monkeypatch.setattr("ae_zoo.load", lambda name: model)
    exec(compile(block, "card", "exec"), names)
    assert names["errors"].shape == (8,)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shape", "train", "test", "abnormal"),
    [
        ("skab", (28, 8), 34 * 373, 22_883, 12_744),
        ("ecg5000", (140,), 234, 100, 42),
        ("creditcard", (29,), 1863, 2356, 492),
    ],
)
def test_real_sets(root, tmp_path, monkeypatch, name, shape, train, test, abnormal):
    raw = root.parent / "shared" / "data" / "raw"
    if not (raw / name).is_dir():
        pytest.skip(f"needs the files of {name}")
    monkeypatch.setenv("AE_ZOO_MANUAL_DIR", str(raw))
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    learnt = load_arrays(name, "train", tmp_path, shape)
    tested = load_arrays(name, "test", tmp_path, shape)
    assert learnt.x.shape == (train, *shape) and learnt.labels is None
    assert tested.x.shape == (test, *shape)
    assert tested.labels.sum() == abnormal
    assert abs(learnt.x.mean() - 0.5) < 1e-2
