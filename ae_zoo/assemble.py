"""Joins corruption, encoder, bottleneck and decoder into one model."""

import keras

from ae_zoo.autoencoder import Autoencoder
from ae_zoo.backbones.base import Backbone
from ae_zoo.bottlenecks.base import Bottleneck
from ae_zoo.bottlenecks.plain import PlainBottleneck
from ae_zoo.code import Code
from ae_zoo.corruptions.base import Corruption

# Losses that need a certain activation of the output.
_OUTPUTS = {"bce": ("sigmoid", "values in [0, 1]"), "cce": ("softmax", "probabilities")}


def join(
    backbone: Backbone,
    bottleneck: Bottleneck,
    corruption: Corruption | None = None,
    loss: str | None = "mse",
    output: str = "sigmoid",
) -> Autoencoder:
    """Joins four parts to an autoencoder.

    Args:
        backbone: provides the encoder and builds the decoder.
        bottleneck: layer from the encoder's output to the code.
        corruption: corruption of the input in training. A mapped one is not part of the
            model, whose input already has the map.
        loss: 'mse' (squared error an example), 'mae' (absolute error an example), 'bce'
            or 'cce' (nats an example), the default of `compile()`; None if the layers
            add the whole loss.
        output: activation of the output, 'sigmoid' for data in [0, 1], 'softmax' for
            probabilities along the last axis, or 'linear'.

    Raises:
        ValueError: the loss needs another output.
        InputError: the backbone cannot decode the bottleneck's code.
    """
    if loss in _OUTPUTS and output != _OUTPUTS[loss][0]:
        needed, values = _OUTPUTS[loss]
        raise ValueError(
            f"loss={loss!r} needs {values}: use output={needed!r}, not {output!r}."
        )
    inputs = keras.Input(backbone.input_shape, name="input")
    inside = corruption is not None and not corruption.mapped
    encoder = backbone.encoder
    views = bottleneck.connect(encoder, corruption(inputs) if inside else inputs)
    views.inner.update(
        (name, encoder.get_layer(name).output) for name in backbone.feature_names
    )
    code = Code.of(views.code, bottleneck.levels)
    decoder = backbone.decoder(code, output, tied=bottleneck.projection)
    decoder = bottleneck.wrap(decoder)
    return Autoencoder(
        inputs,
        backbone.reconstruct(decoder, views.code, inputs),
        encoder=encoder,
        decoder=decoder,
        views=views,
        code=code,
        prior=bottleneck.prior,
        loss=loss,
        backbone=backbone,
        bottleneck=bottleneck,
        corruption=corruption,
    )


def join_plain(
    backbone: Backbone, latent_dim: int, loss: str, output: str, activation=None
) -> Autoencoder:
    """Builds a plain autoencoder: a projection to the code, no corruption."""
    bottleneck = PlainBottleneck(
        latent_dim, activation, l1=backbone.l1, l2=backbone.l2, name="bottleneck"
    )
    return join(backbone, bottleneck, loss=loss, output=output)
