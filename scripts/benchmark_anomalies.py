"""How well are anomalies found? Published protocols, beside what people use today.

A method is a function of the rows to learn from, the rows to score and a seed, which
returns scores `(rows,)`, higher for more abnormal. Areas under the curves need no
threshold; where one is needed it is chosen without labels.

    python scripts/benchmark_anomalies.py DATA
        [skab fraud ecg5000 adbench adbench_semi nab]
        [--seeds N] [--methods NAME ...] [--json]

DATA holds the folders skab, creditcard, ecg5000, adbench and nab.
"""

import argparse
import functools
import importlib
import importlib.util
import itertools
import json
import multiprocessing
import sys
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
from ae_zoo.tasks import AnomalyDetector

Method = Callable[[np.ndarray, np.ndarray, int], np.ndarray]

PROTOCOLS = {  # and their folders
    "skab": "skab",
    "fraud": "creditcard",
    "ecg5000": "ecg5000",
    "adbench": "adbench",
    "adbench_semi": "adbench",
    "nab": "nab",
}
ADBENCH_ROWS = 10_000  # at most, drawn by the seed
NAB_WINDOW = 32  # values
SKAB_TRAINING = 400  # rows at the start of each file
SKAB_GROUPS = ("valve1", "valve2", "other")
SKAB_UNUSED = ("anomaly", "changepoint")
# Chosen by F1 on the files of valve1 alone, by scripts/select_detector.py and a few
# more trials there (other windows, codes, noise and measures). What earlier choices,
# one of them with this network, had reached on all files was known by then.
SKAB_DETECTOR = {
    "window": 28,
    "measure": "error",
    "combine": "mahalanobis",
    "holdout": 0.25,
    "batch_size": 64,
}
SKAB_MARGIN = 3.5
ALARM_RATE = 0.01  # of normal rows, before the margin


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


def areas(method: Method, splits: list[Split]) -> dict[str, float]:
    """Mean areas under the receiver operating and the precision-recall curve."""
    known = [
        (split.labels, method(split.train, split.test, split.seed)) for split in splits
    ]
    return {
        "auroc": float(np.mean([roc_auc_score(*split) for split in known])),
        "aupr": float(np.mean([average_precision_score(*split) for split in known])),
    }


def skab(
    folder: Path,
    score: Callable,
    margin: float | None = None,
    seed: int = 0,
    groups=SKAB_GROUPS,
) -> dict[str, float]:
    """Katser and Kozitsin, 2020, doi:10.34740/KAGGLE/DSV/1693952: one detector a file.

    Learnt from the first 400 rows of each file, scored on the rest; hits and alarms are
    pooled over the files, areas are means over them.

    Args:
        folder: of the groups valve1, valve2 and other.
        score: of the rows to learn from, the rows to score and the seed, gives scores
            in units of a threshold without labels.
        margin: on that threshold; None for the best by F1 on valve1.
        seed: for `score`.
        groups: which of them; valve1 for a margin.

    Returns:
        `margin`, `f1`, `far` and `mar` (false and missed alarms in percent), `auroc`
        and `aupr` of all files, and of each group with its name before.
    """
    found = {group: [] for group in groups}
    for group, files in found.items():
        for path in sorted(Path(folder, group).glob("*.csv")):
            rows = read_frame(path, SKAB_UNUSED).values
            truth = _skab_labels(path)[SKAB_TRAINING:]
            parts = rows[:SKAB_TRAINING], rows[SKAB_TRAINING:]
            files.append((truth, score(*parts, seed)))
    if margin is None:
        chosen = found["valve1"]
        scores = np.concatenate([scores for _, scores in chosen])
        limits = np.quantile(scores, np.linspace(0, 1, 201))
        margin = max(limits, key=lambda limit: _alarms(chosen, limit)["f1"])
    figures = {"margin": float(margin)}
    figures |= _alarms([*itertools.chain(*found.values())], margin)
    for group, files in found.items():
        figures |= {f"{group}_{k}": v for k, v in _alarms(files, margin).items()}
    return figures


def our_skab(**options) -> Callable:
    """`AnomalyDetector` with these options, for `skab`."""

    def score(train, test, seed):
        detector = AnomalyDetector(random_state=seed, **options).fit(train)
        return detector.anomaly_score(test) / -detector.offset_

    return score


