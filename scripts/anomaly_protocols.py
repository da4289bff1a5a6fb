"""Data sets with known anomalies, and the protocols by which methods are compared.

A method is a function of the rows to learn from, the rows to score and a seed, which
returns scores `(rows,)`, higher for more abnormal. Areas under the curves need no
threshold; where one is needed it is chosen without labels.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from ae_zoo.data.tables import read_frame

Method = Callable[[np.ndarray, np.ndarray, int], np.ndarray]

ADBENCH_ROWS = 10_000  # at most, drawn by the seed
NAB_WINDOW = 32  # values
SKAB_TRAINING = 400  # rows at the start of each file
SKAB_GROUPS = ("valve1", "valve2", "other")
SKAB_UNUSED = ("anomaly", "changepoint")


@dataclass(frozen=True)
class Split:
    """Rows to learn from, rows to score, and which of these are abnormal (1)."""

    train: np.ndarray
    test: np.ndarray
    labels: np.ndarray
    seed: int


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
