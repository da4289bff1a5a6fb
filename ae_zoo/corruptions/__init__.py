"""Changes of the input for the autoencoder to undo, active in training only."""

from ae_zoo.corruptions.base import Corruption, CorruptionLayer
from ae_zoo.corruptions.mapped import MappedHoles, MappedNoise, MappedQuality
from ae_zoo.corruptions.noise import (
    GaussianCorruption,
    MaskingCorruption,
    SaltAndPepperCorruption,
)
from ae_zoo.corruptions.shift import ShiftCorruption
from ae_zoo.errors import UnknownNameError

CORRUPTIONS = {
    kind.kind: kind
    for kind in (
        GaussianCorruption,
        MaskingCorruption,
        SaltAndPepperCorruption,
        ShiftCorruption,
    )
}


def get(name: str, level, seed: int | None = None) -> CorruptionLayer:
    """Builds the corruption called `name`, one of `CORRUPTIONS`."""
    if name not in CORRUPTIONS:
        raise UnknownNameError(
            f"Unknown corruption {name!r}; choose one of {', '.join(CORRUPTIONS)}."
        )
    return CORRUPTIONS[name](level, seed=seed, name="corruption")


__all__ = [
    "CORRUPTIONS",
    "Corruption",
    "CorruptionLayer",
    "GaussianCorruption",
    "MappedHoles",
    "MappedNoise",
    "MappedQuality",
    "MaskingCorruption",
    "SaltAndPepperCorruption",
    "ShiftCorruption",
    "get",
]
