"""What users do with a model."""

from ae_zoo._lazy import attach

_EXPORTS = {
    "AutoencoderTransformer": "ae_zoo.tasks.transformer",
    "FeatureExtractor": "ae_zoo.tasks.features",
    "extract": "ae_zoo.tasks.features",
}

__all__ = [*_EXPORTS]
__getattr__, __dir__ = attach(__name__, _EXPORTS)
