"""What convolutional backbones are made of."""

import math

from keras import layers

from ae_zoo.bottlenecks.base import weight_penalty


def convolve(x, filters, kernel_size, kind=layers.Conv2D, l1=0.0, l2=0.0, **options):
    """A new convolution applied to `x`, padded, its kernel penalised by `l1`, `l2`."""
    penalty = weight_penalty(l1, l2)
    options |= {"padding": "same", "kernel_regularizer": penalty}
    return kind(filters, kernel_size, **options)(x)


def expand(code, shape, activation, l1=0.0, l2=0.0):
    """The first layers of a decoder: from a flat code to a map of a shape."""
    penalty = weight_penalty(l1, l2)
    x = layers.Dense(
        math.prod(shape), activation, kernel_regularizer=penalty, name="expand"
    )(code)
    return layers.Reshape(shape)(x)
