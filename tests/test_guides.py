"""The guides run offline, with the expected results."""

import importlib.util

import numpy as np
import pytest
from conftest import ROOT

from ae_zoo.data.tables import read_frame

SKAB = ROOT.parent / "shared" / "data" / "raw" / "skab"
GUIDES = ROOT / "docs" / "guides"
PNG = b"\x89PNG"


@pytest.fixture
def guide(tmp_path, monkeypatch):
    """`guide(name)` is the module, which writes into a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def load(name):
        spec = importlib.util.spec_from_file_location(name, GUIDES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def test_all_are_listed():
    text = (ROOT / "docs" / "guides.md").read_text(encoding="utf-8")
    for path in GUIDES.glob("*.py"):
        assert f"docs/guides/{path.name}" in text


@pytest.mark.slow
def test_the_failing_pump_is_found(guide, tmp_path, capsys):
    found = guide("failing_pump").main([])
    assert not found.abnormal[:900].any()
    assert found.abnormal[930:].all()
    assert "live: alarm at 9" in capsys.readouterr().out
    assert (tmp_path / "pump.png").read_bytes().startswith(PNG)


@pytest.mark.slow
def test_a_real_pump(guide):
    path = SKAB / "valve1" / "1.csv"
    if not path.is_file():
        pytest.skip("needs a file of SKAB")
    labels = ["anomaly", "changepoint"]
    options = ["--first", "400", "--ignore", ",".join(labels)]
    found = guide("failing_pump").main([str(path), *options])
    assert not set(labels) & set(found.frame.names)
    frame = read_frame(path)
    truth = frame.values[:, frame.names.index("anomaly")] == 1
    assert found.abnormal[truth].mean() > 0.5
    assert found.abnormal[:400].mean() < 0.05


@pytest.mark.slow
def test_frauds_come_first(guide, tmp_path):
    areas = guide("card_payments").main([])
    assert areas["AnomalyDetector"] > areas["isolation forest"] + 0.2
    rows = (tmp_path / "payment_scores.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 5001


@pytest.mark.slow
def test_vowels_sound_alike(guide, tmp_path):
    assert guide("cluster_sounds").main([]) > 0.9
    assert (tmp_path / "sounds.png").read_bytes().startswith(PNG)


@pytest.mark.slow
def test_a_folder_of_sounds(guide, tmp_path):
    module = guide("cluster_sounds")
    folder = tmp_path / "wav"
    folder.mkdir()
    module.write_vowels(folder)
    clusters = module.main([str(folder), "--clusters", "3"])
    assert np.bincount(clusters).size == 3


@pytest.mark.slow
def test_scanned_sentences_are_found(guide, capsys):
    found = guide("sentence_features").main([])
    assert found["codes"] > found["words"] + 0.3
    assert "Where is the railway station?" in capsys.readouterr().out.splitlines()[0]
