"""Strided convolutions and their transposes, for images of any size."""

import math

import keras
from keras import layers

from ae_zoo.errors import InputError
from ae_zoo.layers.bottleneck import weight_penalty


class ConvBackbone:
    """Convolutions that halve the image, mirrored in the decoder.

    Sizes that do not divide by two are padded on the way down and cropped back
    on the way up, so any image size works.

    Args:
        input_shape: `(height, width, channels)`.
        filters: channels after each halving.
        kernel_size: side of the kernels.
        activation: activation of the hidden layers.
        dropout: rate after each halving.
        l1, l2: weight penalties on the kernels.
    """

    def __init__(
        self,
        input_shape,
        filters=(32, 64),
        kernel_size=3,
        activation="gelu",
        dropout=0.0,
        l1=0.0,
        l2=0.0,
    ):
        if len(input_shape) != 3:
            raise InputError(
                "The conv backbone takes images, input_shape=(height, width, "
                f"channels); received {tuple(input_shape)}. Use backbone='dense'."
            )
        self.input_shape = tuple(input_shape)
        self.filters = tuple(filters)
        self.kernel_size = kernel_size
        self.activation = activation
        self.l1, self.l2 = l1, l2

        inputs = keras.Input(self.input_shape)
        h = inputs
        for i, channels in enumerate(self.filters, 1):
            h = layers.Conv2D(channels, name=f"conv_{i}", **self._options())(h)
            if dropout:
                h = layers.SpatialDropout2D(dropout)(h)
        self.encoder = keras.Model(inputs, layers.Flatten()(h), name="encoder")
        self.feature_names = tuple(f"conv_{i}" for i in range(1, len(filters) + 1))

    def _options(self):
        return {
            "kernel_size": self.kernel_size,
            "strides": 2,
            "padding": "same",
            "activation": self.activation,
            "kernel_regularizer": weight_penalty(self.l1, self.l2),
        }

    def decoder(self, bottleneck, activation) -> keras.Model:
        """Model from the code to `input_shape`, with `activation` at the end."""
        height, width, channels = self.input_shape
        sizes = [(height, width)]
        for _ in self.filters:
            sizes.append(tuple(math.ceil(side / 2) for side in sizes[-1]))
        smallest = (*sizes.pop(), self.filters[-1])

        inputs = keras.Input((bottleneck.latent_dim,))
        x = layers.Dense(
            math.prod(smallest),
            activation=self.activation,
            kernel_regularizer=weight_penalty(self.l1, self.l2),
            name="expand",
        )(inputs)
        x = layers.Reshape(smallest)(x)
        outputs = [channels, *self.filters[:-1]]
        for i, (size, n) in enumerate(zip(sizes[::-1], outputs[::-1], strict=True)):
            options = self._options()
            if i == len(sizes) - 1:
                options["activation"] = None
            x = layers.Conv2DTranspose(n, name=f"deconv_{i + 1}", **options)(x)
            surplus = [(0, x.shape[axis + 1] - size[axis]) for axis in (0, 1)]
            if any(extra for _, extra in surplus):
                x = layers.Cropping2D(surplus)(x)
        x = layers.Activation(activation, dtype="float32")(x)
        return keras.Model(inputs, x, name="decoder")
