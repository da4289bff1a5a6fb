"""Analysis and synthesis of learned compression, for pictures of any size.

Strided convolutions without activations, with a residual block at each inner scale in
the place of the generalised divisive normalisation of Ballé et al., 2018
(arXiv:1802.01436).
"""

import functools

import keras
from keras import layers

from ae_zoo.backbones.base import Backbone
from ae_zoo.backbones.blocks import convolve
from ae_zoo.errors import InputError
from ae_zoo.tasks.codec.quality import Gain, QualityOf, ScaledGradient


class CodecBackbone(Backbone):
    """From a picture to latents of a 2^n-th of its size, and back.

    Args:
        input_shape: `(height, width, channels + 1)`, multiples of 2^n or None; the last
            channel is the quality, an integer from 0 on, everywhere the same.
        filters: channels after each halving; the last are the latents.
        balance: of each quality, lowest first, the weight of an example's loss.
        activation: activation of the hidden layers.
        l1, l2: weight penalties on the kernels.

    Attributes:
        reach: pixels between a pixel and the farthest latent that it depends on or
            that depends on it.
        shrink: pixels between two latents.

    Raises:
        InputError: the input is no picture with a quality, or has another size.
    """

    def __init__(
        self,
        input_shape,
        filters=(48, 80, 96, 240),
        balance=(1.0,) * 6,
        activation="relu",
        l1=0.0,
        l2=0.0,
    ):
        if len(input_shape) != 3 or input_shape[-1] < 2:
            raise InputError(
                "Compression takes pictures, input_shape=(height, width, channels + 1);"
                f" received {tuple(input_shape)}."
            )
        self.shrink = 2 ** len(filters)
        if not filters or any((side or 0) % self.shrink for side in input_shape[:2]):
            raise InputError(
                f"{len(filters)} filters halve the picture as often: give filters, and "
                f"a height and width that {self.shrink} divides, or None; received "
                f"{tuple(input_shape)}."
            )
        self.input_shape = tuple(input_shape)
        self.filters = tuple(filters)
        self.activation = activation
        self.l1, self.l2 = l1, l2
        self._convolve = functools.partial(convolve, l1=l1, l2=l2)
        # Steps of the quantisation, from coarse to fine: rates double or so.
        self.gains = tuple(2.0 ** (i / 2) for i in range(len(balance)))
        self.balance = tuple(balance)
        # 5 and 4 pixels wide at each scale, and 3 and 3 in its residual block.
        self.reach = sum(2**i * (2 + 2 * 2) for i in range(len(filters) + 1))

        inputs = keras.Input(self.input_shape)
        quality = QualityOf()(inputs[..., -1:])
        x = inputs[..., :-1] - 0.5
        for i, width in enumerate(self.filters, 1):
            x = self._convolve(x, width, 5 if i == 1 else 4, strides=2)
            if i < len(self.filters):
                x = self._refine(x, width, i, f"scale_{i}")
        latents = Gain(self.gains, name="gain")([x, quality])
        self.encoder = keras.Model(inputs, [latents, quality], name="encoder")
        self.feature_names = tuple(f"scale_{i}" for i in range(1, len(self.filters)))

    def decoder(self, code, activation, tied=None):
        """The model from latents and quality, the last arrays of the code."""
        latents, quality = (keras.Input(shape) for shape in code.shapes[-2:])
        inverse = tuple(1 / gain for gain in self.gains)
        x = Gain(inverse, name="inverse_gain")([latents, quality])
        widths = (self.input_shape[-1] - 1, *self.filters[:-1])
        for i in range(len(widths) - 1, -1, -1):  # halvings that are left
            x = self._convolve(x, widths[i], 4, layers.Conv2DTranspose, strides=2)
            if i:
                x = self._refine(x, widths[i], i, f"up_{i}")
        x = layers.Activation(activation, dtype="float32")(x + 0.5)
        x = ScaledGradient(self.balance)([x, quality])
        return keras.Model([latents, quality], x, name="decoder")

    def _refine(self, x, width, halvings, name):
        """Adds, but at the costly finest scale, what a block of two activations says.

        What it is added to has no activation, which would lose half of the values.
        """
        if halvings == 1:
            return layers.Identity(name=name)(x)
        h = self._convolve(layers.Activation(self.activation)(x), width, 3)
        h = self._convolve(layers.Activation(self.activation)(h), width, 3)
        return layers.Add(name=name)([x, h])
