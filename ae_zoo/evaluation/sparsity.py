"""How few units of a sparse code are active, and how many never are?"""

import numpy as np
from keras import ops


def applies(subject) -> bool:
    """Whether the model is trained to have a sparse code."""
    bottleneck = subject.model.bottleneck
    return bottleneck is not None and bottleneck.sparse


def measure(subject) -> tuple[dict, dict]:
    """Statistics of the codes of the test split.

    A unit is active on an image if its pre-activation is positive: above 0 for
    a rectified code, above 0.5 for a sigmoid one. `code_mean_activation` is the
    mean over images and units of |z|, `code_active_fraction` the share of units
    active on an image, and `code_dead_fraction` the share of units active on none.
    There is no baseline.
    """
    codes = subject.test_codes
    activation = subject.model.bottleneck.activation
    active = codes > float(ops.convert_to_numpy(activation(ops.zeros(()))))
    metrics = {
        "code_mean_activation": np.abs(codes).mean(dtype="float64"),
        "code_active_fraction": active.mean(),
        "code_dead_fraction": 1 - active.any(axis=0).mean(),
    }
    return metrics, {}
