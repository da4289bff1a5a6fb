"""Methods that find anomalies: `AnomalyDetector` and its peers.

A method is a function as `anomaly_protocols` describes it.
"""

import functools
import importlib
import importlib.util
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from anomaly_protocols import Method
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from ae_zoo.tasks import AnomalyDetector

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


def our_method(**options) -> Method:
    """`AnomalyDetector` with these options."""

    def score(train, test, seed):
        detector = AnomalyDetector(random_state=seed, **options).fit(train)
        return detector.anomaly_score(test)

    return score


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
