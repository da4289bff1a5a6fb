"""Does the reconstruction error detect anomalies? Baselines: simple methods."""

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors

from ae_zoo.evaluation.measured import flatten

# Prefix of the keys of each data set.
PREFIXES = {"skab": "skab", "ecg5000": "ecg5000", "creditcard": "fraud"}
NEIGHBOURS = 5


def applies(subject) -> bool:
    """Whether the data set has normal and abnormal test examples."""
    return subject.name in PREFIXES


def measure(subject) -> tuple[dict, dict]:
    """Areas under the curves of the squared error, over the whole test split.

    They are `..._auroc` and `..._aupr` (average precision). The baselines are fitted to
    the same normal examples: PCA with as many components, the distance to the fifth
    nearest example, and an isolation forest.
    """
    train, test = flatten(subject.train), flatten(subject.test)
    nearest = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(train)
    forest = IsolationForest(random_state=0).fit(train)
    scores = {
        "": _error(subject.test, subject.model.reconstruct(subject.test)),
        "pca_": _error(subject.test, subject.pca_reconstruction),
        "knn_": nearest.kneighbors(test)[0][:, -1],
        "isolation_forest_": -forest.score_samples(test),
    }
    metrics, *baselines = (
        _areas(f"{method}{PREFIXES[subject.name]}", subject.test_labels, values)
        for method, values in scores.items()
    )
    return metrics, {key: area for areas in baselines for key, area in areas.items()}


def _areas(key: str, labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    return {
        f"{key}_auroc": roc_auc_score(labels, scores),
        f"{key}_aupr": average_precision_score(labels, scores),
    }


def _error(x: np.ndarray, rebuilt: np.ndarray) -> np.ndarray:
    return flatten((x - rebuilt) ** 2).mean(axis=1)
