"""Public names that import the module that defines them when first used."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable


def attach(package: str, exports: dict[str, str]) -> tuple[Callable, Callable]:
    """`__getattr__` and `__dir__` of a package.

    Args:
        package: its `__name__`.
        exports: public name -> the module that defines it, or the module of that name.
    """

    def get(name):
        if name not in exports:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(exports[name])
        return module if exports[name] == f"{package}.{name}" else getattr(module, name)

    return get, lambda: sorted(exports)


def attach_folder(package: str, path: Iterable[str]) -> tuple[Callable, Callable]:
    """`__getattr__` and `__dir__` of a package that exports the classes of its files.

    Adding a file is enough to add a class.

    Args:
        package: its `__name__`.
        path: its `__path__`.
    """

    def classes() -> dict:
        found = {}
        for file in pkgutil.iter_modules(path):
            module = importlib.import_module(f"{package}.{file.name}")
            found |= {
                name: value
                for name, value in vars(module).items()
                if isinstance(value, type)
                and value.__module__ == module.__name__
                and not name.startswith("_")
            }
        return found

    def get(name):
        # Python looks up many names of its own; no file needs to be read for them.
        found = {} if name.startswith("_") else classes()
        if name not in found:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return found[name]

    return get, lambda: sorted(classes())