def by_windows(method: Method) -> Callable:
    """A method for tables, for `skab`: on windows, which end with the row they score.

    As with ours, the last of the training rows are held out; a quantile of their
    scores is the threshold.
    """
    width = SKAB_DETECTOR["window"]

    def score(train, test, seed):
        learnt = round(len(train) * (1 - SKAB_DETECTOR["holdout"]))
        scaler = StandardScaler().fit(train[:learnt])
        rows = scaler.transform(np.concatenate([train, test]))
        windows = np.lib.stride_tricks.sliding_window_view(rows, width, axis=0)
        windows = windows.reshape(len(windows), -1)
        scores = method(windows[: learnt - width + 1], windows[learnt:], seed)
        held, scores = scores[: -len(test)], scores[-len(test) :]
        return scores / np.quantile(held, 1 - ALARM_RATE)

    return score


def _alarms(files: list, margin: float) -> dict[str, float]:
    truth, scores = (np.concatenate(parts) for parts in zip(*files, strict=True))
    flag = scores > margin
    return {
        "f1": float(2 * np.sum(flag & truth) / (flag.sum() + truth.sum())),
        "far": float(100 * flag[~truth].mean()),
        "mar": float(100 * (~flag)[truth].mean()),
        "auroc": float(np.mean([roc_auc_score(*file) for file in files])),
        "aupr": float(np.mean([average_precision_score(*file) for file in files])),
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


OURS = {
    "ae_zoo": our_method(),
    "trimmed": our_method(trim=0.3),
    "error": our_method(measure="error"),
    "mean_error": our_method(measure="error", combine="mean"),
}
COMPONENTS = {"fraud": 8, "ecg5000": 16, "skab": 16}  # of PCA; else 90% of the variance


def load(protocol: str, data: Path, seeds: int) -> dict[str, list[Split]]:
    """The splits of each set of a protocol."""
    if protocol == "fraud":
        return {"fraud": fraud(data / "creditcard", range(seeds))}
    if protocol == "ecg5000":
        return {"ecg5000": ecg5000(data / "ecg5000/ECG5000_TRAIN.txt")}
    if protocol == "nab":
        return nab(data / "nab")
    normals_only = protocol == "adbench_semi"
    return dict(adbench(data / "adbench", normals_only, range(1, seeds + 1)))


def measure(protocol: str, options) -> Iterator[tuple[str, dict[str, float]]]:
    """Figures of each method, means over the sets."""
    methods = peers(COMPONENTS.get(protocol, 0.9))
    if protocol == "skab":
        scorers = {name: by_windows(method) for name, method in methods.items()}
        scorers = {"ae_zoo": our_skab(**SKAB_DETECTOR)} | scorers
        margins = {"ae_zoo": SKAB_MARGIN}
        for name in among(scorers, options.methods):
            figures = [
                skab(options.data / "skab", scorers[name], margins.get(name), seed)
                for seed in range(options.seeds)
            ]
            yield name, means(figures)
        return
    methods = OURS | methods
    sets = load(protocol, options.data, options.seeds)
    for name in among(methods, options.methods):
        yield name, means([areas(methods[name], splits) for splits in sets.values()])


def means(figures: list[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([f[key] for f in figures])) for key in figures[0]}


def among(known: dict, names: list[str] | None) -> list[str]:
    """Those of the names that are known, or all."""
    return [name for name in known if not names or name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the data sets")
    parser.add_argument(
        "protocols", nargs="*", default=["skab", "fraud", "ecg5000"], metavar="protocol"
    )
    parser.add_argument(
        "--seeds", type=int, default=3, help="of skab; splits of fraud and of ADBench"
    )
    parser.add_argument("--methods", nargs="+", help="by default all, by their names")
    parser.add_argument("--json", action="store_true", help="print JSON at the end")
    options = parser.parse_args()
    if unknown := set(options.protocols) - set(PROTOCOLS):
        parser.error(f"no protocols {unknown}; there are {', '.join(PROTOCOLS)}")
    for protocol in options.protocols:
        if not (folder := options.data / PROTOCOLS[protocol]).is_dir():
            parser.error(f"there is no folder {folder}")
    names = [*OURS, *peers()]
    if "skab" in options.protocols:
        names = ["ae_zoo", *peers()]
    if unknown := set(options.methods or ()) - set(names):
        parser.error(f"no methods {unknown}; there are {', '.join(names)}")
    results = {}
    for protocol in options.protocols:
        for name, figures in measure(protocol, options):
            prefix = protocol if name == "ae_zoo" else f"{name}_{protocol}"
            results |= {f"{prefix}_{key}": value for key, value in figures.items()}
            text = ", ".join(f"{key} {value:.4f}" for key, value in figures.items())
            line = f"{protocol} {name}: {text}"
            print(line, file=sys.stderr if options.json else None, flush=True)
    if options.json:
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
