"""ONNX files, by Keras's exporter, which uses tf2onnx."""

import functools
import logging
from pathlib import Path

import numpy as np


def write(network, path: Path) -> None:
    """Writes the file `path`, with the network's names and shapes."""
    import onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    _add_erfc()
    network(network.inputs)  # Keras refuses models that were never called
    network.export(path, format="onnx", verbose=False)
    file = onnx.load(path)
    tensors = {x.name: x for x in network.inputs} | network.output
    for value in (*file.graph.input, *file.graph.output):
        _describe(value, tensors[value.name])
    for node in file.graph.node:
        _correct_padding(node)
    onnx.save(file, path)


def run(path: Path, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs for these inputs, each `(n, ...)`, by name."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def _correct_padding(node) -> None:
    """Has a transposed convolution cut an odd pixel at the end, as TensorFlow does.

    Where tf2onnx knows the output's shape but not the input's, it leaves the padding to
    ONNX, which by default cuts it at the start.
    """
    from onnx import helper

    attributes = {attribute.name for attribute in node.attribute}
    if "output_shape" in attributes and "auto_pad" not in attributes:
        node.attribute.append(helper.make_attribute("auto_pad", "SAME_UPPER"))


def _describe(value, tensor) -> None:
    """Gives an input or output its shape, and names to axes of any size."""
    del value.type.tensor_type.shape.dim[:]
    for axis, side in enumerate(tensor.shape):
        dim = value.type.tensor_type.shape.dim.add()
        if side is not None:
            dim.dim_value = side
        else:
            dim.dim_param = f"{value.name}_{axis}" if axis else "batch"


@functools.cache
def _add_erfc() -> None:
    """Teaches tf2onnx TensorFlow's Erfc, of which Keras's 'gelu' is made."""
    from tf2onnx import utils
    from tf2onnx.handler import tf_op

    @tf_op("Erfc")
    class Erfc:
        @classmethod
        def version_9(cls, graph, node, **options):
            """1 - Erf(x)."""
            (x,), (y,) = node.input, node.output
            shapes, dtypes = [graph.get_shape(y)], [graph.get_dtype(y)]
            dtype = utils.map_onnx_to_numpy_type(dtypes[0])
            one = graph.make_const(utils.make_name("one"), np.ones((), dtype))
            graph.remove_node(node.name)
            erf = graph.make_node("Erf", [x], shapes=shapes, dtypes=dtypes)
            graph.make_node(
                "Sub",
                [one.output[0], erf.output[0]],
                outputs=[y],
                shapes=shapes,
                dtypes=dtypes,
            )
