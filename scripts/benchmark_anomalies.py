"""How well are anomalies found? Published protocols, beside what people use today.

A method is a function of the rows to learn from, the rows to score and a seed, which
returns scores `(rows,)`, higher for more abnormal. Areas under the curves need no
threshold; where one is needed it is chosen without labels.

    python scripts/benchmark_anomalies.py DATA
        [skab fraud ecg5000 adbench adbench_semi nab] [--seeds N] [--methods NAME ...]

DATA holds the folders skab, creditcard, ecg5000, adbench and nab.
"""

import argparse
import functools
import importlib
import importlib.util
import json
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from ae_zoo.data.tables import read_frame
from ae_zoo.tasks.anomaly import AnomalyDetector

Method = Callable[[np.ndarray, np.ndarray, int], np.ndarray]

ADBENCH_ROWS = 10_000  # at most, drawn by the seed
NAB_WINDOW = 32  # values
SKAB_TRAINING = 400  # rows at the start of each file
SKAB_GROUPS = ("valve1", "valve2", "other")
SKAB_UNUSED = ("anomaly", "changepoint")
# Chosen by F1 on the files of valve1 alone, mean of three seeds of a like network that
# is not in this repository, among windows of 12 to 35 rows, codes of 1 to 8 values, the
# ways to combine columns, and margins of 1.5 to 4 in steps of a quarter. What two
# earlier choices had reached on all files was known by then.
SKAB_DETECTOR = {
    "model": "deep_ae",
    "window": 28,
    "measure": "error",
    "combine": "max",
    "holdout": 0.5,
    "margin": 2.75,
    "latent_dim": 1,
    "batch_size": 64,
    "learning_rate": 1e-3,
}


@dataclass(frozen=True)
class Split:
    """Rows to learn from, rows to score, and which of these are abnormal (1)."""

    train: np.ndarray
    test: np.ndarray
    labels: np.ndarray
    seed: int


def nab(folder: Path) -> dict[str, list[Split]]:
    """Numenta's benchmark (Lavin and Ahmad, 2015, arXiv:1510.03336), by file.

    Windows of `NAB_WINDOW` values; those of the first 15% of a file to learn from,
    which Numenta does not count either. A window is abnormal that ends within an
    interval that Numenta calls so; its own score, which rewards early alarms, is not
    computed.
    """
    known = json.loads((folder / "labels" / "combined_windows.json").read_text())
    sets = {}
    for path in sorted(folder.glob("data/*/*.csv")):
        name = f"{path.parent.name}/{path.name}"
        if not known[name]:
            continue  # nothing abnormal to find
        frame = read_frame(path)
        values = frame.values[:, 0]
        first = values[: round(0.15 * len(values))]
        values = (values - first.mean()) / first.std()
        windows = np.lib.stride_tricks.sliding_window_view(values, NAB_WINDOW)
        times = np.array(frame.times)[NAB_WINDOW - 1 :]
        labels = np.zeros(len(times), int)
        for start, end in known[name]:
            labels[(times >= start[:19]) & (times <= end[:19])] = 1
        learnt = len(first) - NAB_WINDOW + 1
        train, test = windows[:learnt], windows[learnt + NAB_WINDOW - 1 :]
        sets[name] = [Split(train, test, labels[learnt + NAB_WINDOW - 1 :], 0)]
    return sets


def our_method(**options) -> Method:
    """`AnomalyDetector` with these options."""

    def score(train, test, seed):
        detector = AnomalyDetector(random_state=seed, **options).fit(train)
        return detector.anomaly_score(test)

    return score


def peers(components: float = 0.9) -> dict[str, Method]:
    """PCA, nearest neighbours, isolation forest and, where installed, PyOD's.

    Args:
        components: of PCA, a number or a share of the variance.
    """
    methods = {
        "pca": lambda a, b, seed: _pca(a, b, components),
        "knn": _neighbours,
        "isolation_forest": _isolation_forest,
    }
    if importlib.util.find_spec("pyod"):
        methods |= {"pyod_ae": _pyod("auto_encoder", "AutoEncoder")}
        methods |= {"pyod_vae": _pyod("vae", "VAE")}
    return methods


