"""`ae-zoo detect`: tables in, scores and a picture out, clear words on bad tables."""

import csv
import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from ae_zoo.cli import main
from ae_zoo.data.tables import Frame, read_frame
from ae_zoo.errors import InputError
from ae_zoo.tasks.detector.detection import Detection, Interval

NAMES = ["load", "flow", "phase", "heat"]


@pytest.fixture(scope="module")
def values():
    """300 rows of a machine whose flow is off from row 250."""
    rng = np.random.default_rng(0)
    t = np.arange(300)
    load = np.sin(t / 9)
    x = np.stack([load, 2 * load + 1, np.cos(t / 9), 5 - load], axis=1)
    x += 0.1 * rng.standard_normal(x.shape)
    x[250:, 1] += 3
    return x


@pytest.fixture
def table(values, tmp_path):
    """The rows in a file of each kind, with and without times."""

    def write(kind):
        path = tmp_path / f"pump.{kind.split('-')[0]}"
        times = [f"2026-01-01 00:{i // 60:02}:{i % 60:02}" for i in range(len(values))]
        if kind == "npy":
            np.save(path, values)
        elif kind == "parquet":
            columns = dict(zip(NAMES, values.T, strict=True))
            parquet.write_table(pa.table({"datetime": times} | columns), path)
        else:
            separator = ";" if kind == "csv-semicolon" else ","
            lines = [separator.join(["datetime", *NAMES])]
            lines += [
                separator.join([time, *map(str, row)])
                for time, row in zip(times, values, strict=True)
            ]
            path.write_text("\n".join(lines) + "\n")
        return path

    return write


@pytest.mark.parametrize("kind", ["csv", "csv-semicolon", "parquet", "npy"])
def test_detect(kind, table, values, tmp_path, capsys):
    scores, picture = tmp_path / "scores.csv", tmp_path / "scores.png"
    paths = [str(table(kind)), "-o", str(scores), "--plot", str(picture)]
    options = ["--first", "200", "--margin", "1.2", "--epochs", "60", "--json"]
    series = ["--window", "20", "--combine", "max"] if kind == "npy" else []
    assert main(["detect", *paths, *options, *series]) == 0
    answer = json.loads(capsys.readouterr().out)
    with open(scores) as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(values) == answer["rows"]
    times = kind != "npy"
    assert next(iter(rows[0])) == ("datetime" if times else "row")
    assert rows[-1]["datetime"].endswith("00:04:59") if times else rows[-1]["row"]
    flags = np.array([int(row["abnormal"]) for row in rows])
    assert flags.sum() == answer["abnormal"]
    assert flags[270:].mean() > 0.9 and flags[:240].mean() < 0.1
    assert answer["intervals"][-1]["column"] == ("flow" if times else "2")
    above = [float(row["score"]) > answer["threshold"] for row in rows]
    np.testing.assert_array_equal(np.array(above), flags == 1)
    assert Image.open(picture).size[0] == 1680


