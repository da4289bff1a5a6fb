"""Reproducible measurements of a model, and of baselines on the same data.

Each file answers one question. It is a module with `applies(subject)` and
`measure(subject)`, which returns two dictionaries: the metrics of the model and those
of simple baselines.
"""

from ae_zoo._lazy import attach

_QUESTIONS = (
    "denoising",
    "detection",
    "inpainting",
    "likelihood",
    "probe",
    "rate_distortion",
    "reconstruction",
    "restoration",
    "sentences",
    "sparsity",
    "speakers",
)
_EXPORTS = {
    "Measured": "ae_zoo.evaluation.measured",
    "Photographs": "ae_zoo.evaluation.measured",
    "QUESTIONS": "ae_zoo.evaluation.questions",
    "evaluate": "ae_zoo.evaluation.questions",
    "evaluate_data": "ae_zoo.evaluation.own_data",
    **{name: f"ae_zoo.evaluation.{name}" for name in _QUESTIONS},
}

__all__ = [*_EXPORTS]
__getattr__, __dir__ = attach(__name__, _EXPORTS)
