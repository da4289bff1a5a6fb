"""Recipes: everything that determines a published weight, as one YAML file."""

import dataclasses
import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ae_zoo.errors import RecipeError

RECIPES = Path(__file__).parent.parent / "recipes"


@dataclass
class Data:
    """What to train on.

    Attributes:
        name: TFDS name.
        train: TFDS split.
        licence: of the data, for the manifest and the model card.
        binarize: draw binary images from the pixel values, anew each epoch.
    """

    name: str
    train: str = "train"
    licence: str | None = None
    binarize: bool = False


@dataclass
class Pretraining:
    """Greedy layer-wise pretraining of a stacked autoencoder.

    Attributes:
        epochs: for each layer.
        learning_rate: of Adam.
        level: fraction of each layer's inputs set to zero.
    """

    epochs: int = 5
    learning_rate: float = 1e-3
    level: float = 0.25


@dataclass
class Training:
    """How to train.

    Attributes:
        epochs: passes over the training split.
        batch_size: examples a step, over all replicas.
        learning_rate: of AdamW at the end of the warm-up; a cosine takes it to 0.
        warmup_steps: steps of linear warm-up of the learning rate.
        weight_decay: decoupled, of AdamW.
        penalty_warmup_epochs: epochs over which the bottleneck's penalty (a VAE's
            KL divergence, a sparsity penalty) grows to its full weight.
        jit: compile with XLA; None leaves it to Keras.
        seed: of the weights, the shuffling and the noise.
        pretrain: layer-wise pretraining, for `stacked_ae`.
    """

    epochs: int
    batch_size: int = 128
    learning_rate: float = 1e-3
    warmup_steps: int = 200
    weight_decay: float = 0.0
    penalty_warmup_epochs: int = 0
    jit: bool | None = None
    seed: int = 0
    pretrain: Pretraining | None = None


@dataclass
class Recipe:
    """A named model, its data and its training.

    Attributes:
        name: `architecture.dataset`, the name of the weight it makes.
        model: `family` and the family's arguments.
        data: what to train on.
        training: how to train.
    """

    name: str
    model: dict[str, Any]
    data: Data
    training: Training

    def to_yaml(self) -> str:
        """The recipe with every default spelt out."""
        return yaml.safe_dump(dataclasses.asdict(self), sort_keys=False)


def list_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.name.removesuffix(".yaml") for path in RECIPES.glob("*.yaml"))


def load_recipe(
    source: str | os.PathLike, overrides: dict[str, Any] | None = None
) -> Recipe:
    """Reads a recipe and checks it.

    Args:
        source: name of a packaged recipe, or path of a YAML file.
        overrides: values by dotted key, such as `{"training.epochs": 3}`.

    Raises:
        RecipeError: no such recipe, not YAML, or an unknown, missing or ill-typed
            key; the message names it.
    """
    packaged = RECIPES / f"{source}.yaml"
    path = packaged if packaged.is_file() else Path(source)
    if not path.is_file():
        near = difflib.get_close_matches(str(source), list_recipes(), n=3)
        hint = f"did you mean {', '.join(near)}?" if near else "give a name or a file."
        raise RecipeError(f"There is no recipe {str(source)!r}; {hint}")
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        reason = str(error).replace("\n", " ")
        raise RecipeError(f"{path} is not valid YAML: {reason}") from error
    if not isinstance(content, dict):
        raise RecipeError(f"{path} holds no mapping of keys to values.")
    for key, value in (overrides or {}).items():
        _override(content, key, value)
    recipe = _parse(Recipe, content, "")
    if "family" not in recipe.model:
        raise RecipeError(f"{path} names no 'model.family'.")
    return recipe


def _override(content: dict, key: str, value) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        content = content.setdefault(parent, {})
        if not isinstance(content, dict):
            raise RecipeError(f"{key!r} cannot be set: {parent!r} is a value.")
    content[last] = value


def _parse(cls, content, prefix: str):
    """Builds the dataclass `cls` from plain YAML, naming what is wrong."""
    if not isinstance(content, dict):
        raise RecipeError(f"{prefix[:-1]!r} must hold keys, not {content!r}.")
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for key in content:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            hint = (
                f"did you mean {prefix}{near[0]}?"
                if near
                else (f"known are {', '.join(fields)}.")
            )
            raise RecipeError(f"Unknown key {prefix}{key}; {hint}")
    missing = [
        f.name
        for f in fields.values()
        if f.name not in content
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise RecipeError(f"Missing key {prefix}{missing[0]}.")
    values = {
        key: _convert(fields[key].type, value, prefix + key)
        for key, value in content.items()
    }
    return cls(**values)


def _convert(kind, value, key: str):
    """`value` as the field's type, or a RecipeError that says what would fit."""
    if kind in (Data, Training):
        return _parse(kind, value, f"{key}.")
    if kind == Pretraining | None:
        return None if value is None else _parse(Pretraining, value, f"{key}.")
    if kind is float and type(value) is int:
        return float(value)
    allowed = dict if kind == dict[str, Any] else kind
    if not isinstance(value, allowed) or (kind is int and isinstance(value, bool)):
        wanted = getattr(allowed, "__name__", str(allowed))
        hint = " (write 1.0e-3, with a point)" if kind is float else ""
        raise RecipeError(f"{key} must be {wanted}, not {value!r}{hint}.")
    return value
