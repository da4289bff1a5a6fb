"""Data: whatever a user has, turned into float32 batches."""

from ae_zoo._lazy import attach

_EXPORTS = {
    "Batches": "ae_zoo.data.batches",
    "hold_out": "ae_zoo.data.sources",
    "load_arrays": "ae_zoo.datasets.loading",
    "load_examples": "ae_zoo.datasets.loading",
    "load_pictures": "ae_zoo.datasets.loading",
    "open_source": "ae_zoo.data.sources",
}

__all__ = [*_EXPORTS]
__getattr__, __dir__ = attach(__name__, _EXPORTS)
