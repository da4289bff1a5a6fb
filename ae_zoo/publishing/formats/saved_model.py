"""TensorFlow's SavedModel: a folder for programs with TensorFlow, without Keras."""

from pathlib import Path

import numpy as np


def write(network, path: Path) -> None:
    """Writes the folder `path`, whose function `serve` is the network."""
    network.export(path, format="tf_saved_model", verbose=False)


def run(path: Path, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs for these inputs, each `(n, ...)`, by name."""
    import tensorflow as tf

    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    outputs = serve(**{name: tf.constant(x) for name, x in inputs.items()})
    return {name: y.numpy() for name, y in outputs.items()}
