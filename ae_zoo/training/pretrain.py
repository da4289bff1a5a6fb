"""Greedy layer-wise pretraining of stacked denoising autoencoders."""

from collections.abc import Iterator

import keras
from keras import ops

from ae_zoo.autoencoder import Autoencoder
from ae_zoo.corruptions.noise import MaskingCorruption


class _ReconstructionError(keras.layers.Layer):
    """Adds the squared error an example between two tensors to the loss."""

    def call(self, target, prediction):
        error = ops.square(ops.stop_gradient(target) - prediction)
        self.add_loss(ops.mean(ops.sum(ops.cast(error, "float32"), axis=-1)))
        return prediction


def pretraining_stages(
    model: Autoencoder, level: float = 0.25, seed: int = 0
) -> Iterator[keras.Model]:
    """Models that each train one layer of `model` to denoise the layer below.

    Layer by layer from the input on, the encoder's layer and its mirror in the
    decoder learn to restore the layer's input from a copy with a fraction `level`
    of the values set to zero; the layers below stay as they are. The weights are
    the model's own, the loss is added inside: compile each stage with an optimizer
    alone and fit it before asking for the next. All layers are trainable again after
    the last.

    Args:
        model: an autoencoder with a dense backbone, such as `stacked_ae`.
        level: fraction of values set to zero.
        seed: of the corruption.

    Raises:
        InputError: the backbone is not dense.

    Reference: Vincent et al., 2010, JMLR 11:3371-3408.
    """
    pairs = model.backbone.stack(model.decoder, model.bottleneck.projection)
    encoders = [encoder for encoder, _ in pairs]
    for depth, (encoder, decoder) in enumerate(pairs):
        inputs = keras.Input(model.input_shape[1:])
        h = keras.layers.Flatten()(inputs)
        for layer in encoders[:depth]:
            layer.trainable = False
            h = layer(h)
        damaged = MaskingCorruption(level, seed=seed + depth)(h)
        restored = decoder(encoder(damaged))
        if depth == 0:
            restored = model.decoder.layers[-1](restored)  # the output's activation
        yield keras.Model(
            inputs,
            _ReconstructionError()(h, restored),
            name=f"pretraining_{depth + 1}_of_{len(encoders)}",
        )
    for layer in encoders:
        layer.trainable = True


def pretrain_stack(
    model: Autoencoder,
    dataset,
    epochs: int = 5,
    learning_rate: float = 1e-3,
    level: float = 0.25,
    seed: int = 0,
    verbose=0,
) -> list[list[float]]:
    """Pretrains every layer of a dense autoencoder, see `pretraining_stages`.

    Args:
        model, level, seed: as there.
        dataset: batches `(x, x)`.
        epochs: passes over `dataset` for each layer.
        learning_rate: of Adam, which a cosine takes to 0.
        verbose: as in Keras's `fit`.

    Returns:
        Each layer's training loss by epoch, squared error an example.
    """
    losses = []
    for stage in pretraining_stages(model, level, seed):
        steps = epochs * int(dataset.cardinality())
        schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
        stage.compile(keras.optimizers.Adam(schedule), jit_compile=False)
        history = stage.fit(dataset, epochs=epochs, verbose=verbose)
        losses.append(history.history["loss"])
    return losses
