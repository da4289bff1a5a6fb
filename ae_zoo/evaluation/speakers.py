"""Do features of spoken digits generalise to a new speaker? Baseline: PCA."""

import numpy as np

from ae_zoo.evaluation.measured import flatten
from ae_zoo.evaluation.probe import probe_accuracy


def applies(subject) -> bool:
    """Whether the data are spoken digits, whose speakers are known."""
    return subject.name == "spoken_digit"


def measure(subject) -> tuple[dict, dict]:
    """Test accuracies of a logistic regression that predicts the digit.

    `spoken_digit_accuracy` is that on the test split. For
    `spoken_digit_speaker_out_accuracy` the regression is trained on all clips of the
    other speakers and tested on those of one, in turn; it is the mean over speakers.
    The baselines are PCA with as many components and, `mel_`, the spectrograms. Model
    and PCA are trained on clips of all speakers in the training split, without labels.
    """
    metrics = _accuracies(subject, subject.train_codes, subject.test_codes)
    pca = _accuracies(subject, subject.pca_train_codes, subject.pca_test_codes)
    mel = _accuracies(subject, flatten(subject.train), flatten(subject.test))
    baselines = {f"pca_{key}": value for key, value in pca.items()}
    return metrics, baselines | {f"mel_{key}": value for key, value in mel.items()}


def _accuracies(subject, train: np.ndarray, test: np.ndarray) -> dict[str, float]:
    labels = subject.train_labels, subject.test_labels
    every, digits = np.concatenate([train, test]), np.concatenate(labels)
    speakers = np.concatenate([subject.train_groups, subject.test_groups])
    left_out = []
    for speaker in np.unique(speakers):
        one = speakers == speaker
        left_out.append(
            probe_accuracy(every[~one], every[one], digits[~one], digits[one])
        )
    return {
        "spoken_digit_accuracy": probe_accuracy(train, test, *labels),
        "spoken_digit_speaker_out_accuracy": float(np.mean(left_out)),
    }
