"""Training: a recipe in, a weights folder out."""

from ae_zoo._lazy import attach

_EXPORTS = {
    "PenaltyWarmup": "ae_zoo.training.callbacks",
    "Recipe": "ae_zoo.training.recipe",
    "find_recipe": "ae_zoo.training.recipe",
    "list_recipes": "ae_zoo.training.recipe",
    "load_recipe": "ae_zoo.training.recipe",
    "missed_limits": "ae_zoo.training.recipe",
    "parse_recipe": "ae_zoo.training.recipe",
    "pretrain_stack": "ae_zoo.training.pretrain",
    "pretraining_stages": "ae_zoo.training.pretrain",
    "train": "ae_zoo.training.run",
}

__all__ = [*_EXPORTS]
__getattr__, __dir__ = attach(__name__, _EXPORTS)
