"""Analysis and synthesis of learned compression, for pictures of any size.

Strided convolutions without activations, with a residual block at each inner scale
instead of the generalised divisive normalisation of Ballé et al., 2018
(arXiv:1802.01436).
"""

import functools

import keras
from keras import layers

from ae_zoo.backbones.base import Backbone
from ae_zoo.backbones.blocks import convolve
from ae_zoo.errors import InputError
from ae_zoo.layers.output_activation import OutputActivation
from ae_zoo.tasks.codec.quality import Gain, QualityOf, ScaledGradient


class CodecBackbone(Backbone):
    """Encodes a picture to latent values at 1 / 2^n of its size, and decodes them.

    Args:
        input_shape: `(height, width, channels + 1)`, multiples of 2^n or None; the last
            channel is the quality, an integer from 0 on, the same at every pixel.
        filters: channels after each halving; the last number is that of the code.
        balance: weight of an example's loss for each quality, lowest first.
        activation: activation of the hidden layers.
        l1, l2: weight penalties on the kernels.

    Attributes:
        reach: pixels between a pixel and the farthest latent value that it depends on
            or that depends on it.
        shrink: pixels between neighbouring latent values.

    Raises:
        InputError: the input is not a picture with a quality, or its size is wrong.
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
                f"Each of the {len(filters)} filters halves the picture: give filters, "
                f"and a height and width that are multiples of {self.shrink}, or None; "
                f"received {tuple(input_shape)}."
            )
        self.input_shape = tuple(input_shape)
        self.filters = tuple(filters)
        self.activation = activation
        self.l1, self.l2 = l1, l2
        self._convolve = functools.partial(convolve, l1=l1, l2=l2)
        # Inverse quantisation steps, from coarse to fine; rates about double.
        self.gains = tuple(2.0 ** (i / 2) for i in range(len(balance)))
        self.balance = tuple(balance)
        self._build()

    def _build(self):
        # Kernels of 5 and 4 pixels at each scale, and twice 3 in its residual block.
        self.reach = sum(2**i * (2 + 2 * 2) for i in range(len(self.filters) + 1))
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
        """Decoder from latent values and quality, the last arrays of the code."""
        latents, quality = (keras.Input(shape) for shape in code.shapes[-2:])
        inverse = tuple(1 / gain for gain in self.gains)
        x = Gain(inverse, name="inverse_gain")([latents, quality])
        widths = (self.input_shape[-1] - 1, *self.filters[:-1])
        for i in range(len(widths) - 1, -1, -1):  # remaining halvings
            x = self._convolve(x, widths[i], 4, layers.Conv2DTranspose, strides=2)
            if i:
                x = self._refine(x, widths[i], i, f"up_{i}")
        x = OutputActivation(activation)(x + 0.5)
        x = ScaledGradient(self.balance)([x, quality])
        return keras.Model([latents, quality], x, name="decoder")

    def _refine(self, x, width, halvings, name):
        """Adds a residual block, except at the finest scale, where it is too slow.

        The output has no activation, which would set half of the values to 0.
        """
        if halvings == 1:
            return layers.Identity(name=name)(x)
        h = self._convolve(layers.Activation(self.activation)(x), width, 3)
        h = self._convolve(layers.Activation(self.activation)(h), width, 3)
        return layers.Add(name=name)([x, h])
