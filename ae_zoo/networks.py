"""The networks from examples to the views of an autoencoder's graph."""

import functools

import keras

from ae_zoo.code import Views


class Networks:
    """Networks from examples to views, built when first used.

    A plain object, so that Keras neither tracks nor saves its contents.
    """

    def __init__(self, views: Views, encoder: keras.Model, bottleneck):
        self.tensors = views.inner | {
            "indices": views.indices,
            "posterior": views.posterior,
        }
        # Not the tensors of the training's graph, which has penalties and noise.
        self.tensors["code"] = (
            bottleneck.code(encoder.output) if bottleneck else views.code
        )
        self.get = functools.cache(self._build)

    def _build(self, *keys: str) -> keras.Model:
        found = [self.tensors[key] for key in keys]
        outputs = found if len(keys) > 1 else found[0]
        first = keras.tree.flatten(outputs)[0]
        # Inner layers belong to the encoder's graph, which has its own input.
        inputs = keras.utils.get_source_inputs(first)
        inputs = inputs if len(inputs) > 1 else inputs[0]
        return keras.Model(inputs, outputs, name=keys[-1])