def adbench(
    folder: Path, normals_only: bool, seeds=(1, 2, 3)
) -> Iterator[tuple[str, list[Split]]]:
    """Han et al., 2022, arXiv:2206.09426: sets of a folder, split once a seed.

    70% of the rows to learn from, or of these the normal ones, scaled to [0, 1].
    """
    for path in sorted(Path(folder).glob("*.npz")):
        with np.load(path, allow_pickle=False) as file:
            x, y = file["X"].astype("float64"), file["y"].astype(int)
        splits = []
        for seed in seeds:
            rows, labels = x, y
            if len(x) > ADBENCH_ROWS:
                rng = np.random.default_rng(seed)
                chosen = rng.choice(len(x), ADBENCH_ROWS, replace=False)
                rows, labels = x[chosen], y[chosen]
            train, test, known, labels = train_test_split(
                rows, labels, test_size=0.3, stratify=labels, random_state=seed
            )
            train = train[known == 0] if normals_only else train
            scaler = MinMaxScaler().fit(train)
            train, test = scaler.transform(train), scaler.transform(test)
            splits.append(Split(train, test, labels, seed))
        yield path.stem, splits


def fraud(folder: Path, seeds=(0,)) -> list[Split]:
    """Card payments: half of the normal ones to learn from; the rest and all frauds."""
    names = [*(f"V{i}" for i in range(1, 29)), "Amount", "Class"]
    normals, sample = (
        read_frame(Path(folder) / f"creditcard_{part}.csv").select(names).values
        for part in ("normals", "sample")
    )
    normals = normals[normals[:, -1] == 0]  # its frauds are in the sample as well
    rows = np.concatenate([normals, sample])
    x, y = rows[:, :-1], rows[:, -1]
    splits = []
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(np.flatnonzero(y == 0))
        half = len(order) // 2
        scaler = StandardScaler().fit(x[order[:half]])
        tested = np.concatenate([order[half:], np.flatnonzero(y == 1)])
        train, test = scaler.transform(x[order[:half]]), scaler.transform(x[tested])
        splits.append(Split(train, test, y[tested], seed))
    return splits


def ecg5000(path: Path, folds: int = 5) -> list[Split]:
    """Heartbeats of ECG5000's training part; those of class 1 to learn from."""
    rows = np.loadtxt(path)
    x, y = rows[:, 1:], (rows[:, 0] != 1).astype(int)
    folding = StratifiedKFold(folds, shuffle=True, random_state=0)
    return [
        Split(x[train][y[train] == 0], x[test], y[test], seed)
        for seed, (train, test) in enumerate(folding.split(x, y))
    ]


def areas(method: Method, splits: list[Split]) -> tuple[float, float]:
    """Mean areas under the receiver operating and the precision-recall curve."""
    values = []
    for split in splits:
        scores = method(split.train, split.test, split.seed)
        values.append(
            (
                roc_auc_score(split.labels, scores),
                average_precision_score(split.labels, scores),
            )
        )
    roc, precision = np.mean(values, axis=0)
    return float(roc), float(precision)


def skab(folder: Path, groups=SKAB_GROUPS, **options) -> dict[str, dict[str, float]]:
    """Katser and Kozitsin, 2020, doi:10.34740/KAGGLE/DSV/1693952: one detector a file.

    Trained on the first 400 rows of each file, scored on the rest; hits and alarms are
    pooled over the files.

    Args:
        folder: of the groups valve1, valve2 and other.
        groups: which of them.
        options: of the detector, by default `SKAB_DETECTOR`.

    Returns:
        Of each group and of 'all': `f1`, `far` and `mar`, false and missed alarms in
        percent, and `auroc`, the mean over the files.
    """
    options = options or SKAB_DETECTOR
    found = {group: [] for group in groups}
    for group in groups:
        for path in sorted(Path(folder, group).glob("*.csv")):
            rows = read_frame(path, SKAB_UNUSED).values
            truth = _skab_labels(path)[SKAB_TRAINING:]
            detector = AnomalyDetector(random_state=0, **options)
            detector.fit(rows[:SKAB_TRAINING])
            scores = detector.anomaly_score(rows[SKAB_TRAINING:])
            found[group].append((truth, scores, scores > -detector.offset_))
    found["all"] = [file for group in groups for file in found[group]]
    return {group: _skab_figures(files) for group, files in found.items()}


