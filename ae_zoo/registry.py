"""The families by name: what exists, and how to build it from a config."""

import difflib
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass

from ae_zoo.errors import UnknownNameError


@dataclass(frozen=True)
class Family:
    """A registered family.

    Attributes:
        name: the name in the registry, the manifest and saved configs.
        build: the function that builds the model.
        reference: the paper.
        tasks: what its models are good for.
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


FAMILIES: dict[str, Family] = {}


def register(name: str, reference: str, tasks: tuple[str, ...]):
    """Registers the decorated function as the family `name`.

    The function takes plain values (numbers, strings, lists) and returns an
    `Autoencoder`. The arguments of each call, defaults included, become the
    model's config, so Keras can save and rebuild it.
    """

    def decorator(function):
        signature = inspect.signature(function)

        @functools.wraps(function)
        def build(*args, **kwargs):
            model = function(*args, **kwargs)
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            model.family = name
            model.arguments = bound.kwargs | dict(
                zip(signature.parameters, bound.args, strict=False)
            )
            return model

        FAMILIES[name] = Family(name, build, reference, tuple(tasks))
        return build

    return decorator


def family(name: str) -> Family:
    """The family called `name`.

    Raises:
        UnknownNameError: there is none; the message suggests the nearest.
    """
    if name not in FAMILIES:
        near = difflib.get_close_matches(name, FAMILIES, n=3) or sorted(FAMILIES)
        raise UnknownNameError(
            f"Unknown family {name!r}; did you mean {', '.join(near)}?"
        )
    return FAMILIES[name]


def build(name: str, **arguments):
    """Builds the family called `name`; the inverse of a model's `get_config`."""
    return family(name).build(**arguments)
