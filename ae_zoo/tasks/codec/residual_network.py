"""Analysis and synthesis of learned compression up to qualities that look perfect."""

import functools

import keras
from keras import layers

from ae_zoo.tasks.codec import start
from ae_zoo.tasks.codec.network import CodecBackbone
from ae_zoo.tasks.codec.quality import Gain, QualityOf, ScaledGradient


class ResidualCodecBackbone(CodecBackbone):
    """As `CodecBackbone`, with narrow residual blocks and a start that can code.

    The strided convolutions start as the transforms of `ae_zoo.tasks.codec.start` and
    their inverses, the residual blocks as nothing: before training, the network codes
    blocks of pixels as JPEG does. Latent values do not depend on the quality: the
    bottleneck multiplies them by its gains, and the decoder divides them.

    Args:
        input_shape, filters, balance, activation, l1, l2: as for `CodecBackbone`.
        blocks: number of residual blocks at each inner scale, but one at the finest.
        gains: factor of the latent values at the start, for each quality.

    Attributes:
        reach, shrink: as for `CodecBackbone`.
        spreads: about the standard deviation of each latent channel at the start; the
            channels that it lacks are 0.

    Raises:
        InputError: as `CodecBackbone`.
    """

    def __init__(
        self,
        input_shape,
        filters,
        blocks,
        balance,
        gains,
        activation="relu",
        l1=0.0,
        l2=0.0,
    ):
        # The finest scale is slow.
        self.blocks = (min(1, blocks), *[blocks] * (len(filters) - 2), 0)
        self._starts = tuple(gains)
        super().__init__(
            input_shape,
            filters=filters,
            balance=balance,
            activation=activation,
            l1=l1,
            l2=l2,
        )

    def _build(self):
        self.gains = self._starts
        self.reach = sum(
            # Strided kernels reach 2 pixels of the finer scale, blocks 1 of their own.
            2 * 2**i + blocks * 2 ** (i + 1)
            for i, blocks in enumerate(self.blocks)
        )
        channels = self.input_shape[-1] - 1
        self._transforms, self.spreads = start.transforms(channels, self.filters)
        inputs = keras.Input(self.input_shape)
        quality = QualityOf()(inputs[..., -1:])
        x = inputs[..., :-1] - 0.5
        for i, width in enumerate(self.filters):
            last = i == len(self.filters) - 1
            x = self._convolve(
                x,
                width,
                4 if i else 5,
                strides=2,
                kernel_initializer=self._start(i),
                # Half precision is too coarse for large latent values.
                dtype="float32" if last else None,
            )
            if not last:
                x = self._refine(x, i, f"scale_{i + 1}")
        self.encoder = keras.Model(inputs, [x, quality], name="encoder")
        self.feature_names = tuple(f"scale_{i}" for i in range(1, len(self.filters)))

    def decoder(self, code, activation, tied=None):
        """Decoder from latent values times gains, and quality."""
        latents, quality = (keras.Input(shape) for shape in code.shapes[-2:])
        inverse = tuple(1 / gain for gain in self.gains)
        x = Gain(inverse, inverse=True, name="inverse_gain")([latents, quality])
        widths = (self.input_shape[-1] - 1, *self.filters[:-1])
        for i in range(len(widths) - 1, -1, -1):  # remaining halvings
            x = self._convolve(
                x,
                widths[i],
                4,
                layers.Conv2DTranspose,
                strides=2,
                kernel_initializer=self._start(i, transposed=True),
                dtype="float32" if i == len(widths) - 1 else None,
            )
            if i:
                x = self._refine(x, i - 1, f"up_{i}")
        x = layers.Activation("linear", dtype="float32")(x)
        x = layers.Activation(activation, dtype="float32")(x + 0.5)
        x = ScaledGradient(self.balance)([x, quality])
        return keras.Model([latents, quality], x, name="decoder")

    def _start(self, i, transposed=False):
        """Initialiser of the strided convolution between scales i and i + 1."""

        def initialise(shape, dtype):
            random = keras.initializers.GlorotUniform()(shape, "float32")
            kernel = keras.ops.convert_to_numpy(random)
            kernel = start.begin(kernel, self._transforms[i], transposed)
            return keras.ops.convert_to_tensor(kernel, dtype)

        return initialise

    def _refine(self, x, scale, name):
        """Adds narrow residual blocks to the outputs of the scale's convolution."""
        width = self.filters[scale]
        activate = functools.partial(layers.Activation, self.activation)
        for _ in range(self.blocks[scale]):
            h = self._convolve(x, width // 2, 1)
            h = self._convolve(activate()(h), width // 2, 3)
            h = self._convolve(activate()(h), width, 1, kernel_initializer="zeros")
            x = layers.Add()([x, h])
        return layers.Identity(name=name)(x)
