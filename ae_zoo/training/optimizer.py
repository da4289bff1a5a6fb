"""The optimizer a recipe asks for."""

import math

import keras
from keras import ops

from ae_zoo.training.recipe import Training

OPTIMIZERS = {
    "adamw": keras.optimizers.AdamW,
    "adam": keras.optimizers.Adam,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
    "lion": keras.optimizers.Lion,
}


@keras.saving.register_keras_serializable("ae_zoo")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly to `rate`, then stays, or falls to 0 by half a cosine.

    Args:
        rate: the highest rate.
        warmup_steps: steps of the rise.
        decay_steps: steps of the fall; None for a constant rate.
    """

    def __init__(self, rate: float, warmup_steps: int, decay_steps: int | None = None):
        super().__init__()
        self.rate = rate
        self.warmup_steps = warmup_steps
        self.decay_steps = decay_steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        scale = ops.minimum(1.0, step / max(1, self.warmup_steps))
        if self.warmup_steps == 0:
            scale = ops.ones_like(step)
        if self.decay_steps is not None:
            done = (step - self.warmup_steps) / max(1, self.decay_steps)
            done = ops.clip(done, 0.0, 1.0)
            scale = scale * 0.5 * (1.0 + ops.cos(math.pi * done))
        return self.rate * scale

    def get_config(self):
        return {
            "rate": self.rate,
            "warmup_steps": self.warmup_steps,
            "decay_steps": self.decay_steps,
        }


def make_optimizer(options: Training, steps: int, replicas: int = 1):
    """The optimizer of a recipe.

    Args:
        options: the recipe's training section.
        steps: of the whole training, counted in the parts that `accumulate` makes.
        replicas: of `tf.distribute`, over which gradients are summed.
    """
    kind = OPTIMIZERS[options.optimizer]
    clip = options.clip_norm
    arguments = {
        "learning_rate": _rate(options, steps),
        "weight_decay": options.weight_decay,
        "use_ema": options.ema is not None,
        # Keras averages after every part of a batch.
        "ema_momentum": (options.ema or 0.99) ** (1 / options.accumulate),
    }
    if options.accumulate > 1:
        arguments["gradient_accumulation_steps"] = options.accumulate
    if clip is None or replicas == 1:
        return kind(**arguments, global_clipnorm=clip)
    return _clipping(kind, clip, replicas)(**arguments, name=options.optimizer)


def _rate(options: Training, steps: int):
    if options.schedule == "plateau":
        return options.learning_rate  # a variable, which a callback lowers
    warmup = min(options.warmup_steps * options.accumulate, steps // 2)
    decay = steps - warmup if options.schedule == "cosine" else None
    return WarmUp(options.learning_rate, warmup, decay)


def _clipping(kind: type, norm: float, replicas: int) -> type:
    """The optimizer `kind` that clips the sum of its replicas' gradients.

    Keras's own clips the gradient of each replica before it sums them.
    """
    import tensorflow as tf

    class Clipping(kind):
        def apply(self, grads, trainable_variables=None):
            context = tf.distribute.get_replica_context()
            total = context.all_reduce(tf.distribute.ReduceOp.SUM, list(grads))
            clipped, _ = tf.clip_by_global_norm(total, norm)
            # Keras sums the replicas' gradients: each gives its share of the same.
            super().apply([g / replicas for g in clipped], trainable_variables)

    return Clipping
