"""Keras callbacks that autoencoders need."""

import keras


class PenaltyWarmup(keras.callbacks.Callback):
    """Raises the bottleneck's penalty linearly to its full weight.

    Starting with a small KL divergence keeps a variational autoencoder from
    switching its code off early (Bowman et al., 2016, arXiv:1511.06349).

    Args:
        epochs: epochs until the penalty has its full weight.
    """

    def __init__(self, epochs: int):
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        scale = min(1.0, (epoch + 1) / self.epochs)
        self.model.bottleneck.penalty_scale.assign(scale)
