"""Small models of every registered family: one table for all parametrised tests.

A newly registered family appears here by itself, with each of its backbones: in CASES
where its input has one size, else in PICTURE_CASES. Add to VARIANTS only what the
defaults do not reach.
"""

import inspect
from dataclasses import dataclass, field

import numpy as np

from ae_zoo import registry

IMAGE = (12, 12, 1)
# Families that take no images get rows as a sequence, or a video.
SEQUENCE, VIDEO = (12, 12), (3, 12, 12, 1)
SHAPES = {"conv1d_ae": SEQUENCE, "recurrent_ae": SEQUENCE, "convlstm_ae": VIDEO}

# Arguments that run other code of a family than its defaults.
VARIANTS = {
    "conv_ae": {
        "batch_norm": {"batch_norm": True},
        "tiny": {"filters": (4, 4, 8)},  # down to 2 x 2, by matrix products
    },
    "dense_ae": {"tied": {"tied": True}},
    "deep_ae": {"tied": {"tied": True}},
    "stacked_ae": {"untied": {"tied": False}},
    "sparse_ae": {"kl": {"activation": "sigmoid", "penalty": "kl", "weight": 0.1}},
    "contractive_ae": {"exact": {"hidden": ()}},
    "recurrent_ae": {
        "feedback": {"cell": "gru", "decoding": "feedback", "bidirectional": False},
    },
    "denoising_ae": {
        "masking": {"noise": "masking", "backbone": "dense", "hidden": (16,)},
        "salt": {"noise": "salt_and_pepper", "backbone": "dense", "hidden": (16,)},
        "shift": {"noise": "shift", "level": 0.2, "backbone": "dense", "hidden": (16,)},
    },
}


@dataclass(frozen=True)
class Case:
    """A model to build: `build()` is `family` called with `arguments`."""

    id: str
    family: str
    arguments: dict = field(hash=False)

    def build(self, **changes):
        return registry.build(self.family, **(self.arguments | changes))

    @property
    def shape(self):
        return self.arguments["input_shape"]

    def examples(self, digits):
        """Images `(n, 12, 12, 1)` as inputs of the model; a video fades them out."""
        if self.shape == SEQUENCE:
            return digits[..., 0]
        if self.shape == VIDEO:
            return np.stack([digits, digits / 2, digits / 4], axis=1)
        return digits


def _small_cases(family):
    accepted = family.arguments
    if family in PICTURE_FAMILIES:
        small = {"input_shape": (None, None, 2), "filters": (4, 6, 8)}
        yield "default", small | ({"blocks": 1} if "blocks" in accepted else {})
        return
    small = {"input_shape": SHAPES.get(family.name, IMAGE)}
    small |= {"latent_dim": 6} if "latent_dim" in accepted else {}
    small |= {"units": (10,), "output": "sigmoid"} if "units" in accepted else {}
    small |= {"output": "sigmoid"} if "dilations" in accepted else {}
    small |= {"hidden": (16, 8)} if "hidden" in accepted else {}
    small |= {"filters": (4, 8)} if "filters" in accepted else {}
    small |= {"seed": 0} if "seed" in accepted else {}
    if "backbone" in accepted:
        yield "dense", small | {"backbone": "dense", "hidden": (16,)}
        yield "conv", small | {"backbone": "conv", "filters": (4, 8)}
    else:
        yield "default", small
    for name, arguments in VARIANTS.get(family.name, {}).items():
        yield name, small | arguments


def _takes_any_size(family):
    shape = inspect.signature(family.build).parameters["input_shape"].default
    return None in shape


FAMILIES = [registry.family(name) for name in sorted(registry.built_in())]
PICTURE_FAMILIES = [family for family in FAMILIES if _takes_any_size(family)]
SIZED_FAMILIES = [family for family in FAMILIES if family not in PICTURE_FAMILIES]


def _cases(families):
    return [
        Case(f"{family.name}-{variant}", family.name, arguments)
        for family in families
        for variant, arguments in _small_cases(family)
    ]


CASES, PICTURE_CASES = _cases(SIZED_FAMILIES), _cases(PICTURE_FAMILIES)
BY_ID = {case.id: case for case in (*CASES, *PICTURE_CASES)}


def layout(model):
    """Shape, name and trainability of each weight, in Keras's order."""
    return [(tuple(w.shape), w.name, w.trainable) for w in model.weights]