def _skab_figures(files) -> dict[str, float]:
    truth, _, flag = (np.concatenate(parts) for parts in zip(*files, strict=True))
    return {
        "f1": float(2 * np.sum(flag & truth) / (flag.sum() + truth.sum())),
        "far": float(100 * flag[~truth].mean()),
        "mar": float(100 * (~flag)[truth].mean()),
        "auroc": float(np.mean([roc_auc_score(y, scores) for y, scores, _ in files])),
    }


def _skab_labels(path: Path) -> np.ndarray:
    frame = read_frame(path)
    return frame.values[:, frame.names.index("anomaly")] == 1


def _pca(train, test, components) -> np.ndarray:
    pca = PCA(components, svd_solver="full").fit(train)
    return np.square(test - pca.inverse_transform(pca.transform(test))).sum(axis=1)


def _neighbours(train, test, seed) -> np.ndarray:
    return NearestNeighbors(n_neighbors=5).fit(train).kneighbors(test)[0][:, -1]


def _isolation_forest(train, test, seed) -> np.ndarray:
    return -IsolationForest(random_state=seed).fit(train).score_samples(test)


def _pyod(module: str, name: str) -> Method:
    """A detector of PyOD with its own settings.

    In a process of its own: PyTorch crashes beside TensorFlow.
    """

    def score(train, test, seed):
        work = _other_process().submit(_pyod_scores, module, name, train, test, seed)
        return work.result()

    return score


@functools.cache
def _other_process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


def _pyod_scores(module, name, train, test, seed) -> np.ndarray:
    kind = getattr(importlib.import_module(f"pyod.models.{module}"), name)
    detector = kind(random_state=seed, verbose=0)
    detector.fit(train)
    return detector.decision_function(test)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the data sets")
    parser.add_argument("protocols", nargs="*", default=["skab", "fraud", "ecg5000"])
    parser.add_argument("--seeds", type=int, default=3, help="splits a set")
    parser.add_argument("--methods", nargs="+", help="by default all, by their names")
    options = parser.parse_args()
    ours = {
        "ae_zoo": our_method(),
        "ae_zoo error": our_method(measure="error"),
        "ae_zoo mean gelu": our_method(
            measure="error", combine="mean", model_arguments={"activation": "gelu"}
        ),
    }
    for protocol in options.protocols:
        if protocol == "skab":
            for group, figures in skab(options.data / "skab").items():
                text = ", ".join(f"{k} {v:.4f}" for k, v in figures.items())
                print(f"skab {group}: {text}", flush=True)
            continue
        if protocol == "fraud":
            sets = {"fraud": fraud(options.data / "creditcard", range(options.seeds))}
        elif protocol == "ecg5000":
            sets = {"ecg5000": ecg5000(options.data / "ecg5000/ECG5000_TRAIN.txt")}
        elif protocol in ("adbench", "adbench_semi"):
            semi = protocol == "adbench_semi"
            seeds = range(1, options.seeds + 1)
            sets = dict(adbench(options.data / "adbench", semi, seeds))
        elif protocol == "nab":
            sets = nab(options.data / "nab")
        else:
            parser.error(f"there is no protocol {protocol}")
        components = {"fraud": 8, "ecg5000": 16}.get(protocol, 0.9)
        methods = ours | peers(components)
        if unknown := set(options.methods or ()) - set(methods):
            parser.error(f"no methods {unknown}; there are {', '.join(methods)}")
        for name in options.methods or methods:
            values = [areas(methods[name], splits) for splits in sets.values()]
            roc, precision = np.mean(values, axis=0)
            print(
                f"{protocol} {name}: AUROC {roc:.4f}, AUPR {precision:.4f}", flush=True
            )


if __name__ == "__main__":
    main()
