"""Thresholds above which scores are abnormal, chosen without labels."""

import warnings

import numpy as np
from scipy.stats import genpareto

_TAIL = 0.1  # share of the scores that the extreme-value fit uses
_FEWEST = 20  # scores that such a fit needs


def quantile(scores: np.ndarray, rate: float) -> float:
    """The score that a share `rate` of `scores` exceeds."""
    return float(np.quantile(scores, 1 - rate))


def extreme_value(scores: np.ndarray, rate: float) -> float:
    """The score that a share `rate` would exceed, also beyond the largest seen.

    A generalised Pareto distribution is fitted to the excesses of the highest tenth of
    the scores over their quantile (Siffer et al., 2017, doi:10.1145/3097983.3098144).
    Where there are too few scores, or `rate` is not rarer than a tenth, it is the plain
    quantile.
    """
    start = np.quantile(scores, 1 - _TAIL)
    excess = scores[scores > start] - start
    if len(excess) < _FEWEST or rate >= _TAIL:
        return quantile(scores, rate)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        shape, _, scale = genpareto.fit(excess, floc=0)
    share = len(excess) / len(scores)
    return float(start + genpareto.isf(rate / share, shape, 0, scale))


RULES = {"quantile": quantile, "extreme_value": extreme_value}
