"""The bottleneck of learned compression with probabilities from a side code."""

import functools

import keras
import numpy as np
from keras import ops
from scipy.special import expit

from ae_zoo.bottlenecks.base import Bottleneck
from ae_zoo.layers.replica import ReplicaSeedGenerator
from ae_zoo.layers.weight_penalty import weight_penalty
from ae_zoo.tasks.codec.entropy_models import HyperpriorEntropyModel
from ae_zoo.tasks.codec.factorized import FactorizedBottleneck, fit
from ae_zoo.tasks.codec.range_coder import Tables
from ae_zoo.tasks.codec.rate import LEAST, logistic_mass, mean_cost, round_through

# Possible scales of the logistic distribution of a value.
SCALES = np.geomspace(0.04, 64, 64)
SYMBOLS = 256  # values of a probability table, without the escape
LOWS = np.full(len(SCALES), -(SYMBOLS // 2), "int32")  # lowest value of each table
START, STEP = 24.0, 8.0  # level of the scale for an output of 0, and its change for 1
# Resolution and limit of the weights of the network that computes the levels: sums of
# 2^10 products with activations up to 2^10 then fit into the 53 bits of float64.
FINEST, LARGEST = 2.0**-12, 2.0**3


@keras.saving.register_keras_serializable("ae_zoo")
class HyperpriorBottleneck(Bottleneck):
    """Rounds to integers with probabilities computed from a second, small code.

    A network computes the side code, a fourth as high and wide, from the latent values;
    a `FactorizedBottleneck` rounds it and counts its bits. A second network computes
    the mean and the scale of a logistic distribution for each latent value from the
    side code. The difference from the mean is rounded. Noise, gradients and weights of
    the bits are as in `FactorizedBottleneck`.

    Reader and writer of a file must agree on the scales to the last bit. `finish`
    therefore rounds the second network to 12 binary digits after the point, so that
    `HyperpriorEntropyModel` of `ae_zoo.tasks.codec.entropy_models` can compute it
    exactly.

    Args:
        channels: number of latent channels.
        tradeoffs: as for `FactorizedBottleneck`.
        hidden, side: channels of the networks' hidden layers, and of the side code.
        seed: integer, for reproducible noise.
        l1, l2: weight penalties on the kernels.

    Shapes: `(batch, h, w, channels)`, h and w multiples of 4, and qualities
    `(batch, 1)` -> side code `(batch, h / 4, w / 4, side)`, code
    `(batch, h, w, channels)`, both integers as floats, and the qualities.

    Reference: Minnen et al., 2018, arXiv:1809.02736, without context model, and
    with logistic instead of normal distributions.
    """

    penalty_name = "rate"

    def __init__(
        self,
        channels,
        tradeoffs,
        hidden=64,
        side=32,
        seed=None,
        l1=0.0,
        l2=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs | {"dtype": "float32"})
        self.channels = channels
        self.tradeoffs = tuple(tradeoffs)
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
                convolution(hidden, 3, strides=2, activation="relu"),
                convolution(side, 3, strides=2),
            ],
            name="hyper_analysis",
        )
        self.synthesis = keras.Sequential(
            [
                keras.layers.UpSampling2D(dtype="float32"),
                convolution(hidden, 3, activation="relu"),
                keras.layers.UpSampling2D(dtype="float32"),
                convolution(hidden, 3, activation="relu"),
                convolution(2 * channels, 1),
            ],
            name="hyper_synthesis",
        )

    def build(self, input_shape):
        self.analysis.build((None, None, None, self.channels))
        self.synthesis.build((None, None, None, self.side))
        self.factorized.build(((None, None, None, self.side), (None, 1)))
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
        y, quality = h
        side, _ = self.factorized.code([self.analysis(y), quality])
        means, _ = ops.split(self.synthesis(side), 2, axis=-1)
        return side, round_through(y - means), quality

    def call(self, inputs, training=False):
        y, quality = inputs
        side, _ = self.factorized([self.analysis(y), quality], training=training)
        means, levels = ops.split(self.synthesis(side), 2, axis=-1)
        residual = y - means
        rounded = values = round_through(residual)
        if training:
            values = residual + keras.random.uniform(
                ops.shape(y), -0.5, 0.5, dtype="float32", seed=self.generator
            )
        bits = self.bits(values, levels)
        self.add_penalty(mean_cost(bits, quality, self.tradeoffs))
        return side, rounded, quality

    def bits(self, values, levels):
        """Bits of each value, by the levels from the second network."""
        level = ops.clip(START + STEP * levels, 0, len(SCALES) - 1)
        step = np.float32(np.log(SCALES[1] / SCALES[0]))
        scale = np.float32(SCALES[0]) * ops.exp(step * level)
        mass = logistic_mass(ops.abs(values), scale, ops.sigmoid)
        return -ops.log2(ops.maximum(mass, LEAST))

    def wrap(self, decoder):
        """Decoder from codes and quality, around the given one of latent values."""
        side = keras.Input((None, None, self.side))
        code, quality = (keras.Input(x.shape[1:]) for x in decoder.inputs)
        latents = _AddMeans()([code, self.synthesis(side)])
        pictures = decoder([latents, quality])
        return keras.Model([side, code, quality], pictures, name="decoder")

    def unwrap(self, decoder):
        return decoder.get_layer("decoder")

    def finish(self):
        """Computes the tables as `FactorizedBottleneck`, rounds the second network."""
        self.factorized.finish()
        for weight in self.synthesis.weights:
            values = ops.convert_to_numpy(weight)
            weight.assign(np.clip(np.rint(values / FINEST) * FINEST, -LARGEST, LARGEST))
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
        probabilities = ops.convert_to_numpy(self.probabilities)
        layers = [
            [ops.convert_to_numpy(weight) for weight in layer.weights]
            for layer in self.synthesis.layers
            if layer.weights
        ]
        return HyperpriorEntropyModel(
            side,
            Tables(probabilities, LOWS),
            self.analysis.predict_on_batch,
            layers,
            levels=(START, STEP),
        )

    def compute_output_shape(self, input_shape):
        (batch, height, width, channels), quality = input_shape
        small = (
            side and side // HyperpriorEntropyModel.SIDE for side in (height, width)
        )
        return (batch, *small, self.side), (batch, height, width, channels), quality

    def get_config(self):
        return {
            **super().get_config(),
            "channels": self.channels,
            "tradeoffs": self.tradeoffs,
            "hidden": self.hidden,
            "side": self.side,
            "seed": self.seed,
            "l1": self.l1,
            "l2": self.l2,
        }


@keras.saving.register_keras_serializable("ae_zoo")
class _AddMeans(keras.layers.Layer):
    """Adds means, the first half of the second input's channels, to the code."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs | {"dtype": "float32"})

    def call(self, inputs):
        code, moments = inputs
        return code + moments[..., : code.shape[-1]]

    def compute_output_shape(self, input_shape):
        return input_shape[0]
