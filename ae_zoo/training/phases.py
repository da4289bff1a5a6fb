"""The phases of a training, each of which goes on from where a checkpoint left it."""

import contextlib
from pathlib import Path

import keras

from ae_zoo.data.batches import Batches
from ae_zoo.training import logs
from ae_zoo.training.callbacks import StopOnNaN
from ae_zoo.training.checkpoint import (
    Checkpoint,
    read_state,
    restore_variables,
    stateful,
)
from ae_zoo.training.placement import Placement


class Phases:
    """Trains models one after the other on the same batches.

    Args:
        checkpoint: the file that keeps the state after each epoch.
        model: the whole model, whose variables the checkpoint keeps in every phase.
        batches: of the training examples.
        placement: of this process.
        verbose: show a progress bar.

    Attributes:
        done: the rows of the log of each finished phase, by its name.

    Raises:
        TrainingError: the checkpoint is damaged.
    """

    def __init__(
        self,
        checkpoint: Path,
        model: keras.Model,
        batches: Batches,
        placement: Placement,
        verbose: bool,
    ):
        self.checkpoint, self.model, self.batches = checkpoint, model, batches
        self.placement, self.verbose = placement, verbose
        self.resumed = read_state(checkpoint)
        self.done = {} if self.resumed is None else dict(self.resumed["done"])

    def fit(
        self,
        name: str,
        model: keras.Model,
        epochs: int,
        steps: int,
        callbacks: list[keras.callbacks.Callback],
        validation: Batches | None = None,
    ) -> None:
        """Trains a compiled model, unless the checkpoint has this phase as done.

        Args:
            name: of the phase.
            model: compiled, with an optimizer that is built.
            epochs, steps: of this phase, and steps an epoch.
            callbacks: beside those of every phase; their `state` is resumed.
            validation: batches to validate on after each epoch.

        Raises:
            InputError: a batch cannot be read.
            TrainingError: the loss is no number, a worker was lost, or the checkpoint
                is of another model.
        """
        variables = self._variables(model)
        start = 0
        if self.resumed is not None:
            if name in self.resumed["done"]:
                return
            restore_variables(self.checkpoint, variables)
            start = self.resumed["epoch"]
            for kind, callback in stateful(callbacks).items():
                callback.state |= self.resumed["callbacks"][kind]
            self.resumed = None
        ended = any(c.state.get("ended") for c in stateful(callbacks).values())
        if start >= epochs or ended:
            model.optimizer.finalize_variable_values(model.trainable_variables)
            return
        where = {"phase": name, "done": self.done}
        chief = self.placement.chief
        callbacks = [
            StopOnNaN(self.batches, steps, self.checkpoint),
            *callbacks,
            Checkpoint(self.checkpoint, where, variables, callbacks, chief),
        ]
        with contextlib.ExitStack() as closing:
            if self.verbose and chief:
                size = self.batches.batch_size
                progress = logs.Progress(name, epochs, steps, size)
                callbacks.append(progress)
                closing.callback(progress.bar.stop)  # also after an error
            self._run(model, start, epochs, steps, callbacks, validation)

    def _variables(self, model: keras.Model) -> list:
        """Those of the whole model, of the phase's and of its optimizer, once each."""
        optimizer = model.optimizer.variables
        every = (*self.model.variables, *model.variables, *optimizer)
        return list({id(variable): variable for variable in every}.values())

    def _run(self, model, start, epochs, steps, callbacks, validation) -> None:
        if self.placement.shard[1] > 1:
            from ae_zoo.training.workers import fit  # which needs TensorFlow
        else:
            fit = _fit_here
        try:
            fit(model, self.batches, start, epochs, steps, callbacks, validation)
        except Exception:
            # TensorFlow reports an error in reading a batch as one of its own.
            for batches in filter(None, (self.batches, validation)):
                if batches.failure is not None:
                    raise batches.failure from None
            raise


def _fit_here(model, batches, start, epochs, steps, callbacks, validation) -> None:
    """Keras's `fit` on the devices of one machine."""
    model.fit(
        batches.dataset(start * steps, epochs * steps),
        initial_epoch=start,
        epochs=epochs,
        steps_per_epoch=steps,
        validation_data=validation and validation.dataset(0, validation.steps_per_pass),
        validation_steps=validation and validation.steps_per_pass,
        callbacks=callbacks,
        shuffle=False,  # the batches are shuffled already
        verbose=0,
    )
