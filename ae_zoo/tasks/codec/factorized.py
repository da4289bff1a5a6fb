"""The bottleneck of learned compression: integers, and how likely they are."""

import keras
import numpy as np
from keras import ops
from scipy.special import expit, logsumexp

from ae_zoo.tasks.codec.range_coder import Tables
from ae_zoo.tasks.codec.entropy_models import FactorizedPrior
from ae_zoo.errors import InputError
from ae_zoo.layers.replica import ReplicaSeedGenerator

LEAST = 1e-9  # probability that a value counts as at least, so that bits are finite
SYMBOLS = 128  # values that a probability table has, without its escape


def round_through(x):
    """`x` rounded, with the gradient of the identity."""
    return x + ops.stop_gradient(ops.round(x) - x)


def logistic_mass(distance, scale, sigmoid):
    """Probability of an integer at a distance, at least 0, from a logistic's mean.

    By the tail in which the integer lies, where floats tell numbers near 0 apart.

    Args:
        distance, scale: tensors or arrays that broadcast.
        sigmoid: of Keras or of NumPy.
    """
    return sigmoid((0.5 - distance) / scale) - sigmoid((-0.5 - distance) / scale)


def mean_cost(bits, quality, tradeoffs):
    """Loss of the bits `(batch, h, w, channels)` of examples, averaged over the batch.

    Args:
        bits: of each value.
        quality: of each example, `(batch, 1)`.
        tradeoffs: of each quality, the loss of a bit.
    """
    weight = ops.take(np.float32(tradeoffs), ops.cast(quality[:, 0], "int32"))
    return ops.mean(weight * ops.sum(bits, axis=(1, 2, 3)))


@keras.saving.register_keras_serializable("ae_zoo")
class FactorizedBottleneck(keras.layers.Layer):
    """Rounds to integers, whose probabilities depend on channel and quality alone.

    A channel's values follow a mixture of logistic distributions, one for each quality.
    Training sees noise of the width of rounding in the place of rounding where bits are
    counted, and rounding with the gradient of the identity where the decoder takes
    over. Adds the bits to the loss, weighted for each example as its quality says.

    `finish` turns the trained distributions into tables, which are weights like others:
    files are written and read by them alone, so that every machine reads the same.

    Args:
        channels: of the latents.
        tradeoffs: of each quality, lowest first, the loss in squared error (of all
            values of an example, in squared units of the picture) that is worth a bit.
        components: of each mixture.
        seed: integer, for reproducible noise.

    Shapes: `(batch, h, w, channels)` and qualities `(batch, 1)`, integers as floats ->
    the same, the first rounded.

    Reference: Ballé et al., 2018, arXiv:1802.01436, with another univariate density.
    """

    generative = False
    latent_dim = None  # it depends on the picture's size

    def __init__(self, channels, tradeoffs, components=3, seed=None, **kwargs):
        # Half precision has too few bits to count bits.
        super().__init__(**kwargs | {"dtype": "float32"})
        self.channels = channels
        self.tradeoffs = tuple(tradeoffs)
        self.components = components
        self.seed = seed
        self.generator = ReplicaSeedGenerator(seed)

    def build(self, input_shape):
        tables = len(self.tradeoffs), self.channels
        shape = (*tables, self.components)
        spread = np.linspace(-2.0, 2.0, self.components, dtype="float32")
        self.means = self.add_weight(
            name="means",
            shape=shape,
            initializer=lambda shape, dtype: ops.cast(
                ops.broadcast_to(spread, shape), dtype
            ),
        )
        self.log_scales = self.add_weight(
            name="log_scales", shape=shape, initializer="zeros"
        )
        self.logits = self.add_weight(name="logits", shape=shape, initializer="zeros")
        self.probabilities = self.add_weight(
            name="probabilities",
            shape=(*tables, SYMBOLS + 1),
            initializer="zeros",
            trainable=False,
        )
        self.lows = self.add_weight(
            name="lows", shape=tables, initializer="zeros", trainable=False
        )
        self.penalty_scale = self.add_weight(
            name="penalty_scale", shape=(), initializer="ones", trainable=False
        )

    def connect(self, encoder, x):
        """Integers and quality of `x` as symbolic tensors of a functional model."""
        return self(encoder(x))

    def call(self, inputs, training=False):
        y, quality = inputs
        if training:
            noise = keras.random.uniform(ops.shape(y), -0.5, 0.5, seed=self.generator)
            bits = self.bits(y + noise, ops.cast(quality[:, 0], "int32"))
            cost = mean_cost(bits, quality, self.tradeoffs)
            self.add_loss(self.penalty_scale * cost)
        return round_through(y), quality

    def bits(self, values, index):
        """Of each value `(batch, h, w, channels)`, at qualities `(batch,)`."""
        means, scales, logits = (
            ops.take(weight, index, axis=0)[:, None, None]
            for weight in (self.means, ops.exp(self.log_scales), self.logits)
        )
        distance = ops.abs(values[..., None] - means)
        mass = logistic_mass(distance, scales, ops.sigmoid)
        mass = ops.sum(ops.softmax(logits, axis=-1) * mass, axis=-1)
        return -ops.log2(ops.maximum(mass, LEAST))

    def finish(self) -> None:
        """Computes the tables, once training has ended."""
        means, log_scales, logits = (
            ops.convert_to_numpy(weight).astype("float64")
            for weight in (self.means, self.log_scales, self.logits)
        )
        weights = np.exp(logits - logsumexp(logits, axis=-1, keepdims=True))
        lows = np.rint((weights * means).sum(axis=-1)) - SYMBOLS // 2
        values = lows[..., None] + np.arange(SYMBOLS)
        distance = np.abs(values[..., None] - means[..., None, :])
        scales = np.exp(log_scales)[..., None, :]
        mass = logistic_mass(distance, scales, expit)
        mass = (weights[..., None, :] * mass).sum(axis=-1)
        tables = Tables.from_probabilities(
            mass.reshape(-1, SYMBOLS), lows.ravel().astype("int32")
        )
        self.probabilities.assign(tables.probabilities.reshape(*lows.shape, -1))
        self.lows.assign(lows)

    def prior(self) -> FactorizedPrior:
        """Of the tables.

        Raises:
            InputError: they have not been computed yet.
        """
        probabilities = ops.convert_to_numpy(self.probabilities)
        if not probabilities.any():
            raise InputError(
                "The model has no probability tables: train it by a recipe, or call "
                "model.bottleneck.finish() once it is trained."
            )
        lows = ops.convert_to_numpy(self.lows).astype("int32")
        return FactorizedPrior(
            [Tables(p, low) for p, low in zip(probabilities, lows, strict=True)]
        )

    def decoder(self, synthesis) -> keras.Model:
        """The model from codes, by a model from latents, and quality to pictures."""
        return synthesis

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "channels": self.channels,
            "tradeoffs": self.tradeoffs,
            "components": self.components,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable("ae_zoo")
