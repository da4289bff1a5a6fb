"""The model that every family builds, and its public methods."""

import functools
from collections.abc import Sequence

import keras
import numpy as np

from ae_zoo import inference, layer_state, losses, registry
from ae_zoo.bottlenecks.base import Bottleneck
from ae_zoo.code import POOLS, Code, Views
from ae_zoo.errors import InputError, NotGenerativeError, UnknownNameError
from ae_zoo.networks import Networks
from ae_zoo.priors.posterior import Posterior
from ae_zoo.trainable import Trainable

PATHS = {"linear": Code.lerp, "spherical": Code.slerp}  # between two codes


@keras.saving.register_keras_serializable("ae_zoo")
class Autoencoder(Trainable):
    """An autoencoder as one functional Keras model.

    Calling it reconstructs its input; `fit(x, x)` trains it. Families build it
    for you (`ae_zoo.models.vae(...)`), most of them by `ae_zoo.assemble.join`, and a
    model built by a registered family can be saved and rebuilt by Keras.

    A code, `z` below, is an array `(n, *shape)`, or for a pyramid a list of arrays.

    Args:
        inputs, outputs: the finished graph, from examples to their reconstructions.
        name: name of the model.
        encoder: model from examples to the bottleneck's input.
        decoder: model from codes to examples.
        views: tensors of the graph: the code and, if there are any, its indices, its
            posterior and inner layers.
        code: shape and kind of the code; None takes it from the views.
        prior: distribution of the code; None if the model cannot generate.
        loss: name of the reconstruction loss that `compile()` uses, see
            `ae_zoo.losses`; None if the layers add the whole loss.
        backbone, bottleneck, corruption: the parts of the model, if it has them.

    Attributes:
        feature_keys: names that `features` takes; the last is 'code'.
        family, arguments: name and arguments of the registered family that built the
            model, or None.
        tasks: tasks that the family supports.

    Example:

        model = ae_zoo.models.conv_ae(input_shape=(28, 28, 1), latent_dim=32)
        model.compile()
        model.fit(x, x)
        codes = model.encode(x)
    """

    def __init__(
        self,
        inputs,
        outputs,
        name: str | None = None,
        *,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        views: Views | None = None,
        code: Code | None = None,
        prior=None,
        loss: str | None = "mse",
        backbone=None,
        bottleneck: Bottleneck | None = None,
        corruption=None,
        **kwargs,
    ):
        if loss is not None:
            losses.get(loss)  # raises for an unknown name now, not at compile time
        if encoder is None or decoder is None or views is None:
            # Such is the call by which keras.models.clone_model makes a copy.
            raise InputError(
                "An Autoencoder needs its encoder, decoder and views: instead of by "
                "keras.models.clone_model, copy it by "
                "type(model).from_config(model.get_config())."
            )
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.views = views
        self.code = code or Code.of(views.code)
        self.prior = prior
        self.recommended_loss = loss
        self.backbone = backbone
        self.bottleneck = bottleneck
        self.corruption = corruption
        self.feature_keys = (*views.inner, "code")
        self.family = None  # with the next two, stamped by the registry
        self.arguments = None
        self.tasks = ()

    @functools.cached_property
    def _networks(self):
        return Networks(self.views, self.encoder, self.bottleneck)

    def _network(self, *keys: str) -> keras.Model:
        return self._networks.get(*keys)

    @property
    def takes_map(self) -> bool:
        """Whether the last channel of the input is the corruption's map."""
        return self.corruption is not None and self.corruption.mapped

    def encode(self, x, indices: bool = False, batch_size: int = 256):
        """Deterministic codes `z` of examples `(n, *input_shape)`; the mean for a VAE.

        Args:
            x: examples.
            indices: whether to return a discrete code as integers.
            batch_size: number of examples at a time.

        Raises:
            InputError: `indices` is set but the code is continuous.
        """
        if indices:
            self._check_discrete()
        network = self._network("indices" if indices else "code")
        return self._infer(network, x, batch_size)

    def decode(self, z, indices: bool = False, batch_size: int = 256) -> np.ndarray:
        """Decodes codes to examples `(n, *input_shape)`.

        Args:
            z: codes, or with `indices` the integers of a discrete code.
            indices: see `encode`.
            batch_size: number of examples at a time.

        Raises:
            InputError: the codes have another shape, or `indices` is set but the code
                is continuous.
        """
        if indices:
            self._check_discrete()
            z = keras.ops.convert_to_numpy(self.bottleneck.values(z))
        # A grid of another size would give another picture.
        return inference.run(self.decoder, self.code.check(z), batch_size)

    def reconstruct(self, x, batch_size: int = 256) -> np.ndarray:
        """`decode(encode(x))`, of the same shape and range as `x`."""
        return self._infer(self, x, batch_size)

    def features(
        self,
        x,
        key: str | Sequence[str] | None = None,
        pool: str | None = None,
        batch_size: int = 256,
    ):
        """Activations of the encoder at `key`, one of `feature_keys`.

        Args:
            x: inputs `(n, *input_shape)`.
            key: name of the layer, or several names, computed in one pass; None means
                'code'.
            pool: None for unchanged activations, 'flatten' for all values of an example
                in a row, 'mean' for the mean over its positions.
            batch_size: number of examples at a time.

        Returns:
            An array, or for a pyramid a list of arrays; with `pool`, rows `(n, size)`.
            For several keys a dictionary of these.

        Raises:
            UnknownNameError: `key` is not in `feature_keys`, or `pool` is unknown.
        """
        if pool is not None and pool not in POOLS:
            raise UnknownNameError(
                f"Unknown pool {pool!r}; choose one of {', '.join(POOLS)}."
            )
        one = key is None or isinstance(key, str)
        keys = list(dict.fromkeys(map(self._feature, [key] if one else key)))
        if not keys:
            raise UnknownNameError("There is no key: give one of feature_keys.")
        found = self._infer(self._network(*keys), x, batch_size)
        found = found if len(keys) > 1 else [found]
        if pool is not None:
            found = [POOLS[pool](Code.of(z), z) for z in found]
        return found[0] if one else dict(zip(keys, found, strict=True))

    def code_encoder(self, key: str | None = None) -> keras.Model:
        """The network from examples to their code, for models of your own.

        It is deterministic, adds no penalty of the autoencoder to your loss, and shares
        its weights: training or freezing one changes the other. `fit`, saving and
        export work as for any Keras model.

        Args:
            key: one of `feature_keys`, for the network up to this layer; None means
                'code'.

        Raises:
            UnknownNameError: there is no such layer.

        Example:

            encoder = model.code_encoder()
            head = keras.layers.Dense(10, activation="softmax")
            classifier = keras.Sequential([encoder, head])
        """
        return self._network(self._feature(key))

    def posterior(self, x, batch_size: int = 256) -> Posterior:
        """The distribution q(z|x) of the codes of examples `(n, *input_shape)`.

        Raises:
            InputError: the code is deterministic.
        """
        if self.views.posterior is None:
            raise InputError(
                f"{self.name!r} has no posterior: its code is deterministic. Use a "
                "variational family such as 'vae'."
            )
        return Posterior(*self._infer(self._network("posterior"), x, batch_size))

    def sample(
        self, n: int = 1, seed: int | None = None, temperature: float = 1.0
    ) -> np.ndarray:
        """`n` new examples, decoded from codes drawn from the prior.

        Args:
            n: number of examples.
            seed: integer; the same seed gives the same examples.
            temperature: factor on the spread of the codes.

        Raises:
            NotGenerativeError: the family has no prior.
        """
        if self.prior is None:
            raise NotGenerativeError(
                f"{self.name!r} cannot generate: its code has no prior. Use a "
                "variational family such as 'vae'."
            )
        return self.decode(self.prior.sample(n, seed, temperature))

    def interpolate(
        self, start, end, steps: int = 8, method: str = "linear"
    ) -> np.ndarray:
        """Decodes codes on a path between the codes of two examples.

        Args:
            start, end: one example each, shape `input_shape`.
            steps: number of points, both ends included.
            method: 'linear', on a straight line, or 'spherical', on an arc around 0,
                for Gaussian codes of many dimensions, see `Code.slerp`.

        Returns:
            `(steps, *input_shape)`.

        Raises:
            InputError: `start` or `end` is no example, or `steps` no integer above 0.
            UnknownNameError: there is no such method.

        Example:

            frames = vae.interpolate(x[0], x[1], steps=16, method="spherical")
        """
        inference.check_count("steps", steps)
        if method not in PATHS:
            raise UnknownNameError(
                f"Unknown method {method!r}; choose one of {', '.join(PATHS)}."
            )
        ends = [inference.as_example(x, self.input_shape[1:]) for x in (start, end)]
        if ends[0].shape != ends[1].shape:
            raise InputError(
                f"The examples have shapes {ends[0].shape} and {ends[1].shape}: pass "
                "two of one size."
            )
        return self.decode(PATHS[method](self.code, self.encode(np.stack(ends)), steps))

    def traverse(
        self, x, dims: int | Sequence[int] | None = None, span: float = 3.0, steps=7
    ) -> np.ndarray:
        """Latent traversals: decodes the code of `x` with one dimension varied.

        With a prior, the dimension takes values from `-span` to `span` standard
        deviations of the prior, and the others stay as they are. Without one, where
        nothing says which values are usual, `-span` to `span` is added to its own
        value, in units of the code. Of a grid and of tokens, a dimension is a channel,
        changed at all positions alike. A discrete code takes the nearest of its values.

        Args:
            x: one example, shape `input_shape`.
            dims: numbers of the dimensions, from 0; None for all of them.
            span: half of the range of values.
            steps: number of values.

        Returns:
            `(dimensions, steps, *input_shape)`.

        Raises:
            InputError: `x` is no example, the code has no such dimensions, or it is a
                pyramid, which has several arrays.

        Example:

            rows = vae.traverse(x[0], dims=[0, 3, 7], span=2.0, steps=9)
        """
        inference.check_count("steps", steps)
        dims = self._dimensions(dims)
        if not (isinstance(span, (int, float, np.number)) and np.isfinite(span)):
            raise InputError(f"span must be a finite number, not {span!r}.")
        values = np.linspace(-span, span, steps, dtype="float32")
        if self.prior is not None:
            values = self.prior.mean + self.prior.deviation * values
        z = self.encode(inference.as_example(x, self.input_shape[1:])[None])
        z = self.code.traverse(z, dims, values, replace=self.prior is not None)
        if self.bottleneck is not None:
            z = self.bottleneck.nearest(z)
        decoded = self.decode(z)
        return decoded.reshape(len(dims), steps, *decoded.shape[1:])

    def finish(self) -> None:
        """Updates all that bottlenecks compute from trained weights.

        `save` and `ae_zoo.save` call it.
        """
        for bottleneck in self.bottlenecks():
            bottleneck.finish()

    def save(self, *args, **kwargs):
        """Saves as Keras does, after `finish`."""
        self.finish()
        super().save(*args, **kwargs)

    def get_config(self):
        if self.family is None:
            raise InputError(
                "Only models built by a registered family can be saved: put the "
                "call into a function decorated with ae_zoo.registry.register."
            )
        config = {"family": self.family, **self.arguments}
        if (policy := self.dtype_policy.name) != "float32":
            config["dtype_policy"] = policy
        if state := layer_state.read(self):
            config["layer_state"] = state
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        model = registry.from_config(config)
        layer_state.restore(model, config.get("layer_state", {}))
        return model

    def _feature(self, key: str | None) -> str:
        """The key itself, 'code' for None; UnknownNameError if there is no such one."""
        if key is not None and key not in self.feature_keys:
            known = ", ".join(self.feature_keys)
            raise UnknownNameError(f"Unknown feature {key!r}; choose one of {known}.")
        return key or "code"

    def _dimensions(self, dims) -> list[int]:
        """Numbers of the code's channels, checked; None stands for all."""
        if self.code.kind == "pyramid":
            raise InputError(
                f"The code of {self.name!r} is a pyramid, whose arrays hold pictures "
                "rather than latent factors: use a family with one array, such as "
                "'vae'."
            )
        channels = self.code.shapes[0][-1]
        if dims is None:
            return list(range(channels))
        dims = np.atleast_1d(np.asarray(dims))
        numbers = dims.ndim == 1 and dims.dtype.kind in "iu" and dims.size
        if not numbers or dims.min() < 0 or dims.max() >= channels:
            raise InputError(
                f"The code of {self.name!r} has the dimensions 0 to {channels - 1}: "
                "pass some of these as dims, or None for all."
            )
        return dims.tolist()

    def _infer(self, model: keras.Model, x, batch_size: int):
        """Outputs of a model with this one's inputs, for examples that are checked."""
        return inference.run(model, self._check(x), batch_size)

    def _check_discrete(self) -> None:
        if self.views.indices is None or self.bottleneck is None:
            raise InputError(
                f"{self.name!r} has a continuous code without indices: use a family "
                "such as 'fsq_ae'."
            )
