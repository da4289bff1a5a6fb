"""The bottleneck of learned compression with probabilities from a side code."""

import functools

import keras
import numpy as np
from keras import ops
from scipy.special import expit

from ae_zoo.bottlenecks.base import Bottleneck
from ae_zoo.layers.replica import ReplicaSeedGenerator
from ae_zoo.layers.weight_penalty import weight_penalty
from ae_zoo.tasks.codec.factorized import FactorizedBottleneck, fit
from ae_zoo.tasks.codec.hyperprior_model import SIDE, HyperpriorEntropyModel
from ae_zoo.tasks.codec.prediction import RATIO, SCALES, Prediction
from ae_zoo.tasks.codec.quality import Gain, nearest
from ae_zoo.tasks.codec.range_coder import Tables
from ae_zoo.tasks.codec.rate import logistic_mass, mean_cost, round_through

SYMBOLS = 512  # values of a probability table, without the escape
LOWS = np.full(len(SCALES), -(SYMBOLS // 2), "int32")  # lowest value of each table


@keras.saving.register_keras_serializable("ae_zoo")
class HyperpriorBottleneck(Bottleneck):
    """Rounds to integers with probabilities computed from a second, small code.

    A network computes the side code, a fourth as high and wide, from the latent values;
    a `FactorizedBottleneck` rounds it and counts its bits. The latent values are
    multiplied by gains that depend on the quality. `Prediction` computes the mean and
    the scale of a logistic distribution for each of them. The difference from the mean
    is rounded. Noise, gradients and weights of the bits are as in
    `FactorizedBottleneck`.

    Args:
        channels: number of latent channels, even.
        tradeoffs: as for `FactorizedBottleneck`.
        gains: factor of the latent values at the start, for each quality.
        spreads: about the standard deviation of latent channels at the start.
        hidden, side: channels of the networks' hidden layers, and of the side code.
        seed: integer, for reproducible noise.
        l1, l2: weight penalties on the kernels.

    Shapes: `(batch, h, w, channels)`, h and w multiples of 4, and qualities
    `(batch, 1)` -> side code `(batch, h / 4, w / 4, side)`, code
    `(batch, h, w, channels)`, both integers as floats, and the qualities.

    Reference: Minnen et al., 2018, arXiv:1809.02736, with another context model, and
    with logistic instead of normal distributions.
    """

    penalty_name = "rate"

    def __init__(
        self,
        channels,
        tradeoffs,
        gains,
        spreads=(),
        hidden=128,
        side=64,
        seed=None,
        l1=0.0,
        l2=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs | {"dtype": "float32"})
        self.channels = channels
        self.tradeoffs = tuple(tradeoffs)
        self.gains = tuple(gains)
        self.spreads = tuple(map(float, spreads))
        self.hidden = hidden
        self.side = side
        self.seed = seed
        self.l1, self.l2 = l1, l2
        self.generator = ReplicaSeedGenerator(seed)
        self.factorized = FactorizedBottleneck(side, tradeoffs, seed=seed, name="side")
        convolution = functools.partial(
            keras.layers.Conv2D,
            padding="same",
            kernel_regularizer=weight_penalty(l1, l2),
            dtype="float32",
        )
        self.analysis = keras.Sequential(
            [
                convolution(hidden, 1, activation="relu"),
                convolution(hidden, 3, strides=2, activation="relu"),
                convolution(side, 3, strides=2),
            ],
            name="hyper_analysis",
        )
        spread = [(gain / self.gains[0]) ** 0.5 for gain in self.gains]
        self.side_gain = Gain(spread, name="side_gain")
        self.prediction = Prediction(
            channels, gains, self.spreads, hidden, l1=l1, l2=l2, name="prediction"
        )

    def build(self, input_shape):
        latents, side = ((None, None, None, n) for n in (self.channels, self.side))
        quality = (None, 1)
        self.analysis.build(latents)
        self.side_gain.build((side, quality))
        self.factorized.build((side, quality))
        self.prediction.build((side, latents, quality))
        self.probabilities = self.add_weight(
            name="probabilities",
            shape=(len(SCALES), SYMBOLS + 1),
            initializer="zeros",
            trainable=False,
        )

    @property
    def penalty_scale(self):
        """Factor of all bits in the loss, stored as a weight."""
        return self.factorized.penalty_scale

    def code(self, h):
        return self(h, penalise=False)

    def call(self, inputs, training=False, penalise=True):
        y, quality = inputs
        whole = nearest(quality)
        side = [self.side_gain([self.analysis(y), whole]), whole]
        if penalise:
            side, _ = self.factorized(side, training=training)
        else:
            side, _ = self.factorized.code(side)
        residual, levels = self._residual(y, side, quality)
        rounded = values = round_through(residual)
        if training:
            values = residual + keras.random.uniform(
                ops.shape(y), -0.5, 0.5, dtype="float32", seed=self.generator
            )
        if penalise:
            bits = self.bits(values, levels)
            self.add_penalty(mean_cost(bits, quality, self.tradeoffs))
        return side, rounded, quality

    def _residual(self, y, side, quality):
        """Differences from the means before rounding, and levels."""
        factors = self.prediction.gain.factors(quality)

        def rounded(means):
            return means + round_through(factors * (y - means)) / factors

        means, levels = self.prediction.moments(side, quality, rounded)
        return factors * (y - means), levels

    def bits(self, values, levels):
        """Bits of each value, by the levels of `Prediction`."""
        level = ops.clip(levels, 0, len(SCALES) - 1)
        scale = np.float32(SCALES[0]) * ops.exp(np.float32(RATIO) * level)
        # The logarithm of `logistic_mass`, precise for improbable values too.
        mass = ops.log_sigmoid((0.5 - values) / scale)
        mass += ops.log_sigmoid((0.5 + values) / scale)
        mass += ops.log(-ops.expm1(-1 / scale))
        return mass / np.float32(-np.log(2))

    def wrap(self, decoder):
        """Decoder from codes and quality, around the given one of latent values."""
        side = keras.Input((None, None, self.side))
        code, quality = (keras.Input(x.shape[1:]) for x in decoder.inputs)
        latents = self.prediction([side, code, quality])
        pictures = decoder([latents, quality])
        return keras.Model([side, code, quality], pictures, name="decoder")

    def unwrap(self, decoder):
        return decoder.get_layer("decoder")

    def finish(self):
        """Computes the tables as `FactorizedBottleneck`, rounds the networks."""
        self.factorized.finish()
        self.prediction.finish()
        distance = np.abs(np.arange(SYMBOLS) - SYMBOLS // 2)
        mass = logistic_mass(distance, SCALES[:, None], expit)
        fresh = Tables.from_probabilities(mass, LOWS).probabilities
        if not fit(self.probabilities, fresh):
            self.probabilities.assign(fresh)

    def entropy_model(self):
        """The entropy model with these tables and networks.

        Raises:
            InputError: the tables have not been computed yet.
        """
        side = self.factorized.entropy_model()
        tables = Tables(ops.convert_to_numpy(self.probabilities), LOWS)
        networks = self.prediction.networks()
        return HyperpriorEntropyModel(side, tables, self._analyse, networks)

    def _analyse(self, latents: np.ndarray, quality: int) -> np.ndarray:
        """The side code before rounding, of latent values `(1, h, w, channels)`."""
        logs = ops.convert_to_numpy(self.side_gain.log_factors)[quality]
        return self.analysis.predict_on_batch(latents) * np.exp(logs)

    def compute_output_shape(self, input_shape):
        (batch, height, width, channels), quality = input_shape
        small = (side and side // SIDE for side in (height, width))
        return (batch, *small, self.side), (batch, height, width, channels), quality

    def get_config(self):
        return {
            **super().get_config(),
            "channels": self.channels,
            "tradeoffs": self.tradeoffs,
            "gains": self.gains,
            "spreads": self.spreads,
            "hidden": self.hidden,
            "side": self.side,
            "seed": self.seed,
            "l1": self.l1,
            "l2": self.l2,
        }
