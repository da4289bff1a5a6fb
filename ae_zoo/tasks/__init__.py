"""Uses of a model: features, restoration, compression, anomaly detection."""

from ae_zoo._lazy import attach

_EXPORTS = {
    "AnomalyDetector": "ae_zoo.tasks.detector",
    "AutoencoderTransformer": "ae_zoo.tasks.transformer",
    "Compressor": "ae_zoo.tasks.codec.compressor",
    "Denoiser": "ae_zoo.tasks.denoiser",
    "FeatureExtractor": "ae_zoo.tasks.features",
    "Inpainter": "ae_zoo.tasks.inpainter",
    "decompress": "ae_zoo.tasks.codec.files",
    "extract": "ae_zoo.tasks.features",
}

__all__ = [*_EXPORTS]
__getattr__, __dir__ = attach(__name__, _EXPORTS)
