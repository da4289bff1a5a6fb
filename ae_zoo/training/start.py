"""The weights on the Hub from which a training starts, pinned to a commit."""

import dataclasses
from pathlib import Path

from ae_zoo.training.recipe import Recipe, load_recipe
from ae_zoo.zoo.loader import is_on_hub, pin
from ae_zoo.zoo.manifest import is_commit


def pin_start(recipe: Recipe, kept: Path) -> Recipe:
    """The recipe, with the commit of the weights on the Hub that it starts from.

    Args:
        recipe: may start from 'hf://org/repo' or 'hf://org/repo@branch'.
        kept: the recipe file of the training; where it exists, its commit is taken,
            so that a training goes on with the weights it began with.

    Raises:
        DownloadError, IntegrityError, ManifestError: as `ae_zoo.load`.
    """
    start = recipe.start
    if start is None or not is_on_hub(start):
        return recipe
    repo, _, revision = start.partition("@")
    if kept.exists() and not is_commit(revision):
        before = load_recipe(kept).start or ""
        start = before if before.startswith(f"{repo}@") else start
    return dataclasses.replace(recipe, start=pin(start))
