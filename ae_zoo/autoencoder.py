"""The model that every family builds, and its public methods."""

import functools
from collections.abc import Sequence

import keras
import numpy as np

from ae_zoo import inference, layer_state, losses, registry
from ae_zoo.bottlenecks.base import Bottleneck
from ae_zoo.code import POOLS, Code, Views
from ae_zoo.errors import InputError, NotGenerativeError, UnknownNameError
from ae_zoo.priors.posterior import Posterior


@keras.saving.register_keras_serializable("ae_zoo")
class Autoencoder(keras.Model):
    """An autoencoder as one functional Keras model.

    Calling it reconstructs its input; `fit(x, x)` trains it. Families build it
    for you (`ae_zoo.models.vae(...)`), most of them by `ae_zoo.assemble.join`, and a
    model built by a registered family can be saved and rebuilt by Keras.

    A code, `z` below, is an array `(n, *shape)`, or for a pyramid a list of arrays.

    Args:
        inputs, outputs: the finished graph, from examples to their reconstructions.
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
        *,
        encoder: keras.Model,
        decoder: keras.Model,
        views: Views,
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
        super().__init__(inputs, outputs, **kwargs)
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
        return _Networks(self.views, self.encoder, self.bottleneck)

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

    def interpolate(self, start, end, steps: int = 8) -> np.ndarray:
        """Decodes codes on a straight line between the codes of two examples.

        Args:
            start, end: one example each, shape `input_shape`.
            steps: number of points, both ends included.

        Returns:
            `(steps, *input_shape)`.
        """
        ends = self.encode(np.stack([start, end]))
        return self.decode(self.code.lerp(ends, steps))

    def bottlenecks(self) -> list[Bottleneck]:
        """The bottleneck layers of the graph."""
        return [layer for layer in self.layers if isinstance(layer, Bottleneck)]

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

    def fit(self, x=None, y=None, *args, **kwargs):
        """Trains as Keras does. Without `y` the targets are the inputs.

        After an error or Ctrl-C, it calls `on_train_error` of the callbacks that have
        it, where Keras calls nothing.

        Raises:
            InputError: `x` is an array that the model does not take.
        """
        x, y = self._examples(x, y)
        try:
            return super().fit(x, y, *args, **kwargs)
        except BaseException:
            for callback in keras.tree.flatten(kwargs.get("callbacks")):
                getattr(callback, "on_train_error", lambda: None)()
            raise

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """Evaluates as Keras does; `y` and errors as for `fit`."""
        return super().evaluate(*self._examples(x, y), *args, **kwargs)

    def compute_loss(self, x=None, y=None, y_pred=None, *args, **kwargs):
        return super().compute_loss(x, self._target(x, y), y_pred, *args, **kwargs)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, self._target(x, y), y_pred, sample_weight)

    def compile(self, optimizer=None, loss="auto", **kwargs):
        """Compiles as Keras does, by default with Adam at 1e-3, and XLA if faster.

        Args:
            optimizer: None for Adam at 1e-3.
            loss: 'auto' for the family's reconstruction loss; None for only the losses
                that layers add.
            **kwargs: further arguments of Keras's `compile`.
        """
        kwargs.setdefault("jit_compile", xla_pays())
        if loss == "auto":
            name = self.recommended_loss
            loss = None if name is None else losses.get(name)
        super().compile(
            optimizer=optimizer or keras.optimizers.Adam(1e-3), loss=loss, **kwargs
        )
        # Now, not in the graph of the first step, which would take twice as long.
        self.optimizer.build(self.trainable_variables)

    def get_compile_config(self):
        return keras.Model.get_compile_config(self)

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))

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

    def _examples(self, x, y):
        """Arrays are checked; data sets, whose batches have both, pass."""
        if not isinstance(x, (list, tuple)) and not hasattr(x, "shape"):
            return x, y
        x = self._check(x)
        return x, self._target(x, y)

    def _target(self, x, y):
        """The target; where the user gave none, the input."""
        if y is None and self.takes_map:
            raise InputError(
                f"{self.name!r} takes damaged pictures with a map: pass the undamaged "
                "pictures as y, or train it by a recipe."
            )
        return x if y is None else y

    def _check(self, x) -> np.ndarray:
        """Examples as `inference.check_examples` gives them."""
        bounded = (self.arguments or {}).get("output") != "linear"
        return inference.check_examples(x, self.input_shape[1:], bounded)

    def _infer(self, model: keras.Model, x, batch_size: int):
        """Outputs of a model with this one's inputs, for examples that are checked."""
        return inference.run(model, self._check(x), batch_size)

    def _check_discrete(self) -> None:
        if self.views.indices is None or self.bottleneck is None:
            raise InputError(
                f"{self.name!r} has a continuous code without indices: use a family "
                "such as 'fsq_ae'."
            )


def xla_pays() -> bool | str:
    """Keras's `jit_compile` by device; on a CPU TensorFlow's XLA uses one core only."""
    if keras.backend.backend() != "tensorflow":
        return "auto"
    return "auto" if keras.distribution.list_devices("gpu") else False


class _Networks:
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