class Gain(keras.layers.Layer):
    """Multiplies each channel by a factor that depends on the quality.

    Cui et al., 2021, arXiv:2003.02012: one network serves all qualities, which differ
    by how finely each channel is rounded.

    Args:
        start: factor of each quality, lowest first, before training.

    Shapes: `(batch, h, w, channels)` and qualities `(batch, 1)` -> the first.
    """

    def __init__(self, start, **kwargs):
        super().__init__(**kwargs | {"dtype": "float32"})
        self.start = tuple(start)

    def build(self, input_shape):
        channels = input_shape[0][-1]
        logs = np.log(np.float32(self.start))[:, None]
        self.log_factors = self.add_weight(
            name="log_factors",
            shape=(len(self.start), channels),
            initializer=lambda shape, dtype: ops.cast(
                ops.broadcast_to(logs, shape), dtype
            ),
        )

    def call(self, inputs):
        x, quality = inputs
        index = ops.cast(quality[:, 0], "int32")
        return x * ops.take(ops.exp(self.log_factors), index, axis=0)[:, None, None]

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "start": self.start}


@keras.saving.register_keras_serializable("ae_zoo")
class ScaledGradient(keras.layers.Layer):
    """Passes values on, and gradients back times a factor of their quality.

    What weights the loss of each example, where the loss itself knows no quality.

    Args:
        factors: of each quality, lowest first.

    Shapes: `(batch, h, w, channels)` and qualities `(batch, 1)` -> the first.
    """

    def __init__(self, factors, **kwargs):
        super().__init__(**kwargs | {"dtype": "float32"})
        self.factors = tuple(factors)

    def call(self, inputs):
        x, quality = inputs
        index = ops.cast(quality[:, 0], "int32")
        factor = ops.take(np.float32(self.factors), index)[:, None, None, None]
        scaled = factor * x
        return scaled + ops.stop_gradient(x - scaled)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "factors": self.factors}


@keras.saving.register_keras_serializable("ae_zoo")
class QualityOf(keras.layers.Layer):
    """Reads the quality off its map: `(batch, h, w, 1)` -> `(batch, 1)`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs | {"dtype": "float32"})

    def call(self, x):
        return ops.round(x[:, 0, 0, :])

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])
