"""Convolutions between images so small that a matrix product is faster.

If the coarser image is 2 x 2 or 1 x 1 and the kernel is large, TensorFlow's
convolutions are slow on a CPU. A product with all patches at once is up to three times
as fast, and about as fast where the kernel is small; `scripts/benchmark_convolution.py`
measures it.
"""

import functools

import keras
import numpy as np
from keras import layers, ops

SMALL = 2  # largest side of the coarser image for which the product is faster


@keras.saving.register_keras_serializable("ae_zoo")
class MatmulConv2D(layers.Conv2D):
    """Keras's `Conv2D` with `padding="same"` as one matrix product.

    For images of a fixed size.

    Shapes: `(batch, height, width, channels)` ->
    `(batch, ceil(height / stride), ceil(width / stride), filters)`.

    Raises:
        ValueError: when built, if the padding is not 'same', the channels are not
            last, or there are groups or a dilation.
    """

    def build(self, input_shape):
        _check(self, self.groups)
        super().build(input_shape)

    def convolution_op(self, inputs, kernel):
        _, height, width, channels = inputs.shape
        size = self.compute_output_shape(inputs.shape)[1:3]
        windows = _windows((height, width), self.kernel_size, self.strides)
        pixels = ops.reshape(inputs, (-1, height * width, channels))
        patches = ops.matmul(ops.convert_to_tensor(windows, inputs.dtype), pixels)
        taps = np.prod(self.kernel_size) * channels
        outputs = ops.matmul(
            ops.reshape(patches, (-1, taps)), ops.reshape(kernel, (taps, self.filters))
        )
        return ops.reshape(outputs, (-1, *size, self.filters))


@keras.saving.register_keras_serializable("ae_zoo")
class MatmulConv2DTranspose(layers.Conv2DTranspose):
    """Keras's `Conv2DTranspose` with `padding="same"` as one matrix product.

    For images of a fixed size.

    Shapes: `(batch, height, width, channels)` ->
    `(batch, height * stride, width * stride, filters)`.

    Raises:
        ValueError: as `MatmulConv2D`.
    """

    def build(self, input_shape):
        _check(self)
        super().build(input_shape)

    def call(self, inputs):
        channels = inputs.shape[-1]
        height, width = self.compute_output_shape(inputs.shape)[1:3]
        windows = _windows((height, width), self.kernel_size, self.strides)
        taps = np.prod(self.kernel_size) * self.filters
        kernel = ops.reshape(self.kernel, (taps, channels))
        pixels = ops.reshape(inputs, (-1, channels))
        patches = ops.matmul(pixels, ops.transpose(kernel))
        patches = ops.reshape(patches, (-1, len(windows), self.filters))
        outputs = ops.matmul(ops.convert_to_tensor(windows.T, inputs.dtype), patches)
        outputs = ops.reshape(outputs, (-1, height, width, self.filters))
        if self.use_bias:
            outputs = ops.add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)


def _check(layer, groups: int = 1) -> None:
    plain = layer.data_format == "channels_last" and groups == 1
    if layer.padding != "same" or not plain or set(layer.dilation_rate) != {1}:
        raise ValueError(
            f"{type(layer).__name__} needs padding='same' and channels last, without "
            f"groups or dilation; use keras.layers.{type(layer).__base__.__name__}."
        )


@functools.cache
def _windows(size, kernel_size, strides) -> np.ndarray:
    """The pixel that each tap of each window reads, `(windows * taps, pixels)`, 0 or 1.

    Windows, taps and pixels are numbered row by row; taps on the padding read none.
    """
    rows, columns = map(_windows_of_axis, size, kernel_size, strides)
    seen = np.einsum("akx,bly->abklxy", rows, columns)
    return seen.reshape(-1, size[0] * size[1])


def _windows_of_axis(size: int, kernel_size: int, stride: int) -> np.ndarray:
    """The same along one axis, `(windows, taps, pixels)`."""
    windows = -(-size // stride)
    before = max((windows - 1) * stride + kernel_size - size, 0) // 2
    first = np.arange(windows) * stride - before
    position = first[:, None, None] + np.arange(kernel_size)[:, None]
    return (position == np.arange(size)).astype("float32")
