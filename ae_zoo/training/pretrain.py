"""Greedy layer-wise pretraining of stacked denoising autoencoders."""

import keras
from keras import ops

from ae_zoo.autoencoder import Autoencoder
from ae_zoo.layers import MaskingCorruption


class _ReconstructionError(keras.layers.Layer):
    """Adds the squared error an example between two tensors to the loss."""

    def call(self, target, prediction):
        error = ops.square(ops.stop_gradient(target) - prediction)
        self.add_loss(ops.mean(ops.sum(error, axis=-1)))
        return prediction


def pretrain_stack(
    model: Autoencoder,
    dataset,
    epochs: int = 5,
    learning_rate: float = 1e-3,
    level: float = 0.25,
    seed: int = 0,
    callbacks=(),
    verbose=0,
) -> list[list[float]]:
    """Trains each layer of a dense autoencoder to denoise the layer below.

    Layer by layer from the input on, the encoder's layer and its mirror in the
    decoder learn to restore the layer's input from a copy with a fraction `level`
    of the values set to zero; the layers below stay as they are. The weights are
    the model's own: afterwards compile and fit the whole model.

    Args:
        model: an autoencoder with a dense backbone, such as `stacked_ae`.
        dataset: batches `(x, x)`.
        epochs: passes over `dataset` for each layer.
        learning_rate: of Adam, which a cosine takes to 0.
        level: fraction of values set to zero.
        seed: of the corruption.
        callbacks: Keras callbacks, given to each layer's `fit`.
        verbose: as in Keras's `fit`.

    Returns:
        Each layer's training loss by epoch, squared error an example.

    Reference: Vincent et al., 2010, JMLR 11:3371-3408.
    """
    backbone = model.backbone
    encoders = [*backbone.encoder_layers, model.bottleneck.projection]
    decoders = list(reversed(backbone.decoder_layers))
    losses = []
    for depth, (encoder, decoder) in enumerate(zip(encoders, decoders, strict=True)):
        inputs = keras.Input(backbone.input_shape)
        h = keras.layers.Flatten()(inputs)
        for layer in encoders[:depth]:
            layer.trainable = False
            h = layer(h)
        damaged = MaskingCorruption(level, seed=seed + depth)(h)
        restored = decoder(encoder(damaged))
        if depth == 0:
            restored = model.decoder.layers[-1](restored)  # the output's activation
        stage = keras.Model(inputs, _ReconstructionError()(h, restored))
        steps = epochs * int(dataset.cardinality())
        schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
        # Not by XLA, which on CPUs draws the masks several times slower.
        stage.compile(keras.optimizers.Adam(schedule), jit_compile=False)
        history = stage.fit(
            dataset, epochs=epochs, callbacks=list(callbacks), verbose=verbose
        )
        losses.append(history.history["loss"])
    for layer in encoders:
        layer.trainable = True
    return losses
