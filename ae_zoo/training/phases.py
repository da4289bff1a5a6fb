"""The phases of a training, each of which goes on from where a checkpoint left it."""

import contextlib
import functools
from pathlib import Path

import keras

from ae_zoo.data.batches import Batches, ReadAhead
from ae_zoo.training import logs
from ae_zoo.training.callbacks import SeededSteps, StopOnNaN
from ae_zoo.training.checkpoint import Checkpoint, read_checkpoint, stateful
from ae_zoo.training.placement import Placement
from ae_zoo.training.signals import Signals
from ae_zoo.training.sums import FromStep, MetricSums, Sums
from ae_zoo.training.validation import RestOfValidation


class Phases:
    """Trains models one after the other on the same batches.

    Args:
        checkpoint: the file that keeps the state.
        model: the whole model, whose variables the checkpoint keeps in every phase.
        batches: of the training examples.
        placement: of this process.
        verbose: show a progress bar.
        signals: which end the training.

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
        signals: Signals,
    ):
        self.signals = signals
        self.checkpoint, self.model, self.batches = checkpoint, model, batches
        self.placement, self.verbose = placement, verbose
        self.resumed = read_checkpoint(checkpoint)
        self.done = {} if self.resumed is None else dict(self.resumed.state["done"])

    def fit(
        self,
        name: str,
        model: keras.Model,
        epochs: int,
        steps: int,
        callbacks: list[keras.callbacks.Callback],
        validation: Batches | None = None,
        metrics: tuple[keras.metrics.Metric, ...] = (),
    ) -> None:
        """Trains a compiled model, unless the checkpoint has this phase as done.

        Args:
            name: of the phase.
            model: compiled, with an optimizer that is built.
            epochs, steps: of this phase, and steps an epoch.
            callbacks: beside those of every phase; their `state` is resumed.
            validation: batches to validate on after each epoch.
            metrics: those that the model was compiled with.

        Raises:
            KeyboardInterrupt, SystemExit: a signal ended the training.
            InputError: a batch cannot be read.
            TrainingError: the loss is no number, a worker was lost, or the checkpoint
                is of another model.
        """
        if name in self.done:
            return
        variables, chief = self._variables(model), self.placement.chief
        if self.placement.shard[1] > 1:
            from ae_zoo.training import workers  # which needs TensorFlow

            sums = Sums()
            fit = functools.partial(workers.fit, signals=self.signals)
        else:
            loss = model.metrics[0]
            sums = MetricSums([loss, *getattr(model, "term_metrics", ()), *metrics])
            fit = _fit_here
        start, done = self._resume(variables, callbacks, sums)
        ended = any(c.state.get("ended") for c in stateful(callbacks).values())
        if start >= epochs or ended:
            model.optimizer.finalize_variable_values(model.trainable_variables)
            return
        where = {"phase": name, "done": self.done}
        last = Checkpoint(
            *(self.checkpoint, where, variables, callbacks, chief),
            *(steps, sums, self.signals),
        )
        callbacks = [StopOnNaN(self.batches, steps, self.checkpoint), *callbacks]
        if keras.backend.backend() == "torch":
            callbacks.append(SeededSteps(self.batches.seed, steps))
        with contextlib.ExitStack() as closing:
            if self.verbose and chief:
                size = self.batches.batch_size
                progress = logs.Progress(name, epochs, steps, size, done)
                callbacks.append(progress)
                closing.callback(progress.bar.stop)  # also after an error
            closing.enter_context(_failures_of(self.batches, validation))
            callbacks.append(last)
            arguments = (start, epochs, steps, callbacks, validation, done, sums)
            fit(model, self.batches, *arguments)

    def _resume(self, variables: list, callbacks: list, sums) -> tuple[int, int]:
        """Restores a checkpoint of this phase, if it is the first one after a resume.

        Returns:
            The epochs that are done, and the steps of the one after them.
        """
        if self.resumed is None:
            return 0, 0
        kept, self.resumed = self.resumed, None
        kept.restore(variables)
        for kind, callback in stateful(callbacks).items():
            callback.state |= kept.state["callbacks"][kind]
        if kept.state["step"]:
            sums.values = kept.state["sums"]
        return kept.state["epoch"], kept.state["step"]

    def _variables(self, model: keras.Model) -> list:
        """Those of the whole model, of the phase's and of its optimizer, once each."""
        optimizer = model.optimizer.variables
        every = (*self.model.variables, *model.variables, *optimizer)
        return list({id(variable): variable for variable in every}.values())


@contextlib.contextmanager
def _failures_of(*sources: Batches | None):
    """Raises what failed in reading a batch: TensorFlow raises an error of its own."""
    try:
        yield
    except Exception:
        for batches in filter(None, sources):
            if batches.failure is not None:
                raise batches.failure from None
        raise


def _fit_here(
    model, batches, start, epochs, steps, callbacks, validation=None, done=0, sums=None
) -> None:
    """Keras's `fit` on the devices of one machine, arguments as of `workers.fit`."""
    held_out = {}
    if validation is not None:
        count = validation.shared_steps or validation.steps_per_pass
        held_out["validation_data"] = validation.dataset(0, count)
        held_out["validation_steps"] = count
        if count < validation.steps_per_pass:
            callbacks = [RestOfValidation(validation, callbacks), *callbacks]
    examples = batches.dataset(start * steps + done, epochs * steps)
    if isinstance(examples, ReadAhead):
        examples = iter(examples)  # Keras lets no epoch of a PyDataset end early
    model.fit(
        examples,
        initial_epoch=start,
        epochs=epochs,
        steps_per_epoch=steps,
        callbacks=FromStep(callbacks, model, done, steps, sums or MetricSums([])),
        shuffle=False,  # the batches are shuffled already
        verbose=0,
        **held_out,
    )
