"""Runs a recipe: builds, trains, saves."""

import json
import os
import platform
import time
from pathlib import Path

import keras

from ae_zoo import models
from ae_zoo.data import training_dataset
from ae_zoo.errors import RecipeError
from ae_zoo.training.callbacks import PenaltyWarmup
from ae_zoo.training.pretrain import pretrain_stack
from ae_zoo.training.recipe import Recipe, load_recipe
from ae_zoo.zoo.folder import save


def get_strategy(name: str = "auto"):
    """A `tf.distribute` strategy: 'single', 'mirrored', or 'auto' by the GPUs."""
    import tensorflow as tf

    if name not in ("auto", "single", "mirrored"):
        raise RecipeError(
            f"Unknown strategy {name!r}; choose auto, single or mirrored."
        )
    if name == "auto":
        gpus = tf.config.list_physical_devices("GPU")
        name = "mirrored" if len(gpus) > 1 else "single"
    return (
        tf.distribute.MirroredStrategy()
        if name == "mirrored"
        else (tf.distribute.get_strategy())
    )


def train(
    recipe: str | os.PathLike | Recipe,
    out: str | os.PathLike,
    overrides: dict | None = None,
    data_dir: str | os.PathLike | None = None,
    strategy: str = "auto",
    verbose: int | str = "auto",
) -> Path:
    """Trains a recipe and writes the result.

    Run again with the same `out`, an interrupted training goes on from its last
    finished epoch.

    Args:
        recipe: name of a packaged recipe, path of a YAML file, or a `Recipe`.
        out: folder that takes `model/` (the weights folder), `recipe.yaml` (with
            all defaults), `history.json` and `checkpoint/` while running.
        overrides: values by dotted key, such as `{"training.epochs": 3}`.
        data_dir: where TFDS keeps its files.
        strategy: 'auto', 'single' or 'mirrored'.
        verbose: as in Keras's `fit`.

    Returns:
        The weights folder, ready for `ae_zoo.load`.

    Raises:
        RecipeError: the recipe is not valid.
    """
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe, overrides)
    options = recipe.training
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.yaml").write_text(recipe.to_yaml())

    keras.utils.set_random_seed(options.seed)
    dataset = training_dataset(
        recipe.data.name,
        recipe.data.train,
        options.batch_size,
        seed=options.seed,
        binarize=recipe.data.binarize,
        data_dir=data_dir,
    )
    start = time.time()
    with get_strategy(strategy).scope():
        model = _build(recipe)
        backup = out / "checkpoint"
        pretraining = None
        if options.pretrain is not None and not backup.exists():
            pretraining = _pretrain(model, dataset, options, verbose)
        model.compile(
            optimizer=_optimizer(options, int(dataset.cardinality())),
            metrics=["mse"],
            jit_compile="auto" if options.jit is None else options.jit,
        )
    callbacks = [keras.callbacks.BackupAndRestore(backup)]
    if options.penalty_warmup_epochs:
        callbacks.append(PenaltyWarmup(options.penalty_warmup_epochs))
    history = model.fit(
        dataset, epochs=options.epochs, callbacks=callbacks, verbose=verbose
    )
    report = {
        "seconds": round(time.time() - start, 1),
        "hardware": f"{os.cpu_count()} CPU cores ({platform.machine()})",
        "keras": keras.__version__,
        "pretraining_loss": pretraining,
        "history": history.history,
    }
    (out / "history.json").write_text(json.dumps(report, indent=1))
    folder = out / "model"
    save(model, folder)
    return folder


def _build(recipe: Recipe):
    try:
        arguments = dict(recipe.model)
        return models.build(arguments.pop("family"), **arguments)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"The recipe's model cannot be built: {error}") from error


def _pretrain(model, dataset, options, verbose) -> list[list[float]]:
    return pretrain_stack(
        model,
        dataset,
        epochs=options.pretrain.epochs,
        learning_rate=options.pretrain.learning_rate,
        level=options.pretrain.level,
        seed=options.seed,
        verbose=verbose,
    )


def _optimizer(options, steps_per_epoch: int):
    steps = options.epochs * steps_per_epoch
    warmup = min(options.warmup_steps, steps // 2)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else options.learning_rate,
        decay_steps=max(1, steps - warmup),
        warmup_target=options.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    return keras.optimizers.AdamW(schedule, weight_decay=options.weight_decay)