def test_a_saved_detector_scores_another_table(table, values, tmp_path, capsys):
    source, saved = table("csv"), tmp_path / "pump"
    scores = str(tmp_path / "scores.csv")
    options = ["--epochs", "3", "-o", scores]
    assert main(["detect", str(source), *options, "--save", str(saved)]) == 0

    def read():
        return np.genfromtxt(scores, delimiter=",", skip_header=1, usecols=(1, 2))

    first = read()
    assert "above the threshold" in capsys.readouterr().out
    assert main(["detect", str(source), "--model", str(saved), "-o", scores]) == 0
    np.testing.assert_allclose(read(), first, rtol=1e-4)
    again = ["detect", str(source), "-o", scores, "--model"]
    assert main([*again, "deep_ae", "--save", str(saved)]) == 2
    assert "exists: choose a new folder" in capsys.readouterr().err
    assert main([*again, "vae", "--trim", "0.2"]) == 2
    assert "a normal stretch of the time series" in capsys.readouterr().err
    assert main([*again, str(saved), "--window", "3"]) == 2
    assert "is fitted already" in capsys.readouterr().err
    # The columns may come in another order, with more beside them.
    mixed = tmp_path / "mixed.csv"
    order = ["more", "phase", "datetime", "flow", "heat", "load"]
    lines = [",".join(order)]
    with open(source) as file:
        lines += [
            ",".join((row | {"more": "7"})[name] for name in order)
            for row in csv.DictReader(file)
        ]
    mixed.write_text("\n".join(lines))
    assert main(["detect", str(mixed), "--model", str(saved), "-o", scores]) == 0
    np.testing.assert_allclose(read(), first, rtol=1e-4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("a,b\n", "has no rows"),
        ("a,b\n1,2\n", "one row: training needs at least 2"),
        ("a,b\n" + ",\n" * 30, "no value in columns a, b"),
        ("a,b\n1,2\n3,four\n", "'four' in row 2 of column 'b', which is not a number"),
        ("a,b\n1,2\n3\n", "is not a table"),
        ("a,b\n1,2\n3,inf\n", "infinite value in row 2, column 'b'"),
        ("time\n2026-01-01\n", "has no columns of numbers"),
    ],
)
def test_bad_tables(content, message, tmp_path, capsys):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    scores = tmp_path / "scores.csv"
    assert main(["detect", str(path), "-o", str(scores)]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error:") and message in error
    assert not scores.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--ignore", "speed"], "has no column speed to leave out"),
        (["--fit", "--first", "100"], "Choose one of --fit, --normal and --first"),
        (["--normal", "absent.csv"], "There is no file absent.csv"),
        (["--model", "absent"], "absent"),
        (["--combine", "sum"], "combine must be one of auto, mahalanobis, mean, max"),
        (["--contamination", "2"], "contamination must be"),
        (["-o", "scores.txt"], "give a name that ends in .csv"),
        (["--plot", "absent/scores.png"], "absent"),
        (["--window", "400"], "300 rows are fewer than the window of 400"),
    ],
)
def test_wrong_options(options, message, table, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["detect", str(table("csv")), "--epochs", "1", *options]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error:") and message in error
    assert not list(tmp_path.glob("scores*"))


def test_a_column_missing_at_predict_time(table, tmp_path, capsys):
    saved = str(tmp_path / "pump")
    scores = ["-o", str(tmp_path / "scores.csv")]
    assert (
        main(["detect", str(table("csv")), "--epochs", "1", "--save", saved, *scores])
        == 0
    )
    less = tmp_path / "less.csv"
    less.write_text("load,phase,heat\n" + "1,2,3\n" * 30)
    assert main(["detect", str(less), "--model", saved, *scores]) == 2
    assert "Column flow missing" in capsys.readouterr().err
    rows = tmp_path / "rows.npy"
    np.save(rows, np.zeros((30, 2)))
    assert main(["detect", str(rows), "--model", saved, *scores]) == 2
    assert "Columns load, flow, phase, heat missing" in capsys.readouterr().err


def test_words_for_missing_values(table, tmp_path, capsys):
    path = table("csv")
    lines = path.read_text().splitlines()
    lines[5] = lines[5].rsplit(",", 1)[0] + ",NA"
    path.write_text("\n".join(lines))
    scores = ["-o", str(tmp_path / "scores.csv")]
    assert main(["detect", str(path), "--epochs", "1", *scores]) == 0
    assert "column heat became the median" in capsys.readouterr().err


def test_categories(tmp_path, capsys):
    rng = np.random.default_rng(0)
    lines = ["kind,speed,heat"]
    for i in range(200):
        kind, speed = ("lathe", "mill")[i % 2], rng.random()
        lines.append(f"{kind},{speed},{speed + 2 * (kind == 'mill')}")
    path, saved = tmp_path / "machines.csv", str(tmp_path / "saved")
    path.write_text("\n".join(lines))
    scores = ["-o", str(tmp_path / "scores.csv")]
    assert main(["detect", str(path), *scores]) == 2
    assert "name the column in --categories" in capsys.readouterr().err
    fit = ["--categories", "kind", "--epochs", "10", "--save", saved]
    picture = ["--plot", str(tmp_path / "scores.png")]
    assert main(["detect", str(path), *scores, *fit, *picture]) == 0
    path.write_text("heat,kind,speed\n0.5,saw,0.5\n0.5,,0.5\n0.5,lathe,0.5\n")
    capsys.readouterr()
    assert main(["detect", str(path), "--model", saved, *scores, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["intervals"][0]["column"] == "kind"
    with open(scores[1]) as file:
        flags = [row["abnormal"] for row in csv.DictReader(file)]
    assert flags == ["1", "1", "0"]
    options = ["--model", saved, "--categories", "kind"]
    assert main(["detect", str(path), *options, *scores]) == 2
    assert "is fitted already" in capsys.readouterr().err


def test_intervals():
    frame = Frame(["a"], np.zeros((7, 1)))
    scores = np.array([2, 0, 0, 3, 5, 0, 1.5])
    found = Detection(frame, scores, 1.0, scores[:, None])
    assert found.intervals() == [
        Interval(0, 1, 0),
        Interval(3, 5, 4),
        Interval(6, 7, 6),
    ]
    assert Detection(frame, scores, 9.0, scores[:, None]).intervals() == []


def test_frames(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("\ufefft,on,n,Date\n1,true,,2026-01-01\n2,false,5,2026-01-02\n")
    frame = read_frame(path, ignore=["n"])
    assert frame.names == ["t", "on"]
    assert frame.times == ["2026-01-01", "2026-01-02"] and frame.time_name == "Date"
    np.testing.assert_array_equal(frame.values, [[1, 1], [2, 0]])
    assert np.isnan(read_frame(path).values[0, 2])
    path.write_text("only\n1\n2\n")
    assert read_frame(path).names == ["only"]
    path.write_text("1;2\n3;4\n")  # no names
    np.testing.assert_array_equal(read_frame(path).values, [[1, 2], [3, 4]])
    assert read_frame(path).names == ["1", "2"]
    path.write_text("a,kind\n1,x\n,\n")
    frame = read_frame(path, categories=["kind"])
    assert frame.values.tolist()[0] == [1, "x"] and frame.values[1, 1] == ""
    with pytest.raises(InputError, match="has no column sort of categories"):
        read_frame(path, categories=["sort"])
    with pytest.raises(InputError, match=r"give one of \.csv"):
        read_frame(__file__)
