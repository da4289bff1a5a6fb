"""Recipes: everything that determines a published weight, as one YAML file."""

import copy
import dataclasses
import difflib
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from ae_zoo.errors import RecipeError
from ae_zoo.training import plain
from ae_zoo.training.paths import anchor, is_file
from ae_zoo.training.ranges import LONGEST_NAME, check_name, check_ranges

RECIPES = Path(__file__).parent.parent / "recipes"

EPOCHS = 20  # where a recipe says neither epochs nor steps

# Of published weights on new data, where no recipe says otherwise.
FINE_TUNING = {
    "data": {"validation": 0.1},
    "training": {
        "epochs": EPOCHS,
        "batch_size": 32,
        "learning_rate": 3e-4,
        "warmup_steps": 50,
        "patience": 5,
    },
}


@dataclass
class Augmentation:
    """Random changes of the training images, drawn anew each time they are seen.

    Attributes:
        flip: mirror left to right, every other time.
        shift: move by up to this many pixels in each direction; the border repeats.
        turn: turn by a multiple of 90 degrees; for square images or windows.
        grey: share of the colour images whose colour is removed.
    """

    flip: bool = False
    shift: int = 0
    turn: bool = False
    grey: float = 0.0


@dataclass
class Data:
    """The data to train on: a TFDS set by `name`, or files by `path`.

    Attributes:
        name: TFDS name; beside `path`, only a name for the data.
        path: folder of images or sounds, `.npy`, `.npz`, `.csv` or `.txt` file.
        train: TFDS split.
        validation: data to watch the training by: a fraction of the examples, held
            out by the seed, or another TFDS split, or another path.
        window: side of the square windows to train on, cut out of photographs of any
            size at every 8th pixel. `validation` then holds out whole photographs.
        licence: of the data, for the manifest and the model card.
        binarize: draw binary images from the pixel values, anew each epoch.
        augment: random changes of the training images.
    """

    name: str | None = None
    path: str | None = None
    train: str = "train"
    validation: float | str | None = None
    window: int | None = None
    licence: str | None = None
    binarize: bool = False
    augment: Augmentation = field(default_factory=Augmentation)


@dataclass
class Pretraining:
    """Greedy layer-wise pretraining of a stacked autoencoder.

    Attributes:
        epochs: for each layer.
        learning_rate: of Adam, which a cosine takes to 0.
        level: fraction of each layer's inputs set to zero.
    """

    epochs: int = 5
    learning_rate: float = 1e-3
    level: float = 0.25


@dataclass
class Training:
    """How to train.

    Attributes:
        epochs: passes over the training examples; with schedule 'plateau', at most.
            20 where neither these nor `steps` are given.
        steps: batches to train on, instead of `epochs`.
        steps_per_epoch: batches between two validations and checkpoints; by default
            those of one pass over the data.
        batch_size: examples a step, over all replicas and workers.
        accumulate: parts in which a batch is computed, to save memory; on one device.
        optimizer: the rule that updates the weights.
        learning_rate: its highest rate.
        schedule: 'constant'; 'cosine', down to 0 at the end; 'plateau', divided by 5
            whenever the validation loss has not fallen for `patience` epochs, three
            times, after which the training has converged and ends.
        warmup_steps: steps of linear warm-up of a constant or cosine rate.
        weight_decay: decoupled.
        clip_norm: limit of the norm of a step's gradient.
        ema: momentum of a moving average of the weights, such as 0.999; the average
            is validated and kept.
        patience: epochs without a lower validation loss until 'plateau' lowers the
            rate, or until another schedule stops early. Where it is set, the weights
            of the lowest validation loss are kept.
        fall: fraction by which the validation loss must fall within `patience`
            epochs to count as lower.
        penalty_warmup_epochs: epochs over which the bottleneck's penalty (a VAE's
            KL divergence, a sparsity penalty) grows to its full weight.
        precision: Keras dtype policy.
        jit: compile with XLA, under PyTorch by `torch.compile`; by default on GPUs of
            TensorFlow and under JAX, never by several workers.
        seed: of the weights, the shuffling and the noise.
        pretrain: layer-wise pretraining, for `stacked_ae`.
    """

    epochs: int | None = None
    steps: int | None = None
    steps_per_epoch: int | None = None
    batch_size: int = 128
    accumulate: int = 1
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop", "lion"] = "adamw"
    learning_rate: float = 1e-3
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    warmup_steps: int = 200
    weight_decay: float = 0.0
    clip_norm: float | None = None
    ema: float | None = None
    patience: int | None = None
    fall: float = 0.001
    penalty_warmup_epochs: int = 0
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    jit: bool | None = None
    seed: int = 0
    pretrain: Pretraining | None = None

    def __post_init__(self):
        if self.epochs is None and self.steps is None:
            self.epochs = EPOCHS


