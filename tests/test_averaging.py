"""The moving average of the weights: validated and kept, while the training goes on
with the weights themselves."""

import contextlib

import keras
import numpy as np
import pytest

from ae_zoo import models
from ae_zoo.data.batches import Batches
from ae_zoo.data.sources import Arrays
from ae_zoo.training.callbacks import Averaged, Patience, averaged_weights
from ae_zoo.training.optimizer import make_optimizer
from ae_zoo.training.phases import _fit_here
from ae_zoo.training.recipe import Training

MOMENTUM, EPOCHS, STEPS = 0.8, 3, 4


def weights(model):
    return [np.array(keras.ops.convert_to_numpy(v)) for v in model.trainable_variables]


class Watch(keras.callbacks.Callback):
    """Averages the weights itself, and notes which ones are validated."""

    def __init__(self):
        super().__init__()
        self.average, self.validated, self.kept = None, [], []

    def on_train_batch_end(self, batch, logs=None):
        self.raw = weights(self.model)
        if self.average is None:
            self.average = self.raw
        pairs = zip(self.average, self.raw, strict=True)
        self.average = [MOMENTUM * a + (1 - MOMENTUM) * b for a, b in pairs]

    def on_test_begin(self, logs=None):
        self.validated.append(weights(self.model))
        self.check_average(self.validated[-1])

    def on_epoch_end(self, epoch, logs=None):
        for now, before in zip(weights(self.model), self.raw, strict=True):
            np.testing.assert_array_equal(now, before)

    def keep(self):
        with averaged_weights(self.model):
            self.kept.append(weights(self.model))
        self.check_average(self.kept[-1])

    def check_average(self, values):
        for value, average in zip(values, self.average, strict=True):
            np.testing.assert_allclose(value, average, rtol=1e-5, atol=1e-6)
        assert any((a != b).any() for a, b in zip(values, self.raw, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["fit", "fit on two devices", "workers"])
def test_averages_are_validated_and_kept_but_not_trained(loop, digits, mirrored):
    if loop == "workers":
        from ae_zoo.training.workers import fit
    else:
        fit = _fit_here
    if loop == "fit":
        scope, replicas = contextlib.nullcontext(), 1
    else:
        scope, replicas = mirrored.scope(), mirrored.num_replicas_in_sync
    options = Training(steps=EPOCHS * STEPS, ema=MOMENTUM, learning_rate=1e-2)
    with scope:
        model = models.dense_ae(input_shape=(12, 12, 1), latent_dim=4)
        optimizer = make_optimizer(options, EPOCHS * STEPS, replicas)
        model.compile(optimizer, metrics=["mse"], jit_compile=False)
    batches = Batches(Arrays(digits, digits.shape[1:]), 16)
    held_out = Batches(Arrays(digits[:32], digits.shape[1:]), 16, shuffle=False)
    watch = Watch()
    patience = Patience(9, 0.0, False, 0, watch.keep)
    callbacks = [Averaged(), watch, patience]
    fit(model, batches, 0, EPOCHS, STEPS, callbacks, held_out)
    assert len(watch.validated) == EPOCHS
    assert len(watch.kept) >= 1
    watch.check_average(weights(model))  # at the end the average is the model


def test_weights_come_back_after_an_error():
    model = models.dense_ae(input_shape=(12, 12, 1), latent_dim=4)
    options = Training(steps=1, ema=0.9)
    model.compile(make_optimizer(options, 1))
    before = weights(model)
    with pytest.raises(ZeroDivisionError), averaged_weights(model):
        raise ZeroDivisionError
    for now, value in zip(weights(model), before, strict=True):
        np.testing.assert_array_equal(now, value)
