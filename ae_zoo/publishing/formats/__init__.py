"""Formats of exported networks, one file a format.

Each file has two functions: `write(network, path)` writes a network of
`ae_zoo.publishing.network`, and `run(path, inputs)` gives the outputs of what was
written, both arrays by name. They import their libraries when called.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ae_zoo.errors import ExportError, InputError, UnknownNameError


@dataclass(frozen=True)
class Format:
    """A format of exported networks.

    Attributes:
        name: as `ae_zoo.export` takes it.
        ending: of the file's name; '' for a folder, which may have any other name.
        packages: what it needs besides TensorFlow, by the names to import.
    """

    name: str
    ending: str
    packages: tuple[str, ...] = ()

    @property
    def module(self) -> ModuleType:
        """The functions `write` and `run`."""
        return importlib.import_module(f"{__name__}.{self.name}")

    def check_path(self, path: Path) -> None:
        """Raises an `InputError` if the ending of `path` is that of another format."""
        ending = path.suffix.lower()
        if self.ending and ending != self.ending:
            raise InputError(
                f"{path} does not end in {self.ending}: give such a name, or another "
                "format."
            )
        other = next((f for f in FORMATS.values() if f.ending == ending), self)
        if other is not self:
            raise InputError(
                f"{path} ends as a file of the format {other.name}, but a "
                f"{self.name} is a folder: give another name or another format."
            )

    def check_packages(self) -> None:
        """Raises an `ExportError` if a package is not installed."""
        missing = [p for p in self.packages if importlib.util.find_spec(p) is None]
        if missing:
            raise ExportError(
                f"The format {self.name} needs {', '.join(missing)}: install them with "
                "pip install 'ae_zoo[export]'."
            )


FORMATS = {
    each.name: each
    for each in (
        Format("onnx", ".onnx", ("onnx", "onnxruntime", "tf2onnx")),
        Format("litert", ".tflite", ("ai_edge_litert",)),
        Format("saved_model", ""),
    )
}


def get(name: str) -> Format:
    """The format of this name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in FORMATS:
        raise UnknownNameError(
            f"Unknown format {name!r}; choose one of {', '.join(FORMATS)}."
        )
    return FORMATS[name]