@dataclass
class Recipe:
    """A named model, its data and its training.

    Attributes:
        name: `architecture.dataset`, the name of the weight it makes.
        data: what to train on.
        training: how to train.
        model: `family` and the family's arguments.
        start: weights to go on from instead of a new `model`: a name of the zoo, a
            folder, or hf://org/repo.
        reach: limits that the measured metrics must keep, such as
            `{mse: "<= 0.0034"}`.
    """

    name: str
    data: Data
    training: Training = field(default_factory=Training)
    model: dict[str, Any] | None = None
    start: str | None = None
    reach: dict[str, Any] = field(default_factory=dict)

    def to_yaml(self) -> str:
        """The recipe with every default spelt out, and absolute paths."""
        content = dataclasses.asdict(self)
        anchor(content, Path.cwd())
        return yaml.safe_dump(content, sort_keys=False)

    def check(self) -> None:
        """Raises a RecipeError for values that cannot work together."""
        data, training = self.data, self.training
        check_name(self.name)
        if (self.model is None) == (self.start is None):
            raise RecipeError("A recipe needs either 'model' or 'start'.")
        if self.model is not None and "family" not in self.model:
            raise RecipeError("The recipe names no 'model.family'.")
        if data.name is None and data.path is None:
            raise RecipeError("A recipe needs 'data.name' (of TFDS) or 'data.path'.")
        if training.epochs is not None and training.steps is not None:
            raise RecipeError(
                "A recipe takes either training.epochs or training.steps: leave one "
                "out."
            )
        if training.schedule == "plateau" and training.patience is None:
            raise RecipeError("The schedule 'plateau' needs training.patience.")
        if training.patience is not None and data.validation is None:
            raise RecipeError(
                "training.patience needs data.validation, such as 0.1, to watch."
            )
        check_ranges(self)
        if training.batch_size % training.accumulate:
            raise RecipeError(
                f"training.accumulate: {training.accumulate} does not divide the "
                f"batch of {training.batch_size}."
            )
        for metric, limit in self.reach.items():
            parse_limit(metric, limit)


def parse_limit(metric: str, limit: str) -> tuple[str, float]:
    """`"<= 0.0034"` as `("<=", 0.0034)`; RecipeError for anything else."""
    sign, _, number = str(limit).strip().partition(" ")
    try:
        if sign in ("<=", ">=") and math.isfinite(float(number)):
            return sign, float(number)
    except ValueError:
        pass
    raise RecipeError(f"reach.{metric} must look like '<= 0.0034', not {limit!r}.")


def list_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.name.removesuffix(".yaml") for path in RECIPES.glob("*.yaml"))


def load_recipe(
    source: str | os.PathLike, overrides: dict[str, Any] | None = None
) -> Recipe:
    """Reads a recipe and checks it.

    Args:
        source: name of a packaged recipe, or path of a YAML file. Paths in a file are
            relative to its folder.
        overrides: values by dotted key, such as `{"training.epochs": 3}`; paths in
            them are relative to the working directory.

    Raises:
        RecipeError: no such recipe, not YAML, or an unknown, missing or ill-typed
            key; the message names it.
    """
    packaged = RECIPES / f"{source}.yaml"
    path = packaged if is_file(packaged) else Path(source)
    if not is_file(path):
        near = difflib.get_close_matches(str(source), list_recipes(), n=3)
        hint = f"did you mean {', '.join(near)}?" if near else "give a name or a file."
        raise RecipeError(f"There is no recipe {str(source)!r}; {hint}")
    content = plain.read_yaml(path)
    anchor(content, path.parent)
    return parse_recipe(content, overrides)


def find_recipe(
    source: str | os.PathLike | None = None,
    start: str | None = None,
    data: str | None = None,
    overrides: dict[str, Any] | None = None,
) -> Recipe:
    """The recipe that the options of the command line describe.

    Args:
        source: name or path, as of `load_recipe`; None for a short fine-tuning of
            `start` on `data`.
        start: weights to go on from, in the place of the recipe's model.
        data: a path or a TFDS name, in the place of the recipe's data.
        overrides: values by dotted key, which have the last word.

    Raises:
        RecipeError: as `load_recipe`, or neither a recipe nor weights and data.
    """
    changes = {}
    if data is not None:
        is_path = os.path.exists(data) or os.sep in data or Path(data).suffix
        changes |= {
            "data.name": Path(data).resolve().stem if is_path else data,
            "data.path": data if is_path else None,
            "data.licence": None,
        }
    if start is not None:
        changes |= {"start": start, "model": None}
    if source is not None:
        return load_recipe(source, changes | (overrides or {}))
    if start is None or data is None:
        raise RecipeError(
            "There is nothing to train: give a recipe, or --from NAME and --data DATA "
            "to go on from published weights."
        )
    name = f"{Path(start).name}.{changes['data.name']}".replace("/", "_")
    content = FINE_TUNING | {"name": name[:LONGEST_NAME]}
    return parse_recipe(copy.deepcopy(content), changes | (overrides or {}))


def missed_limits(recipe: Recipe, metrics: dict[str, float]) -> list[str]:
    """Which limits of `recipe.reach` the metrics miss, each as a sentence."""
    missed = []
    for metric, limit in recipe.reach.items():
        sign, bound = parse_limit(metric, limit)
        value = metrics.get(metric)
        if value is None:
            missed.append(f"{metric} was not measured, but must be {limit}")
        elif value > bound if sign == "<=" else value < bound:
            missed.append(f"{metric} is {value:.5g}, but must be {limit}")
    return missed


def parse_recipe(content: dict, overrides: dict[str, Any] | None = None) -> Recipe:
    """A recipe from plain values; arguments and errors as `load_recipe`."""
    for key, value in (overrides or {}).items():
        plain.override(content, key, value)
    plain.check_values(content)
    recipe = plain.parse(Recipe, content)
    recipe.check()
    return recipe
