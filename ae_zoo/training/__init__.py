"""Training: a recipe in, a weights folder out."""

from ae_zoo.training.callbacks import PenaltyWarmup
from ae_zoo.training.pretrain import pretrain_stack
from ae_zoo.training.recipe import Recipe, list_recipes, load_recipe
from ae_zoo.training.run import train

__all__ = [
    "PenaltyWarmup",
    "Recipe",
    "list_recipes",
    "load_recipe",
    "pretrain_stack",
    "train",
]
