"""What a layer must know about `tf.distribute` to be right on many replicas.

Everything here is the identity on one device and on other backends.
"""

import keras


def _replica_context():
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    return tf.distribute.get_replica_context()  # None while a graph is being built


class ReplicaSeedGenerator(keras.random.SeedGenerator):
    """Seed generator that gives every replica another seed.

    Replicas share a generator's state, so with Keras's own they draw the same noise.
    """

    def next(self, ordered=True):
        seed = super().next(ordered)
        context = _replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return seed
        replica = keras.ops.cast(context.replica_id_in_sync_group, seed.dtype)
        return seed + keras.ops.stack([replica, keras.ops.zeros_like(replica)])


def replica_mean(x):
    """Mean of `x` over the replicas, for penalties not linear in the batch."""
    context = _replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return x
    return context.all_reduce("mean", x)


class SharedPenalty(keras.layers.Layer):
    """Adds a penalty to the loss that was computed from all replicas together.

    Replicas share a layer's losses. One that waits for the others, as `replica_mean`
    does, lets them run meanwhile, so that what they added would count again in its
    loss: it is taken off.
    """

    def call(self, value):
        context = _replica_context()
        if context is not None and context.num_replicas_in_sync > 1:
            value = value - sum(self.losses)
        self.add_loss(value)
        return value
