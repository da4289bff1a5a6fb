"""Runs a recipe: builds, trains, saves."""

import contextlib
import inspect
import os
import shlex
import sys
from pathlib import Path

import keras
import numpy as np

from ae_zoo import registry
from ae_zoo._files import complete_file, remove_leftovers, write_text
from ae_zoo.data.batches import Batches
from ae_zoo.data.sources import Table
from ae_zoo.errors import InputError, RecipeError
from ae_zoo.trainable import xla_pays
from ae_zoo.training import callbacks as actions
from ae_zoo.training import logs
from ae_zoo.training.checkpoint import previous_checkpoint
from ae_zoo.training.examples import (
    open_examples,
    training_batches,
    validation_batches,
)
from ae_zoo.training.inventory import describe_folders
from ae_zoo.training.lock import locked
from ae_zoo.training.optimizer import make_optimizer
from ae_zoo.training.phases import Phases
from ae_zoo.training.placement import Placement, check_replicas, get_placement
from ae_zoo.training.pretrain import pretraining_stages
from ae_zoo.training.recipe import Recipe, Training, load_recipe
from ae_zoo.training.report import make_report, write_json
from ae_zoo.training.signals import Signals
from ae_zoo.training.start import pin_start
from ae_zoo.zoo.folder import save
from ae_zoo.zoo.loader import load

MAIN = "training"


def train(
    recipe: str | os.PathLike | Recipe,
    out: str | os.PathLike,
    overrides: dict | None = None,
    data_dir: str | os.PathLike | None = None,
    strategy: str = "auto",
    resume: bool = False,
    tensorboard: bool = False,
    verbose: bool = True,
) -> Path | None:
    """Trains a recipe and writes the result.

    Args:
        recipe: name of a packaged recipe, path of a YAML file, or a `Recipe`.
        out: folder that takes `model/` (the weights folder), `recipe.yaml` (with all
            defaults), `history.json`, `log.csv`, `reconstructions.png` and, while
            running, `checkpoint.npz` and the one before it.
        overrides: values by dotted key, such as `{"training.epochs": 3}`.
        data_dir: where TFDS keeps its files.
        strategy: 'auto', 'single', 'mirrored' or 'multiworker'.
        resume: go on from the checkpoint in `out`; a finished training stays as it is.
        tensorboard: also write events for TensorBoard into `out/tensorboard`.
        verbose: show a progress bar.

    Returns:
        The weights folder, ready for `ae_zoo.load`; None on a worker that is not the
        chief, which alone writes.

    Raises:
        RecipeError: the recipe is not valid, or `out` holds another training, or one
            that still runs.
        InputError: the data does not fit.
        TrainingError: the loss is no number, or a worker was lost or did not come.
        KeyboardInterrupt, SystemExit: Ctrl-C or SIGTERM ended the training after its
            step, and its state is kept. In the main thread only; elsewhere they do
            what they always do.
    """
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe, overrides)
    out = Path(out)
    recipe = pin_start(recipe, out / "recipe.yaml")
    folder = out / "model"
    if _is_done(recipe, out, resume):
        return folder
    policy = keras.config.dtype_policy()
    distribution = keras.distribution.distribution()
    keras.config.set_dtype_policy(recipe.training.precision)
    try:
        placement = get_placement(strategy)
        again = _resume_command(out, strategy, tensorboard)
        with contextlib.ExitStack() as stack:
            signals = stack.enter_context(Signals(again))
            if placement.chief:
                stack.enter_context(locked(out))
                remove_leftovers(out, f".{folder.name}.")
            options = (data_dir, tensorboard, verbose, signals)
            Run(recipe, out, placement, *options).train()
    finally:
        keras.config.set_dtype_policy(policy)
        keras.distribution.set_distribution(distribution)
    return folder if placement.chief else None


def _resume_command(out: Path, strategy: str, tensorboard: bool) -> str:
    """The command that goes on with a training; its recipe is the one kept in `out`."""
    words = ["ae-zoo", "train", str(out / "recipe.yaml"), "--out", str(out)]
    words += ["--strategy", strategy] if strategy != "auto" else []
    words += ["--tensorboard"] if tensorboard else []
    return shlex.join([*words, "--resume"])


