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

# Errors that TensorFlow raises on a worker when another one is gone.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


def fit(model, batches, start, epochs, steps, callbacks, validation=None) -> None:
    """Trains a compiled model from epoch `start` up to `epochs`.

    Args:
        model: compiled, in the scope of a `MultiWorkerMirroredStrategy`.
        batches: of the training, this worker's share.
        start, epochs: first epoch, from 0, and number of epochs.
        steps: steps an epoch.
        callbacks: Keras callbacks; the same on every worker.
        validation: batches to validate on, or None.

    Raises:
        TrainingError: another worker was lost.
    """
    strategy = model.distribute_strategy
    callbacks = keras.callbacks.CallbackList(callbacks, model=model)
    train_step = _compiled(strategy, _train_step, model)
    test_step = _compiled(strategy, _test_step, model)
    model.stop_training = False
    with _losses_of_workers():
        callbacks.on_train_begin()
        share = iter(_distributed(strategy, batches, start * steps, epochs * steps))
        for epoch in range(start, epochs):
            callbacks.on_epoch_begin(epoch)
            logs = _run(train_step, share, steps, callbacks.on_train_batch_end)
            if validation is not None:
                logs |= _validate(strategy, test_step, validation, callbacks)
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        model.optimizer.finalize_variable_values(model.trainable_weights)
        callbacks.on_train_end()


def _distributed(strategy, batches, start: int, stop: int):
    """The batches, each split over this worker's replicas."""
    local = strategy.num_replicas_in_sync // batches.shard[1]
    size = batches.batch_size // batches.shard[1] // local
    return strategy.distribute_datasets_from_function(
        lambda _: batches.dataset(start, stop).rebatch(size)
    )


def _compiled(strategy, step, model):
    """`step` on every replica, its results summed over all of them."""

    @tf.function
    def run(batch):
        shares = strategy.run(functools.partial(step, model), args=(batch,))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, shares, axis=None)

    return run


def _train_step(model, batch):
    x, y = batch
    with tf.GradientTape() as tape:
        prediction = model(x, training=True)
        loss = model.compute_loss(x=x, y=y, y_pred=prediction, training=True)
        scaled = model.optimizer.scale_loss(loss)
    gradients = tape.gradient(scaled, model.trainable_weights)
    model.optimizer.apply(gradients, model.trainable_weights)
    return _share_of_logs(loss, y, prediction)


def _test_step(model, batch):
    x, y = batch
    prediction = model(x, training=False)
    loss = model.compute_loss(x=x, y=y, y_pred=prediction, training=False)
    return _share_of_logs(loss, y, prediction)


def _share_of_logs(loss, y, prediction):
    """This replica's share of the loss, which Keras has scaled, and of the MSE.

    One tensor, so that one collective sums it. The stages of a pretraining, whose
    targets lie inside, have no MSE.
    """
    if prediction.shape != y.shape:
        return tf.stack([tf.cast(loss, "float32")])
    replicas = tf.distribute.get_replica_context().num_replicas_in_sync
    error = tf.reduce_mean(tf.square(tf.cast(prediction, "float32") - y))
    return tf.stack([tf.cast(loss, "float32"), error / replicas])


def _run(step, share, steps: int, on_step=lambda *_: None) -> dict[str, float]:
    """Mean logs over `steps` steps."""
    total = 0.0
    for i in range(steps):
        total = total + step(next(share)).numpy()
        logs = dict(zip(("loss", "mse"), (total / (i + 1)).tolist(), strict=False))
        on_step(i, logs)
    return logs


def _validate(strategy, step, batches, callbacks) -> dict[str, float]:
    callbacks.on_test_begin()
    steps = batches.steps_per_pass
    logs = _run(step, iter(_distributed(strategy, batches, 0, steps)), steps)
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
