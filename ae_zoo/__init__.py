"""ae_zoo: the autoencoder zoo for Keras.

    import ae_zoo

    model = ae_zoo.load("conv_ae.mnist")
    codes = model.encode(images)

Names are loaded when first used: importing the package, listing models and
verifying weights never import TensorFlow.
"""

import importlib
import sys

__version__ = "0.1.0"

# Public name -> module that defines it.
_EXPORTS = {
    "Autoencoder": "ae_zoo.autoencoder",
    "download": "ae_zoo.zoo.loader",
    "list_models": "ae_zoo.zoo.manifest",
    "load": "ae_zoo.zoo.loader",
    "model_info": "ae_zoo.zoo.manifest",
    "save": "ae_zoo.zoo.folder",
    "verify": "ae_zoo.zoo.loader",
}
_MODULES = (
    "backbones",
    "data",
    "errors",
    "evaluation",
    "layers",
    "losses",
    "models",
    "tasks",
    "training",
    "zoo",
)

__all__ = ["__version__", *_EXPORTS, *_MODULES]


def __getattr__(name):
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"ae_zoo.{name}")
    raise AttributeError(f"module 'ae_zoo' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)


if "keras" in sys.modules:
    # Then importing our classes is free, and `keras.saving.load_model` finds them.
    importlib.import_module("ae_zoo.autoencoder")
