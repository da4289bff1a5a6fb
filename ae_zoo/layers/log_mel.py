"""Log-mel spectrograms of sounds."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("ae_zoo")
class LogMel(keras.layers.Layer):
    """Log-mel spectrograms of sound waves, independent of the loudness.

    The strongest value of each example becomes 1, and values `span` dB or more below it
    become 0. Uses Keras's `MelSpectrogram`.

    Args:
        bands: number of mel bands, from 0 Hz to half of the rate.
        rate: samples a second.
        window: samples of a frame's Hann window, 32 ms at 8 kHz.
        hop: samples from one frame to the next, 16 ms at 8 kHz.
        span: dB between 1 and 0.

    Shapes: `(batch, samples)`, float32, in any range -> `(batch, frames, bands)` in
    [0, 1], with `1 + samples // hop` frames, whose centres are `hop` apart.
    """

    def __init__(self, bands=40, rate=8000, window=256, hop=128, span=60.0, **kwargs):
        super().__init__(**kwargs | {"dtype": "float32", "trainable": False})
        self.bands, self.rate = bands, rate
        self.window, self.hop, self.span = window, hop, span
        self.spectrogram = keras.layers.MelSpectrogram(
            fft_length=2 * window,
            sequence_stride=hop,
            sequence_length=window,
            sampling_rate=rate,
            num_mel_bins=bands,
            min_freq=0.0,
            max_freq=rate / 2,
            power_to_db=False,
            dtype="float32",
        )

    def call(self, waves):
        power = ops.transpose(self.spectrogram(waves), (0, 2, 1))
        strongest = ops.max(power, axis=(1, 2), keepdims=True)
        level = 10 * ops.log10(ops.maximum(power / ops.maximum(strongest, 1e-20), 1e-9))
        return ops.clip(1 + level / self.span, 0, 1)

    def compute_output_shape(self, input_shape):
        batch, samples = input_shape
        frames = None if samples is None else 1 + samples // self.hop
        return (batch, frames, self.bands)

    def get_config(self):
        return {
            **super().get_config(),
            "bands": self.bands,
            "rate": self.rate,
            "window": self.window,
            "hop": self.hop,
            "span": self.span,
        }