def _is_done(recipe: Recipe, out: Path, resume: bool) -> bool:
    """Whether `out` holds this training, finished; RecipeError if it is in the way."""
    kept = out / "recipe.yaml"
    if not kept.exists():
        return False
    if not resume:
        raise RecipeError(
            f"{out} holds a training: go on with --resume, or choose another --out."
        )
    if kept.read_text(encoding="utf-8", errors="replace") != recipe.to_yaml():
        raise RecipeError(
            f"{out} holds a training by another recipe: choose another --out."
        )
    return (out / "history.json").exists()


class Run:
    """One training: its model, its examples, and the phases it goes through.

    Args:
        recipe: what to train.
        out: folder of the results.
        placement: of this process.
        data_dir, tensorboard, verbose: as of `train`.
        signals: which end the training; by default nothing does.
    """

    def __init__(
        self,
        recipe: Recipe,
        out: Path,
        placement: Placement,
        data_dir: str | os.PathLike | None = None,
        tensorboard: bool = False,
        verbose: bool = True,
        signals: Signals | None = None,
    ):
        self.recipe, self.options, self.placement = recipe, recipe.training, placement
        self.out, self.best = out, out / "best.weights.h5"
        self.tensorboard = tensorboard
        keras.utils.set_random_seed(self.options.seed)
        with placement.scope():
            self.model = _build(recipe)
        # The shape of an example, which is the target; a map may come with the input.
        shape = self.model.output_shape[1:]
        self.source, self.held_out = open_examples(recipe, shape, data_dir)
        self.batch_size = self.options.batch_size // self.options.accumulate
        check_replicas(placement, self.options)
        self.batches = training_batches(
            recipe, self.source, self.batch_size, self.model.corruption, placement
        )
        checkpoint = out / "checkpoint.npz"
        self.phases = Phases(
            *(checkpoint, self.model, self.batches, placement, verbose),
            signals or Signals(),
        )
        if placement.chief:
            self._prepare_folder()
            for sentence in describe_folders(recipe.data, shape) if verbose else ():
                print(sentence, file=sys.stderr)

    def _prepare_folder(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        write_text(self.out / "recipe.yaml", self.recipe.to_yaml())
        if isinstance(self.source, Table):
            scaling = {"low": self.source.low, "high": self.source.high}
            lists = {key: value.tolist() for key, value in scaling.items()}
            write_json(self.out / "scaling.json", lists)

    def train(self) -> None:
        """Runs all phases; the chief saves the model and the report."""
        if self.options.pretrain is not None:
            self._pretrain(self.options.pretrain)
        log, patience = self._train_whole()
        if not self.placement.chief:
            return
        if patience is not None and patience.state["best"] is not None:
            self.model.load_weights(self.best)
        save(self.model, self.out / "model")
        report = make_report(log, patience, self.phases.done)
        write_json(self.out / "history.json", report)
        checkpoint = self.phases.checkpoint
        for file in (checkpoint, previous_checkpoint(checkpoint), self.best):
            file.unlink(missing_ok=True)

    def _pretrain(self, options) -> None:
        steps = self.batches.steps_per_pass
        stages = pretraining_stages(self.model, options.level, self.options.seed)
        settings = Training(
            epochs=options.epochs,
            optimizer="adam",
            learning_rate=options.learning_rate,
            warmup_steps=0,
            accumulate=self.options.accumulate,
            jit=self.options.jit,
        )
        while True:
            with self.placement.scope():  # where the next stage is built
                stage = next(stages, None)
                if stage is None:
                    return
                self._compile(stage, settings, options.epochs * steps)
            log = logs.Log(None)
            self.phases.fit(stage.name, stage, options.epochs, steps, [log])
            self.phases.done.setdefault(stage.name, log.state["rows"])

    def _train_whole(self) -> tuple[logs.Log, actions.Patience | None]:
        """Trains the whole model; returns its log and the patience callback."""
        options = self.options
        epochs, steps = self._schedule()
        with self.placement.scope():
            mse = keras.metrics.MeanSquaredError(name="mse")
            self._compile(self.model, options, epochs * steps, metrics=[mse])
        callbacks, patience = [], None
        if options.penalty_warmup_epochs:
            callbacks.append(actions.PenaltyWarmup(options.penalty_warmup_epochs))
        if options.ema is not None:
            callbacks.append(actions.Averaged())
        if options.patience is not None:
            patience = actions.Patience(
                options.patience,
                options.fall,
                options.schedule == "plateau",
                options.penalty_warmup_epochs,
                self._keep_best,
            )
            callbacks.append(patience)
        log = logs.Log(self.out / "log.csv" if self.placement.chief else None)
        callbacks += [log, *self._show()]
        validation = self.validation()
        self.phases.fit(
            *(MAIN, self.model, epochs, steps, callbacks, validation),
            metrics=(mse,),
        )
        return log, patience

    def _schedule(self) -> tuple[int, int]:
        """Epochs, and steps an epoch, counted in the parts that `accumulate` makes."""
        options, one_pass = self.options, self.batches.steps_per_pass
        if options.steps is not None:
            total = options.steps * options.accumulate
        else:
            total = options.epochs * one_pass
        steps = min(total, (options.steps_per_epoch or 0) * options.accumulate)
        steps = steps or min(total, one_pass)
        return -(-total // steps), steps

    def _compile(self, model, options: Training, steps: int, **arguments) -> None:
        replicas = self.placement.replicas if self.placement.strategy else 1
        optimizer = make_optimizer(options, steps, replicas)
        jit = xla_pays() if options.jit is None else options.jit
        model.compile(optimizer=optimizer, jit_compile=jit, **arguments)
        model.optimizer.build(model.trainable_variables)

    def _show(self) -> list[keras.callbacks.Callback]:
        """Pictures and events, drawn by the chief alone."""
        if not self.placement.chief:
            return []
        shown, pictures = [], None
        if len(self.model.output_shape) == 4 and self.model.output_shape[-1] in (1, 3):
            source = self.held_out or self.source
            chosen = np.linspace(0, len(source) - 1, min(8, len(source))).astype(int)
            images = source.take(chosen)
            pictures = logs.Pictures(images, self.out / "reconstructions.png")
            shown.append(pictures)
        if self.tensorboard:
            shown.append(logs.TensorBoard(self.out / "tensorboard", pictures))
        return shown

    def validation(self) -> Batches | None:
        """Batches of the held-out examples; None where there are none."""
        if self.held_out is None:
            return None
        return validation_batches(
            self.recipe,
            self.held_out,
            self.batch_size,
            self.model.corruption,
            self.placement,
        )

    def _keep_best(self) -> None:
        if not self.placement.chief:
            return
        averaged = self.options.ema is not None
        weights = (
            actions.averaged_weights(self.model)
            if averaged
            else contextlib.nullcontext()
        )
        with weights, complete_file(self.best) as temporary:
            self.model.save_weights(temporary)


def _build(recipe: Recipe):
    """The recipe's model; RecipeError where the recipe cannot train it."""
    if recipe.start is not None:
        return load(recipe.start)
    try:
        arguments = dict(recipe.model)
        family = arguments.pop("family")
        _check_booleans(registry.family(family).build, arguments)
        model = registry.build(family, **arguments)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"The recipe's model cannot be built: {error}") from error
    augment = recipe.data.augment
    moves = augment.flip or augment.shift or augment.turn
    if moves and len(model.input_shape) != 4:
        raise RecipeError("data.augment moves images: leave it out for other data.")
    if recipe.data.window is None and None in model.output_shape[1:]:
        raise RecipeError(
            f"{model.name} takes pictures of any size: set data.window, such as 64, "
            "the side of the windows to train on."
        )
    if recipe.training.pretrain and not _is_stack(model):
        raise RecipeError("training.pretrain needs a model of dense layers.")
    return model


def _check_booleans(build, arguments: dict) -> None:
    """Refuses `true` where a family takes a number, which Python takes for 1."""
    for name, parameter in inspect.signature(build).parameters.items():
        taken = _scalars(parameter.default)
        given = _scalars(arguments.get(name, parameter.default))
        if bool in given - taken and taken & {int, float}:
            raise RecipeError(f"model.{name} must be a number, not a boolean.")


def _scalars(value) -> set[type]:
    """The types of a value, or of those in a list."""
    return set(map(type, value if isinstance(value, (list, tuple)) else [value]))


def _is_stack(model) -> bool:
    """Whether the model can be pretrained layer by layer."""
    if model.backbone is None:
        return False
    try:
        model.backbone.stack(model.decoder, model.bottleneck.projection)
    except InputError:
        return False
    return True
