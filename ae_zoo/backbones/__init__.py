"""Pairs of encoder and decoder, one for each type of data."""

import inspect

from ae_zoo.backbones.base import Backbone
from ae_zoo.backbones.conv import ConvBackbone
from ae_zoo.backbones.conv1d import Conv1DBackbone
from ae_zoo.backbones.convlstm import ConvLSTMBackbone
from ae_zoo.backbones.dense import DenseBackbone
from ae_zoo.backbones.recurrent import RecurrentBackbone
from ae_zoo.errors import InputError, UnknownNameError

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
    """Builds the backbone called `name`, one of `BACKBONES`, for `input_shape`.

    Raises:
        UnknownNameError: there is no such backbone.
        InputError: it does not take one of the options.
    """
    if not isinstance(name, str) or name not in BACKBONES:
        raise UnknownNameError(
            f"Unknown backbone {name!r}; choose one of {', '.join(BACKBONES)}."
        )
    _, *known = inspect.signature(BACKBONES[name]).parameters
    if unknown := [option for option in options if option not in known]:
        raise InputError(
            f"The {name} backbone takes no {', '.join(unknown)}: give only its own "
            f"options, {', '.join(known)}."
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
