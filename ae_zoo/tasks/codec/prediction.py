"""The network that predicts latent values from the side code and from each other."""

import functools

import keras
import numpy as np
from keras import ops

from ae_zoo.layers.weight_penalty import weight_penalty
from ae_zoo.tasks.codec.hyperprior_model import FINEST, LARGEST, Networks
from ae_zoo.tasks.codec.quality import Gain, between, nearest

# Possible scales of the logistic distribution of a value.
SCALES = np.geomspace(0.04, 128, 64)
RATIO = np.log(SCALES[1] / SCALES[0])
START, STEP = 2.0, 8.0  # level of the scale for an output of 0, and its change for 1


@keras.saving.register_keras_serializable("ae_zoo")
class Prediction(keras.layers.Layer):
    """Predicts mean and scale of each latent value.

    The values are known in two steps. Where row and column add to an even number, the
    first half of the channels is known first, elsewhere the second half. These are
    predicted from the side code; the others from the side code and from those that are
    known in the 3 x 3 positions around, so that each has known neighbours and known
    values at its own position.

    The network knows nothing of qualities: latent values are multiplied by gains, means
    too, and scales are shifted. The side code is that of the nearest whole quality.

    Reader and writer of a file must agree on means and scales to the last bit. `finish`
    therefore rounds the network to 12 binary digits after the point, so that
    `HyperpriorEntropyModel` can compute it exactly, and stores the factors.

    Args:
        channels: number of latent channels, even.
        gains: factor of the latent values at the start, for each quality.
        spreads: about the standard deviation of the first channels at the start.
        hidden: channels of the hidden layers.
        l1, l2: weight penalties on the kernels.

    Shapes: side code `(batch, h / 4, w / 4, side)`, code `(batch, h, w, channels)` and
    qualities `(batch, 1)` -> latent values times gains, the sum of code and means,
    `(batch, h, w, channels)`.

    Reference: He et al., 2021, arXiv:2103.15306, for two steps; Li et al., 2022,
    arXiv:2207.05894, for halves of the channels.
    """

    def __init__(self, channels, gains, spreads, hidden, l1=0.0, l2=0.0, **kwargs):
        super().__init__(**kwargs | {"dtype": "float32"})
        self.channels = channels
        self.gains = tuple(gains)
        self.spreads = tuple(spreads)
        self.hidden = hidden
        self.l1, self.l2 = l1, l2
        convolution = functools.partial(
            keras.layers.Conv2D,
            padding="same",
            kernel_regularizer=weight_penalty(l1, l2),
            dtype="float32",
        )
        self.gain = Gain(self.gains, name="gain")
        spread = [(gain / self.gains[0]) ** -0.5 for gain in self.gains]
        self.side_gain = Gain(spread, name="side_gain")
        self.synthesis = keras.Sequential(
            [
                keras.layers.UpSampling2D(dtype="float32"),
                convolution(hidden, 3, activation="relu"),
                keras.layers.UpSampling2D(dtype="float32"),
                convolution(hidden, 3, activation="relu"),
            ],
            name="synthesis",
        )
        self.first = convolution(
            2 * channels, 1, bias_initializer=self._start_bias, name="first"
        )
        self.context = keras.Sequential(
            [
                convolution(hidden, 1, activation="relu"),
                convolution(hidden, 3, activation="relu"),
            ],
            name="context",
        )
        self.second = keras.Sequential(
            [
                convolution(hidden, 1, activation="relu"),
                convolution(2 * channels, 1, kernel_initializer="zeros"),
            ],
            name="second",
        )

    def build(self, input_shape):
        side = input_shape[0][-1]
        any_size = (None, None, None)
        self.gain.build(((*any_size, self.channels), (None, 1)))
        self.side_gain.build(((*any_size, side), (None, 1)))
        self.synthesis.build((*any_size, side))
        self.first.build((*any_size, self.hidden))
        self.context.build((*any_size, self.channels))
        self.second.build((*any_size, 2 * self.hidden))
        self.shifts = self.add_weight(
            name="shifts",
            shape=(len(self.gains), self.channels),
            initializer="zeros",
        )
        self._stored = [
            self.add_weight(
                name=name,
                shape=(len(self.gains), size),
                initializer="zeros",
                trainable=False,
            )
            for name, size in (
                ("factors", self.channels),
                ("side_factors", side),
                ("start_levels", self.channels),
            )
        ]

    def call(self, inputs):
        side, code, quality = inputs
        factors = self.gain.factors(quality)
        means, _ = self.moments(side, quality, lambda means: means + code / factors)
        return factors * means + code

    def moments(self, side, quality, values):
        """Means and levels, both `(batch, h, w, channels)`, of values without gains.

        Args:
            side: side code, integers.
            quality: qualities, `(batch, 1)`.
            values: function from the means of the values that are known first to these
                values; it gets and returns all channels, of which only those are used.
        """
        features = self.synthesis(self.side_gain([side, nearest(quality)]))
        means, levels = ops.split(self.first(features), 2, axis=-1)
        early = self.early(means)
        context = self.context(early * values(means))
        late = self.second(ops.concatenate([features, context], axis=-1))
        late_means, late_levels = ops.split(late, 2, axis=-1)
        means = means + (1 - early) * late_means
        levels = levels + (1 - early) * late_levels
        return means, between(self._start_levels(), quality) + STEP * levels

    def early(self, x):
        """1 for the values that are known first, 0 for the others."""
        ones = ops.ones_like(x[..., :1])
        odd = (ops.cumsum(ones, axis=1) + ops.cumsum(ones, axis=2)) % 2
        half = np.float32(np.arange(self.channels) >= self.channels // 2)
        return ops.cast(ops.equal(odd, half), "float32")

    def finish(self):
        """Rounds the network and stores the factors, unless those stored fit."""
        for network in self._convolutions():
            for weight in network.weights:
                values = np.rint(ops.convert_to_numpy(weight) / FINEST) * FINEST
                weight.assign(np.clip(values, -LARGEST, LARGEST))
        gains = (ops.exp(gain.log_factors) for gain in (self.gain, self.side_gain))
        for kept, fresh in zip(
            self._stored, (*gains, self._start_levels()), strict=True
        ):
            # Machines compute these with different rounding; files need the same.
            same = (ops.convert_to_numpy(values) for values in (kept, fresh))
            if not np.allclose(*same, rtol=1e-5, atol=1e-5):
                kept.assign(fresh)

    def networks(self) -> Networks:
        """The weights that determine means and scales in files."""
        parts = (
            [
                tuple(_exact(weight) for weight in layer.weights)
                for layer in getattr(network, "layers", [network])
                if layer.weights
            ]
            for network in self._convolutions()
        )
        return Networks(*parts, *map(_exact, self._stored), step=STEP)

    def _start_bias(self, shape, dtype):
        """Means of 0, and levels that fit the spreads."""
        bias = np.zeros(shape)
        # The standard deviation of a logistic distribution is 1.8 of its scale.
        levels = np.log(np.divide(self.spreads, 1.8) / SCALES[0]) / RATIO
        bias[self.channels : self.channels + len(levels)] = (levels - START) / STEP
        return ops.convert_to_tensor(bias, dtype)

    def _start_levels(self):
        """Level for an output of 0, at each quality, by the gains and shifts."""
        return START + self.gain.log_factors / np.float32(RATIO) + self.shifts

    def _convolutions(self):
        return self.synthesis, self.first, self.context, self.second

    def compute_output_shape(self, input_shape):
        return input_shape[1]

    def get_config(self):
        return {
            **super().get_config(),
            "channels": self.channels,
            "gains": self.gains,
            "spreads": self.spreads,
            "hidden": self.hidden,
            "l1": self.l1,
            "l2": self.l2,
        }


def _exact(weight) -> np.ndarray:
    return ops.convert_to_numpy(weight).astype("float64")
