"""Changes of the user in the layers of a built model: frozen and quantised ones.

A family's arguments say how to build a model, not what became of its layers later. So
that `keras.saving.load_model` gives them back, the config holds these changes too.
"""

from collections.abc import Iterator

import keras


def walk(layer: keras.Layer, path: str = "", seen=None) -> Iterator[tuple]:
    """Each layer inside once, with its path, outer ones first."""
    seen = set() if seen is None else seen
    if id(layer) in seen:
        return
    seen.add(id(layer))
    yield path, layer
    if isinstance(layer, keras.Model):
        inner = dict(enumerate(layer.layers))
    else:
        inner = {
            name: each
            for name, each in sorted(vars(layer).items())
            if isinstance(each, keras.Layer)
        }
    for name, each in inner.items():
        yield from walk(each, f"{path}/{name}", seen)


def read(model: keras.Model) -> dict:
    """The changes, as plain values for a config; empty if there are none."""
    layers = dict(walk(model))
    frozen = [path for path, layer in layers.items() if not layer.trainable]
    modes = {path: layer.quantization_mode for path, layer in layers.items()}
    quantized = {path: mode for path, mode in modes.items() if mode is not None}
    found = {"frozen": frozen, "quantized": quantized}
    return {key: value for key, value in found.items() if value}


def restore(model: keras.Model, state: dict) -> None:
    """Makes the changes that `read` found in a model built by the same arguments."""
    layers = dict(walk(model))
    for path, mode in state.get("quantized", {}).items():
        layers[path].quantize(mode)
    if frozen := state.get("frozen"):
        for path, layer in layers.items():  # each before its own layers
            layer.trainable = path not in frozen
