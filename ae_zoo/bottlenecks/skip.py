"""The bottleneck of networks with skips."""

import keras

from ae_zoo.bottlenecks.base import Bottleneck
from ae_zoo.code import Views


@keras.saving.register_keras_serializable("ae_zoo")
class SkipBottleneck(Bottleneck):
    """Passes every scale of a pyramid on unchanged: the code is the whole pyramid."""

    penalty_name = None

    def code(self, h):
        return h

    def connect(self, encoder, x):
        return Views(encoder(x))
