"""Anomalies in tables and time series, found by how badly a model rebuilds them."""

from ae_zoo._lazy import attach

_EXPORTS = {
    "AnomalyDetector": "ae_zoo.tasks.detector.detector",
    "Detection": "ae_zoo.tasks.detector.detection",
    "detect": "ae_zoo.tasks.detector.detection",
}

__all__ = [*_EXPORTS]
__getattr__, __dir__ = attach(__name__, _EXPORTS)
