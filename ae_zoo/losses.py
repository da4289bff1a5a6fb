"""Reconstruction losses, summed over an example and averaged over the batch.

Summing makes them commensurate with penalties such as the KL divergence: with
'bce' and a variational bottleneck the loss is the negative evidence lower bound.
As `keras.losses.Loss` objects they are scaled correctly under `tf.distribute`.
"""

import keras
from keras import ops

from ae_zoo.errors import UnknownNameError
from ae_zoo.layers.output_activation import logits_of

MARGIN = 1e-7  # smallest distance of probabilities from 0 and 1, without logits


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
    """Cross-entropy of an example in nats, for values in [0, 1].

    It is computed from the logits where `y_pred` is the output of a model whose last
    layer is an `OutputActivation`, as of the zoo's families; otherwise from `y_pred`,
    kept 1e-7 away from 0 and 1. Backends differ by rounding only.
    """

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        logits = logits_of(y_pred)
        if logits is None:
            p = ops.clip(y_pred, MARGIN, 1 - MARGIN)
            nats = -y_true * ops.log(p) - (1 - y_true) * ops.log(1 - p)
        else:
            # Keras's function would not use them under JAX and PyTorch.
            nats = ops.binary_crossentropy(y_true, logits, from_logits=True)
        return _sum_over_example(nats)


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
