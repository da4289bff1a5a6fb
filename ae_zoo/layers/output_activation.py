"""The last activation of a decoder, from which a loss gets the logits."""

import weakref

import keras

_LOGITS = {}  # by the id of an output that takes no attribute


@keras.saving.register_keras_serializable("ae_zoo")
class OutputActivation(keras.layers.Activation):
    """Keras's `Activation` in float32, which remembers the logits of a sigmoid.

    In float32 a sigmoid is 1 from a logit of 17 on, without a gradient: only from the
    logits is a cross-entropy right there. `logits_of` finds them as long as the output
    itself reaches the loss, on every backend.

    Args:
        activation: name of the activation.
    """

    def __init__(self, activation, **kwargs):
        super().__init__(activation, **kwargs | {"dtype": "float32"})

    def call(self, inputs):
        outputs = super().call(inputs)
        if self.activation is keras.activations.sigmoid:
            _remember(outputs, inputs)
        return outputs


def logits_of(outputs):
    """The logits of an `OutputActivation`'s sigmoid; None for any other tensor."""
    found = getattr(outputs, "ae_zoo_logits", None)
    return _LOGITS.get(id(outputs)) if found is None else found


def _remember(outputs, logits) -> None:
    try:
        outputs.ae_zoo_logits = logits
    except AttributeError:  # JAX, where it compiles
        _LOGITS[id(outputs)] = logits
        weakref.finalize(outputs, _LOGITS.pop, id(outputs))
