"""Does what is rebuilt badly stand out as abnormal? Beside it, simple methods."""

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors

from ae_zoo.evaluation.subject import flatten

# What the keys of each set begin with.
PREFIXES = {"skab": "skab", "ecg5000": "ecg5000", "creditcard": "fraud"}
NEIGHBOURS = 5


def applies(subject) -> bool:
    """Sets whose test split has normal and abnormal examples, told by no label."""
    return subject.name in PREFIXES


def measure(subject) -> tuple[dict, dict]:
    """Areas under the curves of the squared error, over all examples of the test split.

    `..._auroc` and `..._aupr` (average precision). Beside them, all learnt from the
    same normal examples: PCA with as many components, the distance to the fifth nearest
    of them, and an isolation forest.
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
    prefix = PREFIXES[subject.name]
    results = {}
    for method, values in scores.items():
        labels = subject.test_labels
        key = f"{method}{prefix}"
        results[f"{key}_auroc"] = roc_auc_score(labels, values)
        results[f"{key}_aupr"] = average_precision_score(labels, values)
    ours = {key: value for key, value in results.items() if key.startswith(prefix)}
    return ours, {key: results[key] for key in results.keys() - ours.keys()}


def _error(x: np.ndarray, rebuilt: np.ndarray) -> np.ndarray:
    return flatten((x - rebuilt) ** 2).mean(axis=1)
