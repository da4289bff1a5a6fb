"""LiteRT files (.tflite), for phones and small computers."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ae_zoo.errors import ExportError


def write(network, path: Path) -> None:
    """Writes the file `path`, without loops where their number of steps is fixed.

    Raises:
        ExportError: LiteRT has operations of the network in no form.
    """
    try:
        with _unrolled(network):
            network.export(path, format="litert", verbose=False)
    except Exception as error:  # of a converter that only describes what it lacks
        if not (lacking := re.search(r"^Custom ops: (.+)", str(error), re.MULTILINE)):
            raise
        raise ExportError(
            f"LiteRT lacks operations of the network ({lacking[1]}): use the format "
            "'onnx' or 'saved_model'."
        ) from error


def run(path: Path, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray] | None:
    """The outputs for these inputs, each `(n, ...)`, by name.

    None where the file has operations of TensorFlow, and the interpreter lacks the Flex
    delegate, which computes them.
    """
    from ai_edge_litert.interpreter import Interpreter

    try:
        return Interpreter(str(path)).get_signature_runner()(**inputs)
    except RuntimeError as error:
        if flex_ops(path) and "Flex" in str(error):
            return None
        raise


def flex_ops(path: Path) -> list[str]:
    """The file's operations of TensorFlow, such as 'FlexTensorListStack'."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(path.read_bytes())
    codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
    names = {(code.CustomCode() or b"").decode() for code in codes}
    return sorted(name for name in names if name.startswith("Flex"))


@contextlib.contextmanager
def _unrolled(network) -> Iterator[None]:
    """Meanwhile recurrent layers repeat their step, instead of a loop.

    TensorFlow's loops need the Flex delegate. Where the input has no fixed size, the
    number of steps is unknown, and they stay.
    """
    import keras

    from ae_zoo import layer_state

    has_fixed_size = all(None not in x.shape[1:] for x in network.inputs)
    layers = [
        layer
        for _, layer in layer_state.walk(network)
        if has_fixed_size and isinstance(layer, keras.layers.RNN) and not layer.unroll
    ]
    try:
        for layer in layers:
            layer.unroll = True
        yield
    finally:
        for layer in layers:
            layer.unroll = False
