"""The sums of an epoch's losses, of which the log has the means.

They are numbers in pairs, a sum over examples and the number of these, for the loss and
each metric. Every loop can go on with the sums of another.
"""

import keras


class Sums:
    """Sums that the loop for several workers adds up by itself.

    Attributes:
        values: the sums of the epoch so far; none before its first step.
    """

    def __init__(self):
        self.values: list[float] = []


class MetricSums:
    """The sums inside Keras's metrics.

    Args:
        metrics: with variables that exist already.
    """

    def __init__(self, metrics: list[keras.metrics.Metric]):
        self.variables = [v for metric in metrics for v in metric.variables]

    @property
    def values(self) -> list[float]:
        return [float(keras.ops.convert_to_numpy(v)) for v in self.variables]

    @values.setter
    def values(self, values: list[float]) -> None:
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)


class FromStep(keras.callbacks.CallbackList):
    """The callbacks of a `fit` that goes on inside its first epoch.

    Keras can begin with an epoch only: its first one is ended early here, and counts
    its steps from the one before the first.

    Args:
        callbacks: Keras's callbacks.
        model: that `fit` trains.
        done: steps of the first epoch that are done already.
        steps: of an epoch.
        sums: whose values are those of the steps that are done.
    """

    def __init__(self, callbacks, model, done: int, steps: int, sums: MetricSums):
        super().__init__(callbacks, add_history=True, model=model)
        self.done, self.steps, self.sums = done, steps, sums
        self.kept = sums.values if done else []

    def on_epoch_begin(self, epoch, logs=None):
        if self.done:
            self.sums.values = self.kept  # Keras has reset them
        super().on_epoch_begin(epoch, logs)

    def on_train_batch_begin(self, batch, logs=None):
        super().on_train_batch_begin(self.done + batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(self.done + batch, logs)
        if self.done and self.done + batch + 1 == self.steps:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        if self.done:
            self.done, self.model.stop_training = 0, False
        super().on_epoch_end(epoch, logs)
