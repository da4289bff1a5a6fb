"""Helpers that keep layers correct on several replicas of `tf.distribute`.

Everything here is the identity on one device and on other backends.
"""

import keras


def _replica_context():
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    return tf.distribute.get_replica_context()  # None while a graph is being built


def count_replicas() -> int:
    """The number of replicas that compute a step together."""
    context = _replica_context()
    return 1 if context is None else context.num_replicas_in_sync


class ReplicaSeedGenerator(keras.random.SeedGenerator):
    """Seed generator with a different seed on every replica.

    Replicas share the state of a generator, so with Keras's all draw the same noise.
    """

    def next(self, ordered=True):
        seed = super().next(ordered)
        if count_replicas() == 1:
            return seed
        context = _replica_context()
        replica = keras.ops.cast(context.replica_id_in_sync_group, seed.dtype)
        return seed + keras.ops.stack([replica, keras.ops.zeros_like(replica)])


def replica_mean(x):
    """Mean of `x` over the replicas, for penalties not linear in the batch."""
    return x if count_replicas() == 1 else _replica_context().all_reduce("mean", x)


class SharedPenalty(keras.layers.Layer):
    """Adds a penalty, computed from all replicas together, to the loss.

    Replicas share a layer's losses. While one waits for the others, as in
    `replica_mean`, they may add theirs, which would count again in its loss. They are
    therefore subtracted.
    """

    def call(self, value):
        value = keras.ops.cast(value, keras.config.floatx())  # as Keras's losses
        if count_replicas() > 1:
            value = value - sum(self.losses)
        self.add_loss(value)
        return value
