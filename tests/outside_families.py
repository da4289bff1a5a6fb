"""Families as a user registers them outside the package: one for each kind of code.

They take images `(12, 12, 1)`, or their rows as a sequence `(12, 12)`.
"""

import keras
from keras import layers

from ae_zoo.assemble import join
from ae_zoo.autoencoder import Autoencoder
from ae_zoo.backbones import Conv1DBackbone, ConvBackbone, DenseBackbone
from ae_zoo.bottlenecks import FSQBottleneck, GaussianBottleneck, PlainBottleneck
from ae_zoo.code import Code, Views
from ae_zoo.registry import register

PAPER = "Nobody, 2026"


@register("outside_vector", PAPER, tasks=("features", "reconstruct"))
def outside_vector(input_shape=(12, 12, 1), latent_dim=5, output="sigmoid"):
    """A vector."""
    backbone = DenseBackbone(input_shape, hidden=(16,))
    return join(backbone, PlainBottleneck(latent_dim), output=output)


@register("outside_grid", PAPER, tasks=("features", "generate", "reconstruct"))
def outside_grid(input_shape=(12, 12, 1), latent_dim=3, loss="bce", output="sigmoid"):
    """A grid `(3, 3, 3)` with a prior."""
    backbone = ConvBackbone(input_shape, filters=(4, 8), flatten=False)
    bottleneck = GaussianBottleneck(latent_dim, seed=0)
    return join(backbone, bottleneck, loss=loss, output=output)


@register("outside_tokens", PAPER, tasks=("features", "reconstruct"))
def outside_tokens(input_shape=(12, 12), latent_dim=3, output="sigmoid"):
    """A sequence of tokens `(3, 3)`."""
    backbone = Conv1DBackbone(input_shape, filters=(4, 8), flatten=False)
    return join(backbone, PlainBottleneck(latent_dim), output=output)


@register("outside_indices", PAPER, tasks=("features", "reconstruct"))
def outside_indices(input_shape=(12, 12, 1), levels=(4, 3), output="sigmoid"):
    """A grid `(3, 3)` of integers below 12."""
    backbone = ConvBackbone(input_shape, filters=(4, 8), flatten=False)
    return join(backbone, FSQBottleneck(levels), output=output)


@register("outside_pyramid", PAPER, tasks=("features", "reconstruct"))
def outside_pyramid(input_shape=(12, 12, 1), widths=((2, 3), {"last": 4})):
    """Two grids, `(6, 6, 2)` and `(3, 3, 4)`: a finished graph, without parts."""
    (fine_width, _), coarse_width = widths[0], widths[1]["last"]
    inputs = keras.Input(input_shape)
    fine = layers.Conv2D(fine_width, 3, strides=2, padding="same", name="fine")(inputs)
    coarse = layers.Conv2D(coarse_width, 3, strides=2, padding="same")(fine)
    encoder = keras.Model(inputs, [fine, coarse], name="encoder")

    code = Code.of(encoder.outputs)
    scales = [keras.Input(shape) for shape in code.shapes]
    up = layers.Conv2DTranspose(fine_width, 3, strides=2, padding="same")(scales[1])
    up = layers.Add()([up, scales[0]])
    up = layers.Conv2DTranspose(1, 3, strides=2, padding="same")(up)
    decoder = keras.Model(scales, layers.Activation("sigmoid")(up), name="decoder")

    inputs = keras.Input(input_shape)
    z = encoder(inputs)
    inner = {"fine": encoder.get_layer("fine").output}
    return Autoencoder(
        inputs,
        decoder(z),
        encoder=encoder,
        decoder=decoder,
        views=Views(z, inner=inner),
        code=code,
    )


NAMES = ("vector", "grid", "tokens", "indices", "pyramid")
