"""How an autoencoder is trained and measured by Keras: its data and its loss."""

import keras
import numpy as np
from keras import ops

from ae_zoo import inference, losses
from ae_zoo.bottlenecks.base import Bottleneck
from ae_zoo.errors import InputError
from ae_zoo.layers.replica import count_replicas

RECONSTRUCTION, WEIGHTS = "reconstruction_loss", "weight_penalty"
PENALTY = "penalty"  # of layers that do not name theirs


class Trainable(keras.Model):
    """The part of an `Autoencoder` that `compile`, `fit` and `evaluate` run.

    Beside `loss`, their logs show its terms: `reconstruction_loss`, the bottleneck's
    penalty by its own name (see `Bottleneck.penalty_name`), and `weight_penalty`, the
    L1 and L2 penalties. The bottleneck's penalty is shown at its full weight, also
    while `ae_zoo.training.PenaltyWarmup` lowers its part of the loss.
    """

    _terms = None

    @property
    def metrics(self):
        """Keras's metrics, those of the terms after that of the loss."""
        metrics = super().metrics
        return metrics[:1] + self.term_metrics + metrics[1:]

    @property
    def term_metrics(self) -> list[keras.metrics.Mean]:
        """The metrics of the terms of the loss; none before `compile`."""
        return [] if self._terms is None else [*self._terms.metrics.values()]

    def bottlenecks(self) -> list[Bottleneck]:
        """The bottleneck layers of the graph."""
        return [layer for layer in self.layers if isinstance(layer, Bottleneck)]

    def compile(self, optimizer=None, loss="auto", **kwargs):
        """Compiles as Keras does, by default with Adam at 1e-3, and XLA if faster.

        Args:
            optimizer: None for Adam at 1e-3.
            loss: 'auto' for the family's reconstruction loss; None for only the losses
                that layers add.
            **kwargs: further arguments of Keras's `compile`.
        """
        kwargs.setdefault("jit_compile", xla_pays())
        if loss == "auto":
            name = self.recommended_loss
            loss = None if name is None else losses.get(name)
        super().compile(
            optimizer=optimizer or keras.optimizers.Adam(1e-3), loss=loss, **kwargs
        )
        self._terms = _Terms(self._term_names())
        # Now, not in the graph of the first step, which would take twice as long.
        self.optimizer.build(self.trainable_variables)

    def get_compile_config(self):
        return keras.Model.get_compile_config(self)

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        *args,
        **kwargs,
    ):
        """Trains as Keras does. Without `y` the targets are the inputs.

        At the end, and after an error or Ctrl-C, where Keras calls nothing, it calls
        `on_fit_end` of the callbacks that have it.

        Raises:
            InputError: `x` is an array that the model does not take.
        """
        x, y = self._examples(x, y)
        options = (batch_size, epochs, verbose, callbacks, *args)
        try:
            return super().fit(x, y, *options, **kwargs)
        finally:
            # Those of a list, or of Keras's `CallbackList`.
            every = getattr(callbacks, "callbacks", callbacks)
            for callback in keras.tree.flatten(every):
                getattr(callback, "on_fit_end", lambda: None)()

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """Evaluates as Keras does; `y` and errors as for `fit`.

        The terms of the loss are in the logs, and with `return_dict=True` in what it
        returns.
        """
        return super().evaluate(*self._examples(x, y), *args, **kwargs)

    def loss_terms(self, x, y=None, batch_size: int = 256) -> dict[str, float]:
        """The terms of the loss, means over examples, which add up to the loss.

        They are those of `evaluate`: without dropout, corruption and noise, and with
        every penalty at its full weight. A model that is not compiled is measured by
        its family's loss.

        Args:
            x: examples `(n, *input_shape)`.
            y: targets; None for the examples themselves.
            batch_size: number of examples at a time.

        Returns:
            `reconstruction_loss`, summed over an example; the penalty of the
            bottleneck, such as `kl` or `sparsity`, times its weight; `weight_penalty`
            where weights have one.

        Raises:
            InputError: the model does not take such examples, or there are none.

        Example:

            vae.loss_terms(x)  # {"reconstruction_loss": 81.2, "kl": 25.3}
        """
        inference.check_count("batch_size", batch_size)
        x = self._check(x)
        y = np.asarray(self._target(x, y))
        if not len(x) or len(x) != len(y):
            raise InputError(
                f"There are {len(x)} examples and {len(y)} targets: pass at least one "
                "example, and as many targets."
            )
        sums = {}
        for start in range(0, len(x), batch_size):
            part = slice(start, start + batch_size)
            for name, value in self._terms_of(x[part], y[part]).items():
                share = float(ops.convert_to_numpy(value)) * len(x[part]) / len(x)
                sums[name] = sums.get(name, 0.0) + share
        return sums

    def split_loss(self, loss) -> dict:
        """The terms of a loss that `compute_loss` returned.

        Args:
            loss: of this replica, as Keras scales it; None for one without
                reconstruction loss.

        Returns:
            Scalar tensors by name, means over this replica's examples.
        """
        regularized = [v for v in self.trainable_weights if v.regularizer is not None]
        # Keras lists what the layers have added, and then the penalties of weights.
        found = [ops.sum(value) for value in self.losses]
        first = len(found) - len(regularized)
        terms = {}
        if loss is not None and self.loss is not None:
            terms[RECONSTRUCTION] = loss * count_replicas() - sum(found)
        name = self._penalty_name()
        if name or first:
            full = sum(found[:first]) if first else ops.zeros(())
            for bottleneck in self.bottlenecks()[:1]:
                full = bottleneck.full_penalty(full)
            terms[name or PENALTY] = full
        if regularized:
            terms[WEIGHTS] = sum(found[first:])
        return terms

    def _terms_of(self, x, y) -> dict:
        """The terms of the loss for a batch, outside of Keras's loops."""
        prediction = self(x, training=False)
        if self.compiled:
            return self.split_loss(super().compute_loss(x, y, prediction))
        terms = self.split_loss(None)
        if self.recommended_loss is None:
            return terms
        error = losses.get(self.recommended_loss)(y, prediction)
        return {RECONSTRUCTION: error} | terms

    def _term_names(self) -> list[str]:
        """The terms that the logs show: those that `split_loss` may return."""
        weights = any(v.regularizer is not None for v in self.trainable_weights)
        names = [RECONSTRUCTION * (self.loss is not None), self._penalty_name()]
        return [*filter(None, names), *[WEIGHTS] * weights]

    def _penalty_name(self) -> str | None:
        """The word for what the layers add to the loss; None if they add nothing."""
        found = self.bottlenecks() or [self.bottleneck]
        names = {getattr(bottleneck, "penalty_name", PENALTY) for bottleneck in found}
        names.discard(None)
        return PENALTY if len(names) > 1 else next(iter(names), None)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        y = self._target(x, y)
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        if self._terms is not None:
            self._terms.update(self.split_loss(loss), y_pred)
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, self._target(x, y), y_pred, sample_weight)

    def _flatten_metrics_in_order(self, logs):
        # Without a dictionary to name them, `evaluate` and `train_on_batch` return the
        # loss and the user's metrics only.
        terms = {metric.name for metric in self.term_metrics}
        logs = {key: value for key, value in logs.items() if key not in terms}
        return super()._flatten_metrics_in_order(logs)

    def _examples(self, x, y):
        """Arrays are checked; data sets, whose batches have both, pass."""
        if not isinstance(x, (list, tuple)) and not hasattr(x, "shape"):
            return x, y
        x = self._check(x)
        return x, self._target(x, y)

    def _target(self, x, y):
        """The target; where the user gave none, the input."""
        if y is None and self.takes_map:
            raise InputError(
                f"{self.name!r} takes damaged pictures with a map: pass the undamaged "
                "pictures as y, or train it by a recipe."
            )
        return x if y is None else y

    def _check(self, x) -> np.ndarray:
        """Examples as `inference.check_examples` gives them."""
        bounded = (self.arguments or {}).get("output") != "linear"
        return inference.check_examples(x, self.input_shape[1:], bounded)


class _Terms:
    """Means of the terms of the loss over the examples of an epoch.

    A plain object, so that Keras does not track its metrics in the model's files.
    """

    def __init__(self, names: list[str]):
        self.metrics = {name: keras.metrics.Mean(name=name) for name in names}

    def update(self, terms: dict, prediction) -> None:
        examples = ops.shape(keras.tree.flatten(prediction)[0])[0]
        for name, metric in self.metrics.items():
            if name in terms:
                metric.update_state(terms[name], sample_weight=examples)


def xla_pays() -> bool | str:
    """Keras's `jit_compile` by device; on a CPU TensorFlow's XLA uses one core only."""
    if keras.backend.backend() != "tensorflow":
        return "auto"
    return "auto" if keras.distribution.list_devices("gpu") else False
