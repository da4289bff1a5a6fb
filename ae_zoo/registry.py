"""The families by name, and how to build them from a config.

A family is registered when its module is imported. Those of `ae_zoo.models` and those
of other packages, declared by the entry point `ae_zoo.families`, are imported when they
are first used.
"""

import contextlib
import difflib
import functools
import importlib
import importlib.metadata
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ae_zoo import arguments
from ae_zoo.errors import UnknownNameError

# Keys of a config that are no arguments.
RESERVED = ("family", "dtype_policy", "layer_state")
GROUP = "ae_zoo.families"  # of the entry points: family = module, or module:function
_MODELS = Path(__file__).parent / "models"


@dataclass(frozen=True)
class Family:
    """A registered family.

    Attributes:
        name: the name in the registry, the manifest and saved configs.
        build: the function that builds the model.
        reference: the paper.
        tasks: tasks that its models support.
    """

    name: str
    build: Callable
    reference: str
    tasks: tuple[str, ...]

    @property
    def summary(self) -> str:
        """First line of the family's docstring."""
        return inspect.getdoc(self.build).splitlines()[0]

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the arguments, without those passed on to a backbone."""
        return tuple(
            name
            for name, parameter in inspect.signature(self.build).parameters.items()
            if parameter.kind is not inspect.Parameter.VAR_KEYWORD
        )


_families: dict[str, Family] = {}


def register(name: str, reference: str, tasks: tuple[str, ...]):
    """Registers the decorated function as the family `name`.

    The function takes plain values (numbers, strings, and lists and dictionaries of
    them) and returns an `Autoencoder`. The arguments of each call, defaults included,
    become the model's config, so Keras can save the model and build it again.
    `ae_zoo.arguments.bind` says which arguments are refused; a None in the default of
    `input_shape` means that an example may have any size there.

    Args:
        name: name of the family; it must be unique.
        reference: the paper.
        tasks: tasks that its models support, such as 'features', 'reconstruct',
            'generate', 'denoise', 'inpaint' or 'compress'.

    Raises:
        UnknownNameError: another family has this name.
    """

    def decorator(function):
        signature = inspect.signature(function)

        @functools.wraps(function)
        def build(*args, **kwargs):
            given = arguments.bind(name, signature, args, kwargs)
            model = function(**arguments.with_functions(given))
            model.name = name
            model.family, model.tasks = name, tuple(tasks)
            model.arguments = given
            return model

        _refuse_second(name, function)
        _families[name] = Family(name, build, reference, tuple(tasks))
        return build

    return decorator


def names() -> list[str]:
    """The names of all families, sorted; imports none of them."""
    return sorted({*built_in(), *announced(), *_families})


@functools.cache
def built_in() -> frozenset[str]:
    """Names of the families of ae_zoo; each is a file of `ae_zoo/models`."""
    stems = (path.stem for path in _MODELS.glob("*.py"))
    return frozenset(stem for stem in stems if not stem.startswith("_"))


@functools.cache
def announced() -> dict[str, importlib.metadata.EntryPoint]:
    """The entry points of other packages, by name of the family."""
    points = importlib.metadata.entry_points(group=GROUP)
    return {point.name: point for point in points}


def family(name: str) -> Family:
    """The family called `name`.

    Raises:
        UnknownNameError: there is none; the message suggests similar names.
    """
    if name not in _families:
        _import(name)
    if name not in _families:
        near = difflib.get_close_matches(name, names(), n=3) or names()
        raise UnknownNameError(
            f"Unknown family {name!r}; did you mean {', '.join(near)}?"
        )
    return _families[name]


def build(name: str, **given):
    """Builds the family called `name` with the arguments `given`."""
    return family(name).build(**given)


def from_config(config: dict):
    """The model that `Autoencoder.get_config` describes.

    Args:
        config: the family, its arguments and, unless it is float32, the policy of
            dtypes. Without one, Keras's policy in use applies.
    """
    given = {key: config[key] for key in config if key not in RESERVED}
    with _dtype_policy(config.get("dtype_policy")):
        return build(config["family"], **given)


@contextlib.contextmanager
def _dtype_policy(name: str | None):
    """Keras's policy inside; None leaves the one in use."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name or before)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _import(name: str) -> None:
    """Imports the module that registers the family, if one is known."""
    if name in built_in():
        importlib.import_module(f"ae_zoo.models.{name}")
    elif name in announced():
        announced()[name].load()


def _refuse_second(name: str, function: Callable) -> None:
    """Raises if another function has the name; a reloaded module may register again.

    It also raises if ae_zoo's own family of that name is not imported yet, which could
    then no longer be built.
    """
    owner = function.__module__
    if name in _families:
        first = _families[name].build
        same = (first.__module__, first.__qualname__) == (owner, function.__qualname__)
        taken = None if same else f"{first.__module__}.{first.__qualname__}"
    else:
        ours = f"ae_zoo.models.{name}"
        taken = ours if name in built_in() and owner != ours else None
    if taken:
        raise UnknownNameError(
            f"The family {name!r} is already registered by {taken}: choose another "
            "name."
        )
