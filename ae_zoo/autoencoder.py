"""The model every family builds: corruption -> encoder -> bottleneck -> decoder."""

import functools

import keras
import numpy as np

from ae_zoo import losses
from ae_zoo.errors import NotGenerativeError, UnknownNameError


@keras.saving.register_keras_serializable("ae_zoo")
class Autoencoder(keras.Model):
    """An autoencoder as one functional Keras model.

    Calling it reconstructs its input; `fit(x, x)` trains it. Families build it
    for you (`ae_zoo.models.vae(...)`), and a model built by a registered family
    can be saved and rebuilt by Keras.

    Args:
        backbone: gives the encoder and builds the decoder, see `ae_zoo.backbones`.
        bottleneck: a `Bottleneck` layer, from the encoder's output to the code.
        corruption: optional layer that damages the input in training. One with a map
            (`ae_zoo.layers.MappedNoise`) is no part of the model, whose input it makes.
        loss: 'mse' (squared error an example), 'mae' (absolute error an example), 'bce'
            or 'cce' (nats an example); what `compile()` uses when it is given none.
        output: activation of the output, 'sigmoid' for data in [0, 1], 'softmax' for
            probabilities along the last axis, or 'linear'.

    Attributes:
        encoder, bottleneck, decoder, corruption: the four parts.
        feature_keys: names that `features` takes; the last is 'code'.

    Example:

        model = ae_zoo.models.conv_ae(input_shape=(28, 28, 1), latent_dim=32)
        model.compile()
        model.fit(x, x)
        codes = model.encode(x)
    """

    def __init__(
        self,
        backbone,
        bottleneck,
        corruption=None,
        loss="mse",
        output="sigmoid",
        **kwargs,
    ):
        if loss == "bce" and output != "sigmoid":
            raise ValueError(
                f"loss='bce' needs values in [0, 1]: use output='sigmoid', not "
                f"{output!r}."
            )
        if loss == "cce" and output != "softmax":
            raise ValueError(
                f"loss='cce' needs probabilities: use output='softmax', not {output!r}."
            )
        losses.get(loss)  # refuse an unknown name now, not at compile time
        inputs = keras.Input(backbone.input_shape, name="input")
        inside = corruption is not None and not corruption.has_map
        x = corruption(inputs) if inside else inputs
        code = bottleneck.connect(backbone.encoder, x)
        decoder = backbone.decoder(bottleneck, activation=output)
        writer = getattr(backbone, "writer", None)
        outputs = decoder(code) if writer is None else writer([code, inputs])
        super().__init__(inputs, outputs, **kwargs)

        self.backbone = backbone
        self.encoder = backbone.encoder
        self.bottleneck = bottleneck
        self.decoder = decoder
        self.corruption = corruption
        self.recommended_loss = loss
        self.feature_keys = (*backbone.feature_names, "code")
        self.family = None  # with `arguments`, stamped by the family registry
        self.arguments = None
        self._views = _Views(inputs, code, backbone.encoder)

    @property
    def latent_dim(self) -> int:
        """Size of the code."""
        return self.bottleneck.latent_dim

    def encode(self, x, batch_size: int = 256) -> np.ndarray:
        """Deterministic codes `(n, latent_dim)` of `x` (a VAE's mean)."""
        return self.features(x, "code", batch_size)

    def decode(self, z, batch_size: int = 256) -> np.ndarray:
        """Examples `(n, *input_shape)` for codes `(n, latent_dim)`."""
        return self.decoder.predict(z, batch_size=batch_size, verbose=0)

    def reconstruct(self, x, batch_size: int = 256) -> np.ndarray:
        """`decode(encode(x))`: same shape and range as `x`."""
        return self.predict(x, batch_size=batch_size, verbose=0)

    def features(self, x, key: str | None = None, batch_size: int = 256) -> np.ndarray:
        """Activations of the encoder at `key`, one of `feature_keys`.

        Args:
            x: inputs `(n, *input_shape)`.
            key: name of the layer; None means 'code'.

        Raises:
            UnknownNameError: `key` is not in `feature_keys`.
        """
        return self.view(key).predict(x, batch_size=batch_size, verbose=0)

    def view(self, key: str | None = None) -> keras.Model:
        """The model from inputs to `features(x, key)`, whose weights are this one's."""
        key = key or "code"
        if key not in self.feature_keys:
            known = ", ".join(self.feature_keys)
            raise UnknownNameError(f"Unknown feature {key!r}; choose one of {known}.")
        return self._views.get(key)

    def sample(self, n: int = 1, seed: int | None = None) -> np.ndarray:
        """`n` new examples, decoded from codes drawn from the prior.

        Raises:
            NotGenerativeError: the family has no prior.
        """
        if not self.bottleneck.generative:
            raise NotGenerativeError(
                f"{self.name!r} cannot generate: its code has no prior. Use a "
                "variational family such as 'vae'."
            )
        return self.decode(self.bottleneck.sample_prior(n, seed))

    def interpolate(self, start, end, steps: int = 8) -> np.ndarray:
        """Walk in a straight line between the codes of two examples.

        Args:
            start, end: one example each, shape `input_shape`.
            steps: number of points, both ends included.

        Returns:
            `(steps, *input_shape)`.
        """
        first, last = self.encode(np.stack([start, end]))
        weights = np.linspace(0.0, 1.0, steps, dtype=first.dtype)[:, None]
        return self.decode((1 - weights) * first + weights * last)

    def compile(self, optimizer=None, loss=None, **kwargs):
        """As Keras's, with Adam at 1e-3, the family's loss and XLA where it pays."""
        kwargs.setdefault("jit_compile", xla_pays())
        super().compile(
            optimizer=optimizer or keras.optimizers.Adam(1e-3),
            loss=loss or losses.get(self.recommended_loss),
            **kwargs,
        )

    def get_compile_config(self):
        return keras.Model.get_compile_config(self)

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    def get_config(self):
        if self.family is None:
            raise ValueError(
                "Only models built by a registered family can be saved: put the "
                "call into a function decorated with ae_zoo.models.register."
            )
        return {"family": self.family, **self.arguments}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        from ae_zoo import models

        config = dict(config)
        return models.build(config.pop("family"), **config)


def xla_pays() -> bool | str:
    """Keras's `jit_compile` by device: TensorFlow's XLA uses one core of a CPU only."""
    if keras.backend.backend() != "tensorflow":
        return "auto"
    return "auto" if keras.distribution.list_devices("gpu") else False


class _Views:
    """Inference sub-models, built when first used.

    A plain object, so that Keras neither tracks nor saves what it holds.
    """

    def __init__(self, inputs, code, encoder):
        self.inputs, self.code, self.encoder = inputs, code, encoder
        self.get = functools.cache(self._build)

    def _build(self, key):
        if key == "code":
            return keras.Model(self.inputs, self.code, name="code")
        return keras.Model(
            self.encoder.inputs, self.encoder.get_layer(key).output, name=key
        )
