"""How well are sentences reconstructed and classified? Baselines: PCA and LSA."""

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from ae_zoo.data.texts import simplify
from ae_zoo.datasets.sentences import load_texts
from ae_zoo.evaluation.probe import probe_accuracy

CLASSIFIED = ("trec", "subj")  # sources whose labels are predicted
SEED = 0


def applies(subject) -> bool:
    """Whether the data are the labelled sentences."""
    return subject.name == "sentences"


def measure(subject) -> tuple[dict, dict]:
    """Share of correct characters, and accuracies of a linear probe.

    `character_accuracy` covers the test sentences that fit into the model as a whole;
    its baseline is PCA with a code of the same size. `trec_accuracy` and
    `subj_accuracy` are test accuracies of a logistic regression on the codes; `lsa_` on
    latent semantic analysis of the same size (Deerwester et al., 1990: TF-IDF of words
    and pairs of words, SVD). LSA sees whole sentences, the model only their beginnings.
    """
    train_texts, test_texts = (
        load_texts(subject.name, split, subject.data_dir)[0]
        for split in ("train", "test")
    )
    length = subject.model.input_shape[1]
    sizes = np.array([len(simplify(text)) for text in test_texts])
    rebuilt = subject.model.reconstruct(subject.test)
    known = (np.arange(length) < sizes[:, None]) & (sizes <= length)[:, None]
    metrics = {"character_accuracy": _characters(subject.test, rebuilt, known)}
    pca = subject.pca_reconstruction
    baselines = {"pca_character_accuracy": _characters(subject.test, pca, known)}
    for name in CLASSIFIED:
        train, test = subject.train_groups == name, subject.test_groups == name
        labels = subject.train_labels[train], subject.test_labels[test]
        codes = subject.train_codes[train], subject.test_codes[test]
        metrics[f"{name}_accuracy"] = probe_accuracy(*codes, *labels)
        words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
        svd = TruncatedSVD(subject.model.code.size, random_state=SEED)
        lsa = make_pipeline(words, svd)
        codes = (
            lsa.fit_transform([train_texts[i] for i in np.flatnonzero(train)]),
            lsa.transform([test_texts[i] for i in np.flatnonzero(test)]),
        )
        baselines[f"lsa_{name}_accuracy"] = probe_accuracy(*codes, *labels)
        codes = subject.pca_train_codes[train], subject.pca_test_codes[test]
        baselines[f"pca_{name}_accuracy"] = probe_accuracy(*codes, *labels)
    return metrics, baselines


def _characters(truth: np.ndarray, rebuilt: np.ndarray, known: np.ndarray) -> float:
    """Share of the characters at `known` positions that are correct."""
    right = truth.argmax(axis=-1) == rebuilt.argmax(axis=-1)
    return float(right[known].mean())
