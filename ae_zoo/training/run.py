"""Runs a recipe: builds, trains, saves."""

import contextlib
import functools
import json
import os
import platform
from pathlib import Path

import keras
import numpy as np

from ae_zoo import models
from ae_zoo._files import complete_file, write_text
from ae_zoo.autoencoder import xla_pays
from ae_zoo.data.augment import binarize, flip, shift, turn
from ae_zoo.data.batches import Batches
from ae_zoo.data.files import list_files
from ae_zoo.data.pictures import to_channels
from ae_zoo.data.sources import Arrays, Table, hold_out, open_source
from ae_zoo.data.windows import PictureFile, Windows
from ae_zoo.datasets import load_examples, load_pictures
from ae_zoo.errors import RecipeError
from ae_zoo.training import callbacks as actions
from ae_zoo.training import logs
from ae_zoo.training.checkpoint import (
    Checkpoint,
    read_state,
    restore_variables,
    stateful,
)
from ae_zoo.training.optimizer import make_optimizer
from ae_zoo.training.placement import Placement, get_placement
from ae_zoo.training.pretrain import pretraining_stages
from ae_zoo.training.recipe import Recipe, Training, load_recipe
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
            running, `checkpoint.npz`.
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
        RecipeError: the recipe is not valid, or `out` holds another training.
        InputError: the data does not fit.
        TrainingError: the loss is no number, or a worker was lost.
    """
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe, overrides)
    out = Path(out)
    folder = out / "model"
    if _is_done(recipe, out, resume):
        return folder
    policy = keras.config.dtype_policy()
    distribution = keras.distribution.distribution()
    keras.config.set_dtype_policy(recipe.training.precision)
    try:
        spread = get_placement(strategy)
        run = _Run(recipe, out, spread, data_dir)
        run.tensorboard, run.verbose = tensorboard, verbose
        run.train()
    finally:
        keras.config.set_dtype_policy(policy)
        keras.distribution.set_distribution(distribution)
    return folder if spread.chief else None


def _is_done(recipe: Recipe, out: Path, resume: bool) -> bool:
    """Whether `out` holds this training, finished; RecipeError if it is in the way."""
    kept = out / "recipe.yaml"
    if not kept.exists():
        return False
    if not resume:
        raise RecipeError(
            f"{out} holds a training: go on with --resume, or choose another --out."
        )
    if kept.read_text() != recipe.to_yaml():
        raise RecipeError(
            f"{out} holds a training by another recipe: choose another --out."
        )
    return (out / "history.json").exists()


class _Run:
    """One training: its model, its data, and the phases it goes through."""

    def __init__(self, recipe: Recipe, out: Path, spread: Placement, data_dir):
        self.recipe, self.options, self.spread = recipe, recipe.training, spread
        self.out = out
        self.checkpoint, self.best = out / "checkpoint.npz", out / "best.weights.h5"
        self.tensorboard, self.verbose = False, True
        keras.utils.set_random_seed(self.options.seed)
        with spread.scope():
            self.model = _build(recipe)
        # Of an example, which is the target; a map may come with the input.
        shape = self.model.output_shape[1:]
        self.source, self.held_out = _open_data(recipe, shape, data_dir)
        self.batch_size = self.options.batch_size // self.options.accumulate
        if self.batch_size % spread.replicas:
            raise RecipeError(
                f"A batch of {self.batch_size} cannot be shared by {spread.replicas} "
                "replicas: change training.batch_size."
            )
        _check_replicas(recipe.training, spread)
        corruption = self.model.corruption
        outside = corruption is not None and corruption.has_map
        self.feed = self._feed(
            self.source,
            self.batch_size,
            self._augmentation(),
            corrupt=corruption.corrupt if outside else None,
        )
        self.resumed = read_state(self.checkpoint)
        self.done = {} if self.resumed is None else dict(self.resumed["done"])
        if spread.chief:
            out.mkdir(parents=True, exist_ok=True)
            write_text(out / "recipe.yaml", recipe.to_yaml())
            if isinstance(self.source, Table):
                scaling = {"low": self.source.low, "high": self.source.high}
                lists = {key: value.tolist() for key, value in scaling.items()}
                _write_json(out / "scaling.json", lists)

    def _feed(self, source, batch_size: int, transforms=(), **options) -> Batches:
        if self.recipe.data.binarize:
            transforms = [*transforms, binarize]
        return Batches(
            source,
            batch_size,
            self.options.seed,
            transforms=transforms,
            shard=self.spread.shard,
            **options,
        )

    def _augmentation(self) -> list:
        augment = self.recipe.data.augment
        moves = (
            [functools.partial(shift, pixels=augment.shift)] if augment.shift else []
        )
        moves += [turn] if augment.turn else []
        return [flip, *moves] if augment.flip else moves

    def train(self) -> None:
        if self.options.pretrain is not None:
            self._pretrain(self.options.pretrain)
        log, patience = self._fit_whole()
        if not self.spread.chief:
            return
        if patience is not None and patience.state["best"] is not None:
            self.model.load_weights(self.best)
        self.model.bottleneck.finish()
        save(self.model, self.out / "model")
        _write_json(self.out / "history.json", self._report(log, patience))
        for file in (self.checkpoint, self.best):
            file.unlink(missing_ok=True)

    def _pretrain(self, options) -> None:
        steps = self.feed.steps_per_pass
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
            with self.spread.scope():  # where the next stage is built
                stage = next(stages, None)
                if stage is None:
                    return
                self._compile(stage, settings, options.epochs * steps)
            log = logs.Log(None)
            self._fit(stage.name, stage, options.epochs, steps, [log])
            self.done.setdefault(stage.name, log.state["rows"])

    def _fit_whole(self) -> tuple[logs.Log, actions.Patience | None]:
        """Trains the whole model; its log, and what watched the validation loss."""
        options = self.options
        epochs, steps = self._schedule()
        with self.spread.scope():
            self._compile(self.model, options, epochs * steps, metrics=["mse"])
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
        log = logs.Log(self.out / "log.csv" if self.spread.chief else None)
        callbacks += [log, *self._show()]
        self._fit(MAIN, self.model, epochs, steps, callbacks, self._validation())
        return log, patience

    def _schedule(self) -> tuple[int, int]:
        """Epochs, and steps an epoch, counted in the parts that `accumulate` makes."""
        options, one_pass = self.options, self.feed.steps_per_pass
        if options.steps is not None:
            total = options.steps * options.accumulate
        else:
            total = options.epochs * one_pass
        steps = min(total, (options.steps_per_epoch or 0) * options.accumulate)
        steps = steps or min(total, one_pass)
        return -(-total // steps), steps

    def _compile(self, model, options: Training, steps: int, **arguments) -> None:
        replicas = self.spread.replicas if self.spread.strategy else 1
        optimizer = make_optimizer(options, steps, replicas)
        jit = xla_pays() if options.jit is None else options.jit
        model.compile(optimizer=optimizer, jit_compile=jit, **arguments)
        model.optimizer.build(model.trainable_variables)

    def _show(self) -> list[keras.callbacks.Callback]:
        """Pictures and events, drawn by the chief alone."""
        if not self.spread.chief:
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

    def _validation(self) -> Batches | None:
        if self.held_out is None:
            return None
        replicas, held = self.spread.replicas, len(self.held_out)
        batches = -(-held // self.batch_size)  # of equal size, to leave out but a few
        corruption = self.model.corruption
        return self._feed(
            self.held_out,
            max(held // batches // replicas, 1) * replicas,
            shuffle=False,
            corrupt=None if corruption is None else corruption.corrupt,
        )

    def _keep_best(self) -> None:
        if not self.spread.chief:
            return
        averaged = self.options.ema is not None
        weights = (
            actions.averaged_weights(self.model)
            if averaged
            else contextlib.nullcontext()
        )
        with weights, complete_file(self.best) as temporary:
            self.model.save_weights(temporary)

    def _fit(self, phase, model, epochs, steps, callbacks, validation=None) -> None:
        """Trains `model` from where the checkpoint left this phase."""
        optimizer = model.optimizer.variables
        every = (*self.model.variables, *model.variables, *optimizer)
        variables = list({id(variable): variable for variable in every}.values())
        start = 0
        if self.resumed is not None:
            if phase in self.resumed["done"]:
                return
            restore_variables(self.checkpoint, variables)
            start = self.resumed["epoch"]
            for name, callback in stateful(callbacks).items():
                callback.state |= self.resumed["callbacks"][name]
            self.resumed = None
        where = {"phase": phase, "done": self.done}
        chief = self.spread.chief
        callbacks = [
            actions.StopOnNaN(self.feed, steps, self.checkpoint),
            *callbacks,
            Checkpoint(self.checkpoint, where, variables, callbacks, chief),
        ]
        closing = contextlib.ExitStack()
        if self.verbose and chief:
            progress = logs.Progress(phase, epochs, steps, self.feed.batch_size)
            callbacks.append(progress)
            closing.callback(progress.bar.stop)  # also after an error
        if self.spread.shard[1] > 1:
            from ae_zoo.training.workers import fit  # which needs TensorFlow
        else:
            fit = _fit_here
        ended = any(c.state.get("ended") for c in stateful(callbacks).values())
        if start >= epochs or ended:
            model.optimizer.finalize_variable_values(model.trainable_variables)
            return
        try:
            with closing:
                fit(model, self.feed, start, epochs, steps, callbacks, validation)
        except Exception:
            # What reading a batch raised comes back from TensorFlow as any of its own.
            for feed in filter(None, (self.feed, validation)):
                if feed.failure is not None:
                    raise feed.failure from None
            raise

    def _report(self, log: logs.Log, patience: actions.Patience | None) -> dict:
        report = {
            "seconds": round(log.state["seconds"], 1),
            "hardware": _hardware(),
            "keras": keras.__version__,
            "pretraining": self.done,
            "history": log.state["rows"],
        }
        if patience is not None:
            best = patience.state["best_epoch"]
            report["best_epoch"] = None if best is None else best + 1
            report["converged"] = patience.plateau and patience.state["ended"]
        return report


def _hardware() -> str:
    gpus = [d for d in keras.distribution.list_devices() if not d.startswith("cpu")]
    return (
        f"{len(gpus)} GPUs"
        if gpus
        else f"{os.cpu_count()} CPU cores ({platform.machine()})"
    )


def _check_replicas(options: Training, spread: Placement) -> None:
    """Refuses what Keras cannot do on several replicas of `tf.distribute`."""
    if spread.strategy is None or spread.replicas == 1:
        return
    if options.accumulate > 1:
        raise RecipeError(
            "training.accumulate works on one device only: Keras cannot accumulate "
            "under tf.distribute. Lower training.batch_size or leave it out."
        )
    if options.precision == "mixed_float16":
        raise RecipeError(
            "training.precision 'mixed_float16' works on one device only: Keras scales "
            "the loss by what one replica's gradients do. Use 'mixed_bfloat16'."
        )


def _fit_here(model, feed, start, epochs, steps, callbacks, validation) -> None:
    """Keras's `fit` on the devices of one machine."""
    model.fit(
        feed.dataset(start * steps, epochs * steps),
        initial_epoch=start,
        epochs=epochs,
        steps_per_epoch=steps,
        validation_data=validation and validation.dataset(0, validation.steps_per_pass),
        validation_steps=validation and validation.steps_per_pass,
        callbacks=callbacks,
        shuffle=False,  # the feed has shuffled
        verbose=0,
    )


