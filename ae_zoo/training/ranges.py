"""The names and numbers that a recipe may have."""

from ae_zoo.errors import RecipeError

LONGEST_NAME = 100


def check_name(name: str) -> None:
    """Refuses what could not be the name of a folder beside others."""
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise RecipeError(
            f"name must have 1 to {LONGEST_NAME} printable characters, such as "
            "conv_ae.parts."
        )
    if name.startswith(".") or set(name) & set("/\\:"):
        raise RecipeError(
            f"name must be no path: {name!r} begins with a dot or has a slash, a "
            "backslash or a colon; use a name such as conv_ae.parts."
        )


# Keys by the values that they take; those that are not given are not checked.
RANGES = {
    "be above 0": (
        *("training.epochs", "training.steps", "training.steps_per_epoch"),
        *("training.batch_size", "training.accumulate", "training.learning_rate"),
        *("training.patience", "training.clip_norm", "data.window"),
        *("training.pretrain.epochs", "training.pretrain.learning_rate"),
    ),
    "not be negative": (
        *("training.warmup_steps", "training.weight_decay", "training.seed"),
        *("training.penalty_warmup_epochs", "data.augment.shift"),
    ),
    "be between 0 and 1": ("training.ema", "data.validation"),
    "be 0 or more, and below 1": (
        *("training.fall", "training.pretrain.level", "data.augment.grey"),
    ),
}
FITS = {
    "be above 0": lambda value: value > 0,
    "not be negative": lambda value: value >= 0,
    "be between 0 and 1": lambda value: 0 < value < 1,
    "be 0 or more, and below 1": lambda value: 0 <= value < 1,
}


def check_ranges(recipe) -> None:
    """Raises a RecipeError for a number that is out of its range."""
    for wanted, keys in RANGES.items():
        for key in keys:
            value = recipe
            for name in key.split("."):
                value = getattr(value, name, None)
            if isinstance(value, int | float) and not FITS[wanted](value):
                raise RecipeError(f"{key} must {wanted}; it is {value}.")
