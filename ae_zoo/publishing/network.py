"""The network to export: a part of a model, with names, and examples to compare by."""

import keras
import numpy as np
from keras import tree

from ae_zoo.autoencoder import Autoencoder
from ae_zoo.errors import InputError

EXAMPLES = 3
SIDES = (64, 128)  # of examples of any size, in turn


def build(model: keras.Model, part: str) -> keras.Model:
    """The network of a part, as it computes outside training.

    Its inputs have the names 'input' or 'code', with a number where there are several,
    or those of a Keras model that is no autoencoder; its outputs are a dictionary with
    the names 'code', 'reconstruction' or 'output'.

    Raises:
        InputError: the model has no such part, is not built, or computes in half
            precision.
    """
    _check(model, part)
    source, taken, given = model, [x.name for x in model.inputs], "output"
    if isinstance(model, Autoencoder):
        model.finish()  # as before saving
        source = _part_of(model, part)
        taken = _number("code" if part == "decoder" else "input", len(source.inputs))
        given = "code" if part == "encoder" else "reconstruction"
    inputs = [
        keras.Input(x.shape[1:], dtype=x.dtype, name=name)
        for x, name in zip(source.inputs, taken, strict=True)
    ]
    outputs = source(_arrange(source, inputs), training=False)
    outputs = tree.flatten(outputs)
    names = _number(given, len(outputs))
    return keras.Model(inputs, dict(zip(names, outputs, strict=True)), name=part)


def _part_of(model: Autoencoder, part: str) -> keras.Model:
    if part == "encoder":
        return model.code_encoder()
    return model.decoder if part == "decoder" else model


def examples(model: keras.Model, part: str, seed: int) -> list[np.ndarray]:
    """Inputs of a part, `EXAMPLES` each, in the range of values that the model takes.

    These are uniform in [0, 1], normal where the model's output is linear, one-hot
    where it is probabilities, damaged with their map where the model takes one, and
    codes of such inputs for a decoder.
    """
    if not isinstance(model, Autoencoder):
        rng = np.random.default_rng(seed)
        shapes = [(EXAMPLES, *_fix(x.shape[1:])) for x in model.inputs]
        drawn = [rng.random(shape) for shape in shapes]
        return [y.astype(x.dtype) for x, y in zip(model.inputs, drawn, strict=True)]
    x = _inputs(model, seed)
    return model.code.check(model.encode(x)) if part == "decoder" else [x]


def outputs(model: keras.Model, part: str, inputs: list[np.ndarray]) -> list:
    """What the model itself computes of these inputs, in the order of `build`."""
    if not isinstance(model, Autoencoder):
        found = model.predict_on_batch(_arrange(model, inputs))
    elif part == "decoder":
        found = model.decode(inputs)
    else:
        found = (model.encode if part == "encoder" else model.reconstruct)(inputs[0])
    return tree.flatten(found)


def rounds(model: keras.Model) -> bool:
    """Whether the code is of integers, which a difference of 1e-7 may change by 1."""
    if not isinstance(model, Autoencoder):
        return False
    return model.code.levels is not None or "compress" in model.tasks


def _arrange(model: keras.Model, values: list):
    """Values as the model takes its inputs: one, a list or a dictionary."""
    taken = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    return tree.pack_sequence_as(taken, values)


def _inputs(model: Autoencoder, seed: int) -> np.ndarray:
    step = model.backbone.shrink if model.backbone else 1
    step *= 4 if rounds(model) else 1  # a side code may be a fourth as high and wide
    *sides, channels = _fix(model.input_shape[1:], step)
    rng = np.random.default_rng(seed)
    if model.takes_map:
        x = rng.random((EXAMPLES, *sides, channels - 1), dtype="float32")
        return model.corruption.corrupt(x, seed)
    shape, output = (EXAMPLES, *sides, channels), (model.arguments or {}).get("output")
    if output == "linear":
        return rng.standard_normal(shape, dtype="float32")
    x = rng.random(shape, dtype="float32")
    if output == "softmax":
        return (x == x.max(axis=-1, keepdims=True)).astype("float32")
    return x


def _fix(shape, step: int = 1) -> list[int]:
    """The shape with multiples of `step` in place of None."""
    return [
        -(-SIDES[axis % len(SIDES)] // step) * step if side is None else side
        for axis, side in enumerate(shape)
    ]


def _number(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}_{i}" for i in range(count)]


def _check(model: keras.Model, part: str) -> None:
    if not isinstance(model, keras.Model):
        raise InputError(
            "Only a Keras model can be exported, or one that ae_zoo.load takes by its "
            f"name, not a {type(model).__name__}."
        )
    if part != "whole" and not isinstance(model, Autoencoder):
        raise InputError(
            f"{model.name!r} is no autoencoder, so it has no {part}: export it with "
            "part='whole'."
        )
    if not getattr(model, "inputs", None):
        raise InputError(
            f"{model.name!r} has no inputs yet: give its first layer a keras.Input."
        )
    if model.compute_dtype != "float32":
        raise InputError(
            f"{model.name!r} computes in {model.compute_dtype}: load it with "
            "dtype='float32', in which networks are exported."
        )
