"""The interface of every bottleneck."""

import keras
from keras import ops

from ae_zoo.code import Views
from ae_zoo.errors import InputError
from ae_zoo.priors.base import Prior


class Bottleneck(keras.layers.Layer):
    """The layer from the encoder's output to the code.

    Subclasses override the methods that they support. With `training=False` the output
    is always the deterministic code.

    Attributes:
        levels: number of different integers that the indices of a discrete code may
            be; None for a continuous code.
        projection: the Dense layer from the encoder's output to the code, which a tied
            decoder transposes, or None.
        prior: the distribution of the code; None if the family cannot generate.
        sparse: whether the code is meant to have few active units.
        penalty_name: the field's word for the penalty, by which logs show it; None if
            the layer adds none.
    """

    levels: int | None = None
    sparse = False
    penalty_name: str | None = "penalty"
    penalty_scale: keras.Variable | None = None

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        # Not of the class, which would hide the layer under PyTorch.
        self.projection: keras.layers.Dense | None = None

    @property
    def prior(self) -> Prior | None:
        return None

    def connect(self, encoder: keras.Model, x) -> Views:
        """Applies encoder and bottleneck to a symbolic `x`; returns the views."""
        return Views(self(encoder(x)))

    def code(self, h):
        """The deterministic code of an encoder's symbolic output, without penalties.

        For graphs whose loss must not change; a bottleneck that adds penalties in
        `call` overrides it.
        """
        return self(h)

    def wrap(self, decoder: keras.Model) -> keras.Model:
        """The decoder of the code, built around the backbone's decoder."""
        return decoder

    def unwrap(self, decoder: keras.Model) -> keras.Model:
        """The backbone's decoder inside a decoder that `wrap` built."""
        return decoder

    def values(self, indices):
        """Converts the integers of a discrete code to the code.

        Raises:
            InputError: the code is continuous.
        """
        raise InputError(
            f"{type(self).__name__} has a continuous code without indices: use a "
            "family such as 'fsq_ae'."
        )

    def nearest(self, z):
        """The possible codes nearest to `z`; all are possible unless discrete."""
        return z

    def entropy_model(self):
        """The probabilities of a code of integers, for `ae_zoo.tasks.Compressor`.

        Raises:
            InputError: the code is not made for compression.
        """
        raise InputError(
            f"{type(self).__name__} does not compress: use a family such as "
            "'hyperprior_ae'."
        )

    def finish(self) -> None:
        """Updates all that is computed from trained weights, before saving."""

    def add_penalty_scale(self) -> None:
        """Adds the factor of the penalty as a weight; call it in `build`."""
        # A weight, so that a warm-up can change it between compiled steps.
        self.penalty_scale = self.add_weight(
            name="penalty_scale", shape=(), initializer="ones", trainable=False
        )

    def scale_penalty(self, scale: float) -> None:
        """Multiplies the penalty, if there is one, by `scale` from now on."""
        if self.penalty_scale is not None:
            self.penalty_scale.assign(scale)

    def full_penalty(self, value):
        """The penalty at its full weight, from what the layer has added to the loss."""
        if self.penalty_scale is None:
            return value
        scale = ops.cast(self.penalty_scale, value.dtype)
        return ops.divide_no_nan(value, scale)

    def save_own_variables(self, store):
        """Saves the full penalty: a warm-up belongs to the training, not the model."""
        scale = None
        if self.penalty_scale is not None:
            scale = float(ops.convert_to_numpy(self.penalty_scale))
            self.penalty_scale.assign(1.0)
        super().save_own_variables(store)
        if scale is not None:
            self.penalty_scale.assign(scale)

    def add_penalty(self, value) -> None:
        """Adds `value`, a scalar averaged over the batch, to the loss."""
        scaled = ops.cast(self.penalty_scale, "float32") * ops.cast(value, "float32")
        self.add_loss(ops.cast(scaled, keras.config.floatx()))  # as Keras's losses
