"""Pairs of encoder and decoder, one for each type of data."""

from ae_zoo.backbones.base import Backbone
from ae_zoo.backbones.conv import ConvBackbone
from ae_zoo.backbones.conv1d import Conv1DBackbone
from ae_zoo.backbones.convlstm import ConvLSTMBackbone
from ae_zoo.backbones.dense import DenseBackbone
from ae_zoo.backbones.recurrent import RecurrentBackbone
from ae_zoo.errors import UnknownNameError

BACKBONES = {
    kind.name: kind
    for kind in (
        DenseBackbone,
        ConvBackbone,
        Conv1DBackbone,
        RecurrentBackbone,
        ConvLSTMBackbone,
    )
}


def get(name: str, input_shape, **options) -> Backbone:
    """Builds the backbone called `name`, one of `BACKBONES`, for `input_shape`."""
    if name not in BACKBONES:
        raise UnknownNameError(
            f"Unknown backbone {name!r}; choose one of {', '.join(BACKBONES)}."
        )
    return BACKBONES[name](input_shape, **options)


__all__ = [
    "BACKBONES",
    "Backbone",
    "Conv1DBackbone",
    "ConvBackbone",
    "ConvLSTMBackbone",
    "DenseBackbone",
    "RecurrentBackbone",
    "get",
]
