"""Data: from files, arrays and images of the user to float32 batches."""

from ae_zoo._lazy import attach

_EXPORTS = {
    "Batches": "ae_zoo.data.batches",
    "hold_out": "ae_zoo.data.sources",
    "open_source": "ae_zoo.data.sources",
}

__all__ = [*_EXPORTS]
__getattr__, __dir__ = attach(__name__, _EXPORTS)
