"""Building blocks of convolutional backbones."""

import math

import keras
from keras import layers

from ae_zoo.code import Code
from ae_zoo.errors import InputError
from ae_zoo.layers.weight_penalty import weight_penalty


def convolve(x, filters, kernel_size, kind=layers.Conv2D, l1=0.0, l2=0.0, **options):
    """Applies a new padded convolution, its kernel penalised by `l1` and `l2`."""
    penalty = weight_penalty(l1, l2)
    options |= {"padding": "same", "kernel_regularizer": penalty}
    return kind(filters, kernel_size, **options)(x)


def start(code: Code, shape, activation, l1=0.0, l2=0.0):
    """The input of a decoder, and the feature map of `shape` made from it.

    A dense layer expands a vector. A grid or tokens already are the map, with any
    number of channels.

    Raises:
        InputError: the code does not have the positions of the map.
    """
    inputs = keras.Input(code.shapes[0])
    if code.kind == "vector":
        penalty = weight_penalty(l1, l2)
        x = layers.Dense(
            math.prod(shape), activation, kernel_regularizer=penalty, name="expand"
        )(inputs)
        return inputs, layers.Reshape(shape)(x)
    if code.shapes[0][:-1] != tuple(shape[:-1]):
        raise InputError(
            f"The decoder starts with {shape[:-1]} positions, but the code has "
            f"{code.shapes[0][:-1]}: use the bottleneck behind the same backbone."
        )
    return inputs, inputs
