"""Training by several worker processes, where Keras's `fit` does not work.

Each worker computes its share of every batch; the gradients are summed over all of
them, so that all keep the same weights. See
https://github.com/keras-team/keras/issues/20585 for the gaps of `fit`.
"""

import contextlib
import functools

import keras
import tensorflow as tf

from ae_zoo.errors import TrainingError
from ae_zoo.training.signals import Signals
from ae_zoo.training.sums import Sums

# Errors that TensorFlow raises on a worker when another one is gone.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


def fit(
    model,
    batches,
    start,
    epochs,
    steps,
    callbacks,
    validation=None,
    done=0,
    sums=None,
    signals=None,
) -> None:
    """Trains a compiled model from epoch `start` up to `epochs`.

    Args:
        model: compiled, in the scope of a `MultiWorkerMirroredStrategy`.
        batches: of the training, this worker's share.
        start, epochs: first epoch, from 0, and number of epochs.
        steps: steps an epoch.
        callbacks: Keras callbacks; the same on every worker.
        validation: batches to validate on, or None.
        done: steps of the first epoch that are done already.
        sums: `Sums` of these, and from now on of each epoch.
        signals: `Signals` of this worker; once one has one, all end after that step.

    Raises:
        TrainingError: another worker was lost.
    """
    strategy = model.distribute_strategy
    callbacks = keras.callbacks.CallbackList(callbacks, model=model)
    train_step = _compiled(strategy, _train_step, model)
    test_step = _compiled(strategy, _test_step, model)
    names = _names_of_logs(model)
    sums, signals = sums or Sums(), signals or Signals()
    signals.agreed = False
    model.stop_training = False
    with _losses_of_workers():
        callbacks.on_train_begin()
        first = start * steps + done
        share = iter(_distributed(strategy, batches, first, epochs * steps))
        for epoch in range(start, epochs):
            callbacks.on_epoch_begin(epoch)
            for step in range(done, steps):
                told = tf.constant(float(signals.received is not None))
                *values, told = train_step(next(share), told).numpy()
                signals.agreed = told > 0
                logs = _add(sums, names, values, batches.batch_size)
                callbacks.on_train_batch_end(step, logs)
            done, sums.values = 0, []
            if validation is not None:
                logs |= _validate(strategy, test_step, names, validation, callbacks)
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        model.optimizer.finalize_variable_values(model.trainable_weights)
        callbacks.on_train_end()


def _distributed(strategy, batches, start: int, stop: int, size: int | None = None):
    """The batches, each split over this worker's replicas into parts of `size`."""
    size = size or batches.batch_size // strategy.num_replicas_in_sync
    return strategy.distribute_datasets_from_function(
        lambda _: batches.dataset(start, stop).rebatch(size)
    )


def _compiled(strategy, step, model):
    """`step` on every replica, its results summed over all of them."""

    @tf.function
    def run(*args):
        shares = strategy.run(functools.partial(step, model), args=args)
        return strategy.reduce(tf.distribute.ReduceOp.SUM, shares, axis=None)

    return run


def _train_step(model, batch, told):
    """One step; the last of its results says whether a worker was told to end."""
    x, y = batch
    with tf.GradientTape() as tape:
        prediction = model(x, training=True)
        loss = model.compute_loss(x=x, y=y, y_pred=prediction, training=True)
        scaled = model.optimizer.scale_loss(loss)
    gradients = tape.gradient(scaled, model.trainable_weights)
    model.optimizer.apply(gradients, model.trainable_weights)
    return tf.concat([_share_of_logs(model, loss, y, prediction), [told]], axis=0)


def _test_step(model, batch):
    x, y = batch
    prediction = model(x, training=False)
    loss = model.compute_loss(x=x, y=y, y_pred=prediction, training=False)
    return _share_of_logs(model, loss, y, prediction)


def _share_of_logs(model, loss, y, prediction):
    """This replica's share of the loss, which Keras has scaled, its terms and the MSE.

    One tensor, so that one collective sums it. The stages of a pretraining, whose
    targets lie inside, have neither terms nor MSE.
    """
    _, *names, _ = _names_of_logs(model)
    terms = model.split_loss(loss) if names else {}
    means = [terms[name] for name in names]
    if prediction.shape == y.shape:
        means.append(tf.reduce_mean(tf.square(tf.cast(prediction, "float32") - y)))
    replicas = tf.distribute.get_replica_context().num_replicas_in_sync
    shares = [tf.cast(mean, "float32") / replicas for mean in means]
    return tf.stack([tf.cast(loss, "float32"), *shares])


def _names_of_logs(model) -> tuple[str, ...]:
    """The loss, the terms of an autoencoder's, and the MSE."""
    terms = getattr(model, "term_metrics", ())
    return ("loss", *(metric.name for metric in terms), "mse")


def _add(sums: Sums, names, values: list, examples: int) -> dict[str, float]:
    """Adds the means over some examples to the sums; returns the means so far."""
    before = sums.values or [0.0] * (2 * len(values))
    pairs = zip(values, before[::2], before[1::2], strict=True)
    added = [(total + float(v) * examples, n + examples) for v, total, n in pairs]
    sums.values = [number for pair in added for number in pair]
    means = [total / n for total, n in added]
    return dict(zip(names, means, strict=False))


def _validate(strategy, step, names, batches, callbacks) -> dict[str, float]:
    """Means over all examples; each replica computes those that do not fill a batch."""
    shared, last = batches.shared_steps, batches.steps_per_pass
    callbacks.on_test_begin()
    sums = Sums()
    for start, stop, size, examples in (
        (0, shared, None, batches.batch_size),
        (shared, last, batches.rest, batches.rest),
    ):
        if start == stop:
            continue
        share = iter(_distributed(strategy, batches, start, stop, size))
        for _ in range(start, stop):
            logs = _add(sums, names, step(next(share)).numpy(), examples)
    callbacks.on_test_end(logs)
    return {f"val_{key}": value for key, value in logs.items()}


@contextlib.contextmanager
def _losses_of_workers():
    try:
        yield
    except _LOST as error:
        lines = [line.strip() for line in str(error.message).splitlines()]
        reasons = [line for line in lines if line and not line.startswith("[[")]
        raise TrainingError(
            "Another worker was lost, so this one ends: start all workers again with "
            f"--resume. ({(reasons or ['no reason given'])[-1][:200]})"
        ) from error