def _build(recipe: Recipe):
    if recipe.start is not None:
        return load(recipe.start)
    try:
        arguments = dict(recipe.model)
        model = models.build(arguments.pop("family"), **arguments)
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
    if recipe.training.pretrain and not hasattr(model.backbone, "encoder_layers"):
        raise RecipeError("training.pretrain needs a model of dense layers.")
    return model


def _open_data(recipe: Recipe, shape: tuple[int, ...], data_dir):
    """What to train on, and what to validate on or None."""
    data = recipe.data
    if data.window is not None:
        return _open_windows(data, shape[-1], recipe.training.seed, data_dir)

    def find(where, like=None):
        if data.path is not None:
            return open_source(where, shape, like)
        return Arrays(load_examples(data.name, where, data_dir, shape).x, shape)

    source = find(data.path or data.train)
    if data.validation is None:
        return source, None
    if isinstance(data.validation, str):
        return source, find(data.validation, source)
    return hold_out(source, data.validation, recipe.training.seed)


def _open_windows(data, channels: int, seed: int, data_dir):
    """As `_open_data`, of windows of photographs."""

    def find(where):
        if data.path is not None:
            return [PictureFile(path, channels) for path in list_files(where)]
        pictures = load_pictures(data.name, where, data_dir)
        return [to_channels(picture, channels) for picture in pictures]

    pictures, held_out = find(data.path or data.train), None
    if isinstance(data.validation, str):
        held_out = find(data.validation)
    elif data.validation is not None:
        kept, held = hold_out(pictures, data.validation, seed)
        pictures, held_out = ([pictures[i] for i in p.indices] for p in (kept, held))
    train = Windows(pictures, data.window)
    # Side by side is enough to validate on.
    return train, held_out and Windows(held_out, data.window, stride=data.window)


def _write_json(path: Path, content: dict) -> None:
    write_text(path, json.dumps(content, indent=1))
