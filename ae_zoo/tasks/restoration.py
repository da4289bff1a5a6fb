"""Parts that the denoiser and the inpainter of photographs share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ae_zoo.data.pictures import Picture, check_writable, read_picture, write_picture
from ae_zoo.errors import InputError
from ae_zoo.tasks.arguments import as_model, check_model

if TYPE_CHECKING:
    from ae_zoo.autoencoder import Autoencoder

Failures = list[tuple[Path, str]]


class LazyModel:
    """A model, loaded when first used.

    Args:
        model: the model, or a name or path for `load`.
        task: task that it must have, for pictures of any size.
        instead: name of a model with this task, for the error message.
    """

    def __init__(self, model, task: str, instead: str):
        check_model(model)
        self.model = model
        self.task, self.instead = task, instead

    def get(self) -> "Autoencoder":
        self.model = as_model(self.model)
        if self.task not in self.model.tasks or not self.model.takes_map:
            raise InputError(
                f"{self.model.name!r} does not {self.task} photographs: choose a model "
                f"like {self.instead!r}."
            )
        return self.model


def like(source, picture: Picture):
    """The picture in the type of `source`: an array, otherwise a Pillow image."""
    if isinstance(source, np.ndarray):
        return picture.array().reshape(source.shape).astype(source.dtype)
    return picture.image()


def on_files(restore: Callable[[Path, Picture], Picture]) -> Callable:
    """Wraps `restore` to read and write files; raises early for unwritable targets."""

    def work(path: Path, target: Path) -> None:
        picture = read_picture(path)
        size, dtype = picture.pixels.shape[:2], picture.pixels.dtype
        check_writable(target, size, dtype, picture.alpha is not None)
        write_picture(restore(path, picture), target)

    return work
