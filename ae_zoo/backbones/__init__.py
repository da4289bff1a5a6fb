"""Encoder and decoder pairs: the choice that follows from the data.

A backbone is built for one input shape. It has an `encoder`, a functional model
from the input to a flat vector h, a `decoder(bottleneck, activation)` that
builds the mirrored model from the code to the input's shape, and
`feature_names`, the encoder's layers worth looking at. One whose decoder reads what it
has written has a `writer`, the layer that in training takes the truth beside the code.
"""

from ae_zoo.backbones.conv import ConvBackbone
from ae_zoo.backbones.conv1d import Conv1DBackbone
from ae_zoo.backbones.convlstm import ConvLSTMBackbone
from ae_zoo.backbones.dense import DenseBackbone
from ae_zoo.backbones.recurrent import RecurrentBackbone
from ae_zoo.errors import UnknownNameError

BACKBONES = {
    "dense": DenseBackbone,
    "conv": ConvBackbone,
    "conv1d": Conv1DBackbone,
    "recurrent": RecurrentBackbone,
    "convlstm": ConvLSTMBackbone,
}


def get(name: str, input_shape, **options):
    """The backbone called `name`, one of `BACKBONES`, for `input_shape`."""
    if name not in BACKBONES:
        raise UnknownNameError(
            f"Unknown backbone {name!r}; choose one of {', '.join(BACKBONES)}."
        )
    return BACKBONES[name](input_shape, **options)


__all__ = [
    "BACKBONES",
    "Conv1DBackbone",
    "ConvBackbone",
    "ConvLSTMBackbone",
    "DenseBackbone",
    "RecurrentBackbone",
    "get",
]
