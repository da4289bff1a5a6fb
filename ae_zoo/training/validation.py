"""The last examples of a validation, which the replicas cannot share."""

import keras

from ae_zoo.data.batches import Batches


class RestOfValidation(keras.callbacks.Callback):
    """Adds the last, smaller batch to the means that Keras has of the others.

    Every replica computes all of that batch, see `Batches`. It comes before the
    callbacks that use these means.

    Args:
        batches: of the validation.
        callbacks: called for the second part as well.
    """

    def __init__(self, batches: Batches, callbacks: list):
        super().__init__()
        self.batches, self.callbacks = batches, callbacks

    def on_epoch_end(self, epoch, logs=None):
        first, last = self.batches.shared_steps, self.batches.steps_per_pass
        rest = self.model.evaluate(
            self.batches.dataset(first, last),
            steps=last - first,
            callbacks=self.callbacks,
            return_dict=True,
            verbose=0,
        )
        share = self.batches.rest / len(self.batches.source)
        for key, value in rest.items():
            logs[f"val_{key}"] += share * (value - logs[f"val_{key}"])
