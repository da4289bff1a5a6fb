"""The convolution that the backbones of photographs are made of."""

from keras import layers

from ae_zoo.layers.bottleneck import weight_penalty


def convolve(x, filters, kernel_size, kind=layers.Conv2D, l1=0.0, l2=0.0, **options):
    """A new convolution applied to `x`, padded, its kernel penalised by `l1`, `l2`."""
    penalty = weight_penalty(l1, l2)
    options |= {"padding": "same", "kernel_regularizer": penalty}
    return kind(filters, kernel_size, **options)(x)
