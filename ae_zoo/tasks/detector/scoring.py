"""How abnormal rows are, from the errors of their columns and from their codes."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.covariance import LedoitWolf

from ae_zoo.tasks.detector.rebuilding import Rebuilding

WIDEST = 256  # columns whose covariance is worth its size

_UNIT = 0.99  # quantile of normal values that is called 1
_TINY = 1e-12


@dataclass(frozen=True)
class Scoring:
    """Scores of rows in the units of normal rows.

    Attributes:
        measure: 'error', 'latent' or 'both'.
        combine: of the errors of columns, 'mahalanobis', 'mean' or 'max'.
        unit: normal error of each column.
        centre, precision: mean and inverse covariance of normal errors and codes, for
            the Mahalanobis distance; None where none is measured.
        part_units: normal value of each part that a score is the mean of.
    """

    measure: str
    combine: str
    unit: np.ndarray
    centre: np.ndarray | None
    precision: np.ndarray | None
    part_units: np.ndarray | None

    def scores(self, rebuilding: Rebuilding, X: np.ndarray) -> np.ndarray:
        """How abnormal each row of `X` is, `(n,)`."""
        batches = [self.parts(*batch) for batch in rebuilding.batches(X)]
        scores = (np.concatenate(batches) / self.part_units).mean(axis=1)
        return rebuilding.windows.by_row(scores)

    def parts(self, errors: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """The values whose mean, each in its unit, is the score: `(n, 1 or 2)`."""
        parts = []
        if self.measure != "latent" and self.combine == "mean":
            parts.append(np.sqrt(np.square(errors).mean(axis=1)))
        if self.measure != "latent" and self.combine == "max":
            parts.append(np.abs(errors / self.unit).max(axis=1))
        if self.centre is not None:
            vectors = _vectors(self.measure, self.combine, errors, codes)
            parts.append(mahalanobis(vectors, self.centre, self.precision))
        return np.stack(parts, axis=1)


def learn_scoring(
    measure: str,
    combine: str,
    rebuilding: Rebuilding,
    train: np.ndarray,
    held: np.ndarray,
) -> Scoring:
    """Learns the units and the distribution of normal rows.

    Args:
        measure, combine: as of `AnomalyDetector`; `combine` may be 'auto'.
        rebuilding: gives errors and codes.
        train: the rows that the model was trained on, for the covariance.
        held: the rows that were held out, for the covariance and the units.
    """
    if combine == "auto":
        few = len(rebuilding.columns.names) <= WIDEST
        combine = "mahalanobis" if few else "mean"
    errors, codes = rebuilding.by_row(held)
    centre = precision = None
    vectors = _vectors(measure, combine, errors, codes)
    if vectors.shape[1]:
        learnt = _vectors(measure, combine, *rebuilding.by_row(train))
        normal = LedoitWolf().fit(np.concatenate([learnt, vectors]))
        centre, precision = normal.location_, normal.precision_
    scoring = Scoring(measure, combine, _unit(np.abs(errors)), centre, precision, None)
    parts = scoring.parts(errors, codes)
    return replace(scoring, part_units=_unit(parts))


def mahalanobis(
    vectors: np.ndarray, centre: np.ndarray, precision: np.ndarray
) -> np.ndarray:
    """Distance of each row of `vectors` from a distribution, `(n,)`."""
    centred = vectors - centre
    squares = ((centred @ precision) * centred).sum(axis=1)
    return np.sqrt(np.maximum(squares, 0))


def _vectors(measure, combine, errors: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The vectors whose distance is measured, with no values where there is none."""
    if measure == "latent" or combine != "mahalanobis":
        return codes
    return np.concatenate([errors, codes], axis=1)


def _unit(values: np.ndarray) -> np.ndarray:
    """The value of each column that few normal rows exceed."""
    return np.maximum(np.quantile(values, _UNIT, axis=0), _TINY)
