"""What users do with a model. Names are loaded when first used."""

import importlib

# Public name -> module that defines it.
_EXPORTS = {
    "AutoencoderTransformer": "ae_zoo.tasks.transformer",
    "FeatureExtractor": "ae_zoo.tasks.features",
    "extract": "ae_zoo.tasks.features",
}

__all__ = sorted(_EXPORTS)


def __getattr__(name):
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'ae_zoo.tasks' has no attribute {name!r}")


def __dir__():
    return __all__
