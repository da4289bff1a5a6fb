"""Reconstruction losses, summed over an example and averaged over the batch.

Summing makes them commensurate with penalties such as the KL divergence: with
'bce' and a variational bottleneck the loss is the negative evidence lower bound.
As `keras.losses.Loss` objects they are scaled correctly under `tf.distribute`.
"""

import keras
from keras import ops

from ae_zoo.errors import UnknownNameError


def _sum_over_example(x):
    return ops.sum(ops.reshape(x, (ops.shape(x)[0], -1)), axis=-1)


@keras.saving.register_keras_serializable("ae_zoo")
class SquaredError(keras.losses.Loss):
    """Sum of squared errors of an example, in squared units of the input."""

    def call(self, y_true, y_pred):
        return _sum_over_example(ops.square(y_pred - ops.cast(y_true, y_pred.dtype)))


@keras.saving.register_keras_serializable("ae_zoo")
class AbsoluteError(keras.losses.Loss):
    """Sum of absolute errors of an example, in units of the input."""

    def call(self, y_true, y_pred):
        return _sum_over_example(ops.abs(y_pred - ops.cast(y_true, y_pred.dtype)))


@keras.saving.register_keras_serializable("ae_zoo")
class BinaryCrossentropy(keras.losses.Loss):
    """Cross-entropy of an example in nats, for values in [0, 1]."""

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        return _sum_over_example(ops.binary_crossentropy(y_true, y_pred))


@keras.saving.register_keras_serializable("ae_zoo")
class CategoricalCrossentropy(keras.losses.Loss):
    """Cross-entropy of an example in nats, for one-hot vectors along the last axis.

    Vectors of zeros, with which short sequences are padded, do not count.
    """

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        # Keras's function would clip probabilities at 1e-7, without a gradient, and
        # scale those that do not sum to 1.
        nats = -y_true * ops.log(ops.maximum(y_pred, 1e-12))
        return _sum_over_example(nats)


LOSSES = {
    "mse": SquaredError,
    "mae": AbsoluteError,
    "bce": BinaryCrossentropy,
    "cce": CategoricalCrossentropy,
}


def get(name: str) -> keras.losses.Loss:
    """The loss called `name`: 'mse', 'mae', 'bce' or 'cce'."""
    if name not in LOSSES:
        raise UnknownNameError(
            f"Unknown loss {name!r}; choose one of {', '.join(LOSSES)}."
        )
    return LOSSES[name](name=name)
