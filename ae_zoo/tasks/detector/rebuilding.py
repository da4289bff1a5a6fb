"""A model that rebuilds rows: their errors by column, and their codes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ae_zoo import registry
from ae_zoo.tasks.detector.columns import Columns
from ae_zoo.tasks.detector.windows import Windows, to_examples
from ae_zoo.tasks.fitting import Fitting, filled_up, is_family, load_pretrained

if TYPE_CHECKING:
    from ae_zoo.autoencoder import Autoencoder

# A family's arguments where `model_arguments` is None. The denoising autoencoder learns
# to remove noise of this level, and so pulls odd rows towards normal ones.
DEFAULTS = {
    "denoising_ae": {"hidden": (256,), "level": 0.3},
    "deep_ae": {"hidden": (256,)},
    "stacked_ae": {"hidden": (256,)},
}
LATENT = 16  # values of a code, at most half of those of a row
BATCH_VALUES = 2**18  # in a batch that is scored


@dataclass(frozen=True)
class Rebuilding:
    """Rebuilds rows by a trained model.

    Attributes:
        model: the `Autoencoder`.
        columns: of the table.
        windows: makes the model's inputs.
        with_codes: whether codes are needed; else they have no values.
    """

    model: "Autoencoder"
    columns: Columns
    windows: Windows
    with_codes: bool

    def by_row(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed error of each column at each row, and the row's code."""
        errors, codes = zip(*self.batches(X), strict=True)
        return tuple(
            self.windows.by_row(np.concatenate(part)) for part in (errors, codes)
        )

    def batches(self, X: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Signed errors of columns and codes, float64, of windows, a batch at a time.

        In a time series, an error is the mean over the window: noise cancels out and
        only lasting deviations remain.
        """
        window = self.windows.size
        size = max(1, BATCH_VALUES // (window * X.shape[1]))
        for start in range(0, max(1, len(X) - window + 1), size):
            inputs = self._inputs(X[start : start + size + window - 1])
            n = len(inputs)
            rebuilt, codes = self._rebuild(filled_up(inputs, size))
            steps = np.subtract(rebuilt[:n], inputs, dtype="float64")
            steps = steps.reshape(n, window, -1)
            errors = self.columns.errors_by_column(steps.mean(axis=1))
            yield errors, codes[:n].astype("float64")

    def _inputs(self, X: np.ndarray) -> np.ndarray:
        windows = self.windows.of(self.columns.filled(X))
        if self.windows.mean is None:
            return to_examples(windows, self.model)
        return windows.reshape(len(windows), *self.model.input_shape[1:])

    def _rebuild(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The model's outputs and the codes as rows."""
        if not self.with_codes:
            return self.model.predict_on_batch(inputs), np.empty((len(inputs), 0))
        code = self.model.code_encoder().predict_on_batch(inputs)
        return self.model.decoder.predict_on_batch(code), self.model.code.flatten(code)


def learn_rebuilding(
    detector, columns: Columns, rows: np.ndarray, rng: np.random.RandomState
) -> tuple[Rebuilding, list[float] | None]:
    """Trains the family that a detector names on rows, or takes its pretrained model.

    Args:
        detector: an `AnomalyDetector`, for its parameters.
        columns: of the table.
        rows: `(n, numbers)`, float64, without gaps.
        rng: decides the weights, the order of the rows and the noise.

    Returns:
        The trained model, and the loss of each epoch; None for a pretrained model.

    Raises:
        InputError: the model or its arguments are unfit, or there are too few rows.
    """
    with_codes = detector.measure != "error"
    if not is_family(detector.model):
        model = load_pretrained(
            detector.model, detector.latent_dim, detector.model_arguments
        )
        return Rebuilding(model, columns, Windows(detector.window), with_codes), None
    windows = Windows.standardising(detector.window, rows)
    inputs = windows.of(rows)
    arguments = detector.model_arguments
    if arguments is None:
        arguments = DEFAULTS.get(detector.model, {})
    latent_dim = detector.latent_dim
    if latent_dim is None and "latent_dim" in registry.family(detector.model).arguments:
        latent_dim = max(1, min(LATENT, math.prod(inputs.shape[1:]) // 2))
    fitting = Fitting(
        detector.model,
        latent_dim,
        detector.epochs,
        detector.batch_size,
        detector.learning_rate,
        arguments,
    )
    model, losses = fitting.train(inputs, rng)
    return Rebuilding(model, columns, windows, with_codes), losses
