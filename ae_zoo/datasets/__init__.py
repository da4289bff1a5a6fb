"""Data sets: loading through TensorFlow Datasets, and builders of our own."""

from ae_zoo._lazy import attach

_EXPORTS = {
    "Examples": "ae_zoo.datasets.tfds",
    "load_arrays": "ae_zoo.datasets.loading",
    "load_examples": "ae_zoo.datasets.loading",
    "load_pictures": "ae_zoo.datasets.loading",
}

__all__ = [*_EXPORTS]
__getattr__, __dir__ = attach(__name__, _EXPORTS)
