"""How well do frozen codes predict the labels, and do classes form clusters?

The baseline of each metric is the same metric for PCA with as many components.
"""

import warnings

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ae_zoo.evaluation.measured import flatten

# The probe: inverse L2 strength on standardised features, and the limit of L-BFGS
# steps. Wide features reach the limit, long after their accuracy has settled.
C = 0.1
MAX_STEPS = 200
NEIGHBOURS = 5
RESTARTS = 10
SEED = 0
# Most values of an inner layer that is probed.
WIDEST_FEATURE = 4096


def applies(subject) -> bool:
    """Whether examples have a fixed size and one class each."""
    return subject.labelled


def measure(subject) -> tuple[dict, dict]:
    """Probe, nearest neighbours and clusters of the code; probes of inner layers.

    `probe_accuracy@KEY` is that of a linear probe on the inner layer KEY, for layers of
    at most 4,096 values.
    """
    labels = subject.train_labels, subject.test_labels
    metrics = code_quality(subject.train_codes, subject.test_codes, *labels)
    pca = code_quality(subject.pca_train_codes, subject.pca_test_codes, *labels)

    features = subject.model.features
    for key in subject.model.feature_keys:
        inner = key != "code"
        if inner and features(subject.test[:1], key).size <= WIDEST_FEATURE:
            train, test = (
                flatten(features(x, key)) for x in (subject.train, subject.test)
            )
            metrics[f"probe_accuracy@{key}"] = probe_accuracy(train, test, *labels)
    return metrics, {f"pca_{key}": value for key, value in pca.items()}


def code_quality(train, test, train_labels, test_labels) -> dict[str, float]:
    """The four metrics of a code, from `(n, size)` codes and `(n,)` labels."""
    clusters = kmeans(test, n_clusters=len(np.unique(train_labels)))
    return {
        "probe_accuracy": probe_accuracy(train, test, train_labels, test_labels),
        "knn_accuracy": knn_accuracy(train, test, train_labels, test_labels),
        "kmeans_accuracy": clustering_accuracy(test_labels, clusters),
        "kmeans_nmi": normalized_mutual_info_score(test_labels, clusters),
    }


def probe_accuracy(train, test, train_labels, test_labels, c: float = C) -> float:
    """Test accuracy of logistic regression on standardised features.

    Args:
        c: inverse strength of the L2 penalty; the default was chosen on held-out
            training images by `scripts/select_probe.py`.
    """
    probe = make_pipeline(
        StandardScaler(), LogisticRegression(C=c, max_iter=MAX_STEPS, tol=1e-3)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # see MAX_STEPS
        probe.fit(train, train_labels)
    return probe.score(test, test_labels)


def knn_accuracy(train, test, train_labels, test_labels) -> float:
    """Test accuracy of 5 nearest neighbours by Euclidean distance, not rescaled."""
    neighbours = KNeighborsClassifier(NEIGHBOURS, algorithm="brute")
    return neighbours.fit(train, train_labels).score(test, test_labels)


def kmeans(codes: np.ndarray, n_clusters: int) -> np.ndarray:
    """Clusters `(n,)` of codes by the best of 10 runs of k-means, not rescaled."""
    # In float64 the order of summation in threads does not change a cluster.
    codes = codes.astype("float64")
    return KMeans(n_clusters, n_init=RESTARTS, random_state=SEED).fit_predict(codes)


def clustering_accuracy(labels: np.ndarray, clusters: np.ndarray) -> float:
    """Accuracy under the best one-to-one matching of clusters to classes."""
    counts = contingency_matrix(labels, clusters)
    return counts[linear_sum_assignment(counts, maximize=True)].sum() / len(labels)
