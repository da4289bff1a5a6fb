"""How few units of a sparse code are active, and how many never are?"""

import numpy as np

from ae_zoo.layers import SparseBottleneck

# A unit is active on an image where its activation exceeds this fraction of the
# largest in the whole code: the scale of a rectified code is arbitrary, and a
# sigmoid never reaches zero.
ACTIVE = 0.1


def applies(model) -> bool:
    """Only models that ask for a sparse code."""
    return isinstance(model.bottleneck, SparseBottleneck)


def measure(subject) -> tuple[dict, dict]:
    """Statistics of the codes of the test split.

    `code_mean_activation` is the mean over images and units of |z|,
    `code_active_fraction` the share of units active on an image, and
    `code_dead_fraction` the share of units active on none. No baseline.
    """
    codes = np.abs(subject.test_codes)
    active = codes > ACTIVE * codes.max()
    metrics = {
        "code_mean_activation": codes.mean(dtype="float64"),
        "code_active_fraction": active.mean(),
        "code_dead_fraction": 1 - active.any(axis=0).mean(),
    }
    return metrics, {}
