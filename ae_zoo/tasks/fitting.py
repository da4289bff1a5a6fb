"""Training and prediction on rows, for scikit-learn estimators."""

import contextlib
import inspect
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from ae_zoo import registry
from ae_zoo.errors import AeZooError, InputError, InputTypeError
from ae_zoo.tasks.arguments import as_integer, as_model, check_positive, check_table

if TYPE_CHECKING:
    from ae_zoo.autoencoder import Autoencoder

_STEPS_WORTH_COMPILING = 10  # fewer take less time than tracing the graph


@dataclass(frozen=True)
class Fitting:
    """Settings of the training of a family on rows.

    Attributes:
        family: name of the family.
        latent_dim: size of the code; None for the family's default, but at most the
            number of values in a row.
        epochs: passes over the rows.
        batch_size: rows per step.
        learning_rate: learning rate of Adam.
        arguments: further arguments of the family.
    """

    family: str
    latent_dim: int | None = None
    epochs: int = 50
    batch_size: int = 64
    learning_rate: float = 1e-3
    arguments: dict = field(default_factory=dict)

    def build(self, shape: tuple[int, ...]) -> "Autoencoder":
        """Builds the family for rows of a shape, with any values.

        Raises:
            InputError: the family takes pictures, or does not take `latent_dim` or
                another argument.
        """
        chosen = registry.family(self.family)
        own = {
            name: parameter.default
            for name, parameter in inspect.signature(chosen.build).parameters.items()
        }
        if None in own.get("input_shape", ()):
            raise InputError(
                f"{self.family!r} takes pictures of any size and has no code of one "
                "size: choose another family, such as 'dense_ae'."
            )
        wanted = {"loss": "mse", "output": "linear", "backbone": "dense"}
        arguments = {key: wanted[key] for key in wanted if key in own}
        arguments["input_shape"] = shape
        if "latent_dim" in own:
            size = self.latent_dim or min(own["latent_dim"], math.prod(shape))
            arguments["latent_dim"] = size
        elif self.latent_dim is not None:
            raise InputError(
                f"{self.family!r} takes no latent_dim: give its own arguments, "
                f"{', '.join(chosen.arguments)}, in model_arguments."
            )
        try:
            return chosen.build(**arguments | self.arguments)
        except AeZooError:
            raise
        except (TypeError, ValueError, AttributeError, LookupError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise InputError(
                f"model_arguments do not fit {self.family!r} ({reason}): it takes "
                f"{', '.join(chosen.arguments)}."
            ) from error

    def train(
        self, rows: np.ndarray, rng: np.random.RandomState
    ) -> tuple["Autoencoder", list[float]]:
        """Builds the family and trains it, without a global random state.

        Args:
            rows: `(n, *shape)`, float32, scaled; may be a view of windows, which
                is copied batch by batch.
            rng: determines the initial weights, the order of the rows and the noise.

        Returns:
            The model and the mean loss of each epoch.
        """
        import keras

        with _keras_seed(rng.randint(2**31 - 1)):
            model = self.build(rows.shape[1:])
        shape = model.input_shape[1:]
        if None in shape or math.prod(shape) != math.prod(rows.shape[1:]):
            raise InputError(
                f"The input_shape {shape} does not hold examples of {rows.shape[1:]}: "
                "leave it out of model_arguments, or give one of as many values."
            )
        steps = self.epochs * math.ceil(len(rows) / self.batch_size)
        model.compile(
            optimizer=keras.optimizers.Adam(float(self.learning_rate)),
            run_eagerly=steps < _STEPS_WORTH_COMPILING,
        )
        return model, [self._epoch(model, rows, rng) for _ in range(self.epochs)]

    def _epoch(self, model, rows: np.ndarray, rng: np.random.RandomState) -> float:
        """One pass in random order, full batches only; returns the mean loss."""
        size = min(self.batch_size, len(rows))
        order = rng.permutation(len(rows))
        model.reset_metrics()
        for start in range(0, len(order) - size + 1, size):
            batch = rows[order[start : start + size]]
            batch = batch.reshape(size, *model.input_shape[1:])
            loss = model.train_on_batch(batch, batch)  # mean since the reset
        return float(loss)


def check_training(estimator) -> None:
    """Refuses arguments of an estimator that cannot be those of a training.

    Raises:
        InputError: names the argument and the values it may have.
    """
    for name in ("epochs", "batch_size"):
        as_integer(name, getattr(estimator, name))
    check_positive("learning_rate", estimator.learning_rate)
    if estimator.latent_dim is not None:
        as_integer("latent_dim", estimator.latent_dim)
    if not isinstance(estimator.model_arguments, (dict, type(None))):
        raise InputError(
            "model_arguments must be a dictionary of a family's arguments, not "
            f"{estimator.model_arguments!r}."
        )
    try:
        check_random_state(estimator.random_state)
    except ValueError as error:
        raise InputError(f"random_state is unfit: {error}.") from error


def check_rows(estimator, X, **options):
    """As scikit-learn's `validate_data`, with errors of ae_zoo for wrong types.

    Raises:
        InputError: X is no table, or holds something else than numbers.
        ValueError: scikit-learn's, for wrong shapes and values.
    """
    check_table(X)
    try:
        return validate_data(estimator, X, **options)
    except TypeError as error:
        raise InputTypeError(f"X is no table of numbers: {error}") from error


def is_family(model) -> bool:
    """Whether `model` is the name of a family, to be trained, not of a weight."""
    return isinstance(model, str) and model in registry.names()


def load_pretrained(model, latent_dim: int | None, arguments: dict | None):
    """The pretrained model of an estimator, given by name or as a model.

    Raises:
        InputError: it is not a model, or arguments of a family were given with it.
    """
    name, model = model, as_model(model)
    if arguments or latent_dim not in (None, model.code.size):
        raise InputError(
            f"{name!r} is trained already, with a code of {model.code.size}: leave "
            "out latent_dim and model_arguments."
        )
    return model


def full_batches(
    predict: Callable, rows: np.ndarray, size: int
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields the rows of each batch and their `predict`.

    The last batch is padded, so that only one shape is compiled and the result of a row
    does not depend on the number of other rows.
    """
    for start in range(0, len(rows), size):
        batch = rows[start : start + size]
        rebuilt = predict(filled_up(batch, size))[: len(batch)]
        yield slice(start, start + len(batch)), rebuilt


def filled_up(rows: np.ndarray, size: int) -> np.ndarray:
    """Pads rows with zeros to `size` rows."""
    if len(rows) == size:
        return rows
    full = np.zeros((size, *rows.shape[1:]), rows.dtype)
    full[: len(rows)] = rows
    return full


@contextlib.contextmanager
def _keras_seed(seed: int):
    """Seeds layers that are built inside, and nothing else.

    Layers draw the seeds of their weights and noise from Python's generator, whose
    state is restored.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
