"""The bottleneck of learned compression: integers and their probabilities."""

import keras
import numpy as np
from keras import ops
from scipy.special import expit, logsumexp

from ae_zoo.bottlenecks.base import Bottleneck
from ae_zoo.errors import InputError
from ae_zoo.layers.replica import ReplicaSeedGenerator
from ae_zoo.tasks.codec.entropy_models import FactorizedEntropyModel
from ae_zoo.tasks.codec.range_coder import Tables
from ae_zoo.tasks.codec.rate import LEAST, logistic_mass, mean_cost, round_through

SYMBOLS = 128  # values of a probability table, without the escape
_ROUNDING = 1e-5  # relative difference that tables of two machines may have


@keras.saving.register_keras_serializable("ae_zoo")
class FactorizedBottleneck(Bottleneck):
    """Rounds to integers whose probabilities depend only on channel and quality.

    The values of a channel follow a mixture of logistic distributions for each quality.
    In training, bits are counted with uniform noise instead of rounding, else of the
    rounded values; the decoder gets rounded values, with the gradient of the identity.
    The bits are added to the loss, with a weight that depends on the quality of the
    example.

    `finish` computes tables from the trained distributions and stores them as weights.
    Files are written and read only by these tables, so that all machines agree.

    Args:
        channels: number of latent channels.
        tradeoffs: squared error (sum over an example, in squared units of the picture)
            that is worth a bit, for each quality, lowest first.
        components: number of components of each mixture.
        seed: integer, for reproducible noise.

    Shapes: `(batch, h, w, channels)` and qualities `(batch, 1)`, integers as floats ->
    the same, the first rounded.

    Reference: Ballé et al., 2018, arXiv:1802.01436, with another univariate density.
    """

    penalty_name = "rate"

    def __init__(self, channels, tradeoffs, components=3, seed=None, **kwargs):
        # Half precision is too coarse to count bits.
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
            initializer=lambda shape, dtype: ops.convert_to_tensor(
                np.full(shape, spread), dtype
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
        self.add_penalty_scale()

    def code(self, h):
        y, quality = h
        return round_through(y), quality

    def call(self, inputs, training=False):
        y, quality = inputs
        rounded = values = round_through(y)
        if training:
            values = y + keras.random.uniform(
                ops.shape(y), -0.5, 0.5, dtype="float32", seed=self.generator
            )
        bits = self.bits(values, ops.cast(quality[:, 0], "int32"))
        self.add_penalty(mean_cost(bits, quality, self.tradeoffs))
        return rounded, quality

    def bits(self, values, index):
        """Bits of each value `(batch, h, w, channels)`, at qualities `(batch,)`."""
        means, scales, logits = (
            ops.take(weight, index, axis=0)[:, None, None]
            for weight in (self.means, ops.exp(self.log_scales), self.logits)
        )
        distance = ops.abs(values[..., None] - means)
        mass = logistic_mass(distance, scales, ops.sigmoid)
        mass = ops.sum(ops.softmax(logits, axis=-1) * mass, axis=-1)
        return -ops.log2(ops.maximum(mass, LEAST))

    def finish(self):
        """Computes the tables again, unless they fit the distributions.

        Tables that fit are kept to the last bit, since files name the weights that they
        need and machines round differently.
        """
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
        fresh = tables.probabilities.reshape(*lows.shape, -1)
        moved = not np.array_equal(ops.convert_to_numpy(self.lows), lows)
        if moved or not fit(self.probabilities, fresh):
            self.probabilities.assign(fresh)
            self.lows.assign(lows)

    def entropy_model(self):
        """The entropy model with these tables.

        Raises:
            InputError: the tables have not been computed yet.
        """
        probabilities = ops.convert_to_numpy(self.probabilities)
        if not probabilities.any():
            raise InputError(
                "The model has no probability tables: train it by a recipe, or call "
                "model.finish() once it is trained."
            )
        lows = ops.convert_to_numpy(self.lows).astype("int32")
        return FactorizedEntropyModel(
            [Tables(p, low) for p, low in zip(probabilities, lows, strict=True)]
        )

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


def fit(kept, fresh: np.ndarray) -> bool:
    """Whether stored probabilities differ from fresh ones only by rounding."""
    return np.allclose(ops.convert_to_numpy(kept), fresh, rtol=_ROUNDING, atol=0)
