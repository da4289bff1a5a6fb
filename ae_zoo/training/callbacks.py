"""Keras callbacks: a warm-up, a stop on NaN, patience, averaged weights.

All of them work under Keras's `fit` and under the loop for several workers. A callback
with a memory has it in its `state`, a plain dictionary that the checkpoint keeps.
"""

import contextlib
import math

import keras
import numpy as np

from ae_zoo.errors import TrainingError
from ae_zoo.training.checkpoint import Stateful

RATE_DROP, MOST_DROPS = 0.2, 3  # of the schedule 'plateau'


class PenaltyWarmup(keras.callbacks.Callback):
    """Raises the penalties of the bottlenecks linearly to their full weight.

    They have it after the training in any case, also where that ends early or by an
    error, and in every file that is saved meanwhile.

    Starting with a small KL divergence keeps a variational autoencoder from
    switching its code off early (Bowman et al., 2016, arXiv:1511.06349). A model
    without penalties trains as without this callback.

    Args:
        epochs: epochs until the penalties have their full weight.
    """

    def __init__(self, epochs: int):
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        self._scale(min(1.0, (epoch + 1) / self.epochs))

    def on_train_end(self, logs=None):
        self._scale(1.0)

    def on_fit_end(self):
        """Called by `Autoencoder.fit`.

        Keras calls nothing after an error, and at the end callbacks that come later may
        bring back the weights of an epoch of the warm-up.
        """
        self._scale(1.0)

    def _scale(self, scale: float) -> None:
        for bottleneck in self.model.bottlenecks():
            bottleneck.scale_penalty(scale)


class StopOnNaN(keras.callbacks.Callback):
    """Ends the training at the first loss or weight that is no number.

    It must precede the callbacks that keep weights, so that these keep good ones.

    Args:
        batches: of the training, to name the examples of the bad batch.
        steps_per_epoch: to count the steps.
        checkpoint: file of the last good state.
    """

    def __init__(self, batches, steps_per_epoch: int, checkpoint):
        super().__init__()
        self.batches, self.steps_per_epoch = batches, steps_per_epoch
        self.checkpoint = checkpoint
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite(loss := float(logs["loss"])):
            self._stop(f"The loss is {loss}", batch)

    def on_epoch_end(self, epoch, logs=None):
        last = self.steps_per_epoch - 1
        if not math.isfinite(loss := float(logs.get("val_loss", 0.0))):
            self._stop(f"The validation loss is {loss}", last)
        for variable in self.model.trainable_variables:
            if not np.isfinite(keras.ops.convert_to_numpy(variable)).all():
                self._stop(f"{variable.path} is no longer finite", last)

    def _stop(self, reason: str, batch: int):
        step = self.epoch * self.steps_per_epoch + batch
        examples = ", ".join(map(str, self.batches.indices(step)[:8]))
        kept = "No epoch was finished."
        if self.checkpoint.exists():
            kept = f"The state after the last good epoch is in {self.checkpoint}."
        raise TrainingError(
            f"{reason} at step {step + 1} (epoch {self.epoch + 1}, batch {batch + 1}; "
            f"examples {examples}, ...). {kept} Start again in another folder with a "
            "lower training.learning_rate, or with training.clip_norm."
        )


class SeededSteps(keras.callbacks.Callback):
    """Seeds PyTorch's global generator at each step, for a resumed training to repeat.

    Under PyTorch, Keras's dropout draws from it, not from a state in the checkpoint.

    Args:
        seed: of the training.
        steps_per_epoch: to count the steps.
    """

    def __init__(self, seed: int, steps_per_epoch: int):
        super().__init__()
        self.seed, self.steps_per_epoch = seed, steps_per_epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.first = self.seed + epoch * self.steps_per_epoch

    def on_train_batch_begin(self, batch, logs=None):
        import torch

        torch.manual_seed(self.first + batch)


class Patience(Stateful):
    """Keeps the best weights, lowers the rate on a plateau, ends the training.

    Args:
        epochs: epochs without a lower validation loss until the rate or the end.
        fall: fraction by which the loss must fall to count as lower.
        plateau: lower the rate then, three times, before ending.
        begin: first epoch whose loss counts, after a warm-up of the penalty.
        keep: called without arguments when the weights are the best so far.

    Attributes:
        state: `best` validation loss, its `best_epoch` (from 0), the `mark` that the
            loss must fall below, epochs of `waiting` for that, `drops` of the rate,
            and whether the training has `ended`.
    """

    def __init__(self, epochs: int, fall: float, plateau: bool, begin: int, keep):
        super().__init__()
        self.epochs, self.fall, self.plateau = epochs, fall, plateau
        self.begin, self.keep = begin, keep
        self.state = {
            "best": None,
            "best_epoch": None,
            "mark": None,
            "waiting": 0,
            "drops": 0,
            "ended": False,
        }

    def on_epoch_end(self, epoch, logs=None):
        state, loss = self.state, float(logs["val_loss"])
        if epoch < self.begin:
            return
        if state["best"] is None or loss < state["best"]:
            state |= {"best": loss, "best_epoch": epoch}
            self.keep()
        if state["mark"] is None or loss < state["mark"] * (1 - self.fall):
            state |= {"mark": loss, "waiting": 0}
        else:
            state["waiting"] += 1
        if state["waiting"] < self.epochs:
            return
        state["waiting"] = 0
        if self.plateau and state["drops"] < MOST_DROPS:
            state["drops"] += 1
            rate = self.model.optimizer.learning_rate
            rate.assign(rate * RATE_DROP)
        else:
            state["ended"] = True
            self.model.stop_training = True


class Averaged(keras.callbacks.Callback):
    """Validates the moving average of the weights instead of the weights.

    Unlike Keras's `SwapEMAWeights`, which swaps by adding and subtracting, it gives the
    training back the very weights that it had.
    """

    def __init__(self):
        super().__init__()
        self.stack = contextlib.ExitStack()

    def on_test_begin(self, logs=None):
        self.stack.enter_context(averaged_weights(self.model))

    def on_test_end(self, logs=None):
        self.stack.close()


@contextlib.contextmanager
def averaged_weights(model):
    """The model with the optimizer's moving average in the place of its weights."""
    variables = model.trainable_variables
    kept = _copies(variables)
    model.optimizer.finalize_variable_values(variables)  # assigns the averages
    # Under JAX they share memory with the optimizer's, which a step gives up for new.
    _assign(variables, _copies(variables))
    try:
        yield
    finally:
        _assign(variables, kept)


def _copies(variables) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables, values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
