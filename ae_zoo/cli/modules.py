"""`--import`: modules of the user that register families before a command runs."""

import importlib
import os
import sys
from collections.abc import Iterable

from ae_zoo.cli import output
from ae_zoo.errors import InputError


def import_modules(names: Iterable[str]) -> None:
    """Imports modules, those of the current folder first.

    Args:
        names: as in Python's `import`, such as `my_module` or `my_package.families`.

    Raises:
        InputError: a module does not exist, or its import fails.
    """
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    with output.working("Loading Keras") as say:
        output.load_keras()
        for name in names:
            say(f"Importing {name}")
            _import(name)


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except Exception as error:  # of any kind: the module is the user's
        if _is_missing(name, error):
            raise InputError(
                f"There is no module {name!r} to import: it must be installed, or a "
                "file in the current folder."
            ) from error
        raise InputError(
            f"The module {name!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error


def _is_missing(name: str, error: Exception) -> bool:
    """Whether the module itself, or a package around it, was not found."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return False
    return f"{name}.".startswith(f"{error.name}.")
