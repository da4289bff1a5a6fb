"""ae_zoo: the autoencoder zoo for Keras.

    import ae_zoo

    model = ae_zoo.load("conv_ae.mnist")
    codes = model.encode(images)

Names are imported when first used: importing the package, listing models and
verifying weights never import TensorFlow.
"""

from ae_zoo import _keras_classes
from ae_zoo._lazy import attach

__version__ = "0.1.0"

_EXPORTS = {
    "Autoencoder": "ae_zoo.autoencoder",
    "download": "ae_zoo.zoo.loader",
    "export": "ae_zoo.publishing.export",
    "list_models": "ae_zoo.zoo.manifest",
    "load": "ae_zoo.zoo.loader",
    "model_info": "ae_zoo.zoo.manifest",
    "save": "ae_zoo.zoo.folder",
    "verify": "ae_zoo.zoo.loader",
} | {
    module: f"ae_zoo.{module}"
    for module in (
        "assemble",
        "backbones",
        "bottlenecks",
        "code",
        "corruptions",
        "data",
        "datasets",
        "errors",
        "evaluation",
        "layers",
        "losses",
        "models",
        "priors",
        "registry",
        "tasks",
        "training",
        "zoo",
    )
}

__all__ = ["__version__", *_EXPORTS]
__getattr__, __dir__ = attach(__name__, _EXPORTS)

_keras_classes.announce()
