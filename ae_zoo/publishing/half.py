"""Stores a bundled weight in half precision, if its figures stay the same."""

import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import yaml

from ae_zoo.errors import ManifestError
from ae_zoo.publishing.bundle import list_files, write_entry
from ae_zoo.publishing.card import write_card
from ae_zoo.training.recipe import load_recipe
from ae_zoo.zoo.folder import load_folder, save
from ae_zoo.zoo.loader import load
from ae_zoo.zoo.manifest import model_info, weights_path

DIGITS = 3


class Figure(NamedTuple):
    """A metric of a weight in full precision, and in half precision."""

    metric: str
    full: float
    halved: float

    @property
    def agrees(self) -> bool:
        """Whether three digits of both are equal, or they differ by less than rounding.

        The second is for values on both sides of a border between two roundings.
        """
        old, new = (f"{value:.{DIGITS}g}" for value in (self.full, self.halved))
        if old == new or self.full == 0:
            return old == new
        first = math.floor(math.log10(abs(self.full)))
        return abs(self.halved - self.full) < 10.0 ** (first + 1 - DIGITS) / 2


def halve(
    name: str,
    data_dir: str | os.PathLike | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[Figure]:
    """Measures a bundled weight in half precision, and stores it if all figures agree.

    They are compared with the published figures, which are kept. Where one differs, the
    weight is also measured as it is, since figures can depend on the machine: a probe
    that stops at its limit of steps does. Checksums, precision and card are written
    again.

    Args:
        name: of the weight, in full.
        data_dir: where TFDS keeps its files.
        progress: called with the name of each question before it is measured.

    Returns:
        The figures; the weight is stored in half precision if each `agrees`.

    Raises:
        ManifestError: the weight is not bundled, is in half precision already, or is a
            codec, whose files would no longer open.
    """
    from ae_zoo.evaluation import evaluate

    entry = model_info(name)
    if not entry.pop("bundled"):
        raise ManifestError(f"{name} is not bundled, so there is no file to halve.")
    if entry["precision"] != "float32":
        raise ManifestError(f"{name} is stored as {entry['precision']} already.")
    if "compress" in entry["tasks"]:
        raise ManifestError(
            f"{name} is a codec, and other weights would not open its files: leave it."
        )
    model = load(name)
    with tempfile.TemporaryDirectory() as temporary:
        save(model, Path(temporary, "half"), half=True)
        halved = load_folder(Path(temporary, "half"))
    measured = evaluate(halved, entry["dataset"], data_dir, progress)["metrics"]
    figures = _compare(entry["metrics"], measured)
    if not all(figure.agrees for figure in figures):
        full = evaluate(model, entry["dataset"], data_dir, progress)["metrics"]
        figures = _compare(full, measured)
    if all(figure.agrees for figure in figures):
        folder = weights_path() / name
        save(model, folder, half=True)
        entry |= {"files": list_files(folder), "precision": "float16"}
        recipe = yaml.safe_load(load_recipe(entry["recipe"]).to_yaml())
        write_card(entry, recipe, folder, halved, data_dir)
        write_entry(entry)
    return figures


def _compare(full: dict[str, float], halved: dict[str, float]) -> list[Figure]:
    return [Figure(metric, value, halved[metric]) for metric, value in full.items()]
