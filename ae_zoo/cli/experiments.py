"""`train` and `evaluate`: make a weight again, and measure it again."""

import contextlib
import json as json_module
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ae_zoo.cli import output
from ae_zoo.errors import InputError, RecipeError


def train(
    recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="RECIPE",
            help="Name of a model of the zoo, or a YAML file.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="NAME", help="Go on from these weights (fine-tuning)."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Folder of images or sounds, .npy, .npz, .csv, .txt, or a TFDS name.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a value of the recipe, as training.epochs=3; repeatable.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in --out.")
    ] = False,
    strategy: Annotated[
        str, typer.Option(help="auto, single, mirrored or multiworker.")
    ] = "auto",
    measure: Annotated[
        bool,
        typer.Option("--evaluate", help="Measure the result, and what it must reach."),
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write events for TensorBoard.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--print", help="Print the recipe instead of training.")
    ] = False,
    json: output.AsJson = False,
) -> None:
    """Train a model from its recipe; the datasets come from TFDS_DATA_DIR."""
    overrides = parse_overrides(set_ or [])
    if out is None and not show:
        raise RecipeError("Training needs a folder for its results: add --out DIR.")
    from ae_zoo import training

    content = training.find_recipe(recipe, start, data, overrides)
    if measure and content.data.path is not None:
        raise RecipeError(
            "--evaluate needs a labelled test set of TFDS: leave it out, and measure "
            "the result with `ae-zoo evaluate FOLDER --dataset NAME`."
        )
    if show:
        print(content.to_yaml(), end="")
        return
    with output.working("Loading Keras"):
        output.load_keras()
    with output.stdout_for_results(), _ctrl_c_by_the_system():
        folder = training.train(
            content, out, strategy=strategy, resume=resume, tensorboard=tensorboard
        )
    if folder is None:
        return  # the first worker has the result
    if measure:
        _measure(content, folder, json)
    elif json:
        output.print_json({"name": content.name, "folder": str(folder)})
    else:
        print(folder)
        if content.data.path is None:
            again = f"ae-zoo evaluate {folder} --dataset {content.data.name}"
            typer.echo(f"Measure it with `{again}`.", err=True)


@contextlib.contextmanager
def _ctrl_c_by_the_system() -> Iterator[None]:
    """Lets the system end the process where the training does not catch a Ctrl-C.

    Python would wait for TensorFlow to finish what it computes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous or signal.SIG_DFL)


def _measure(recipe, folder: Path, json: bool) -> None:
    """Prints the metrics of a fresh weight; exit code 1 where it misses a limit."""
    from ae_zoo import training

    result = _evaluate(str(folder), recipe.data.name) | {"name": recipe.name}
    missed = training.missed_limits(recipe, result["metrics"])
    _print_result(result | {"folder": str(folder), "missed": missed}, json)
    if missed:
        print("missed:", "; ".join(missed), file=sys.stderr)
        raise typer.Exit(1)


def parse_overrides(settings: list[str]) -> dict[str, Any]:
    """Values by dotted key from `key=value`; what is not JSON is a string.

    Raises:
        RecipeError: a setting without a key or an equals sign.
    """
    overrides = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not key or not equals:
            raise RecipeError(
                f"--set {setting} is not KEY=VALUE, such as training.epochs=3."
            )
        try:
            overrides[key] = json_module.loads(text)
        except (ValueError, RecursionError):  # RecursionError: too many brackets
            overrides[key] = text
    return overrides


def evaluate(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME_OR_FOLDER",
            help="Name in the zoo, folder of weights, or hf://org/repo.",
            show_default=False,
        ),
    ],
    dataset: Annotated[
        str | None,
        typer.Option(help="TFDS name; by default what the model was trained on."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Your own examples: a folder of images or sounds, .npy, .npz or .csv.",
            show_default=False,
        ),
    ] = None,
    json: output.AsJson = False,
) -> None:
    """Measure a model on test data, or on your own, beside simple baselines."""
    if data is None:
        _print_result(_evaluate(name, dataset), json)
        return
    if dataset is not None:
        raise InputError("Choose one of --data and --dataset.")
    result = _evaluate_data(name, data)
    _print_result(result, json)
    if not json:
        print(f"\n{result['examples']:,} of {result['available']:,} examples of {data}")
        for note in result["notes"]:
            print(f"- {note}")


def _evaluate_data(name: str, data: str) -> dict:
    with output.working(f"Loading {name}"):
        output.load_keras()
        from ae_zoo import evaluation
    with output.progress_bar(f"Loading {name}") as show:
        return evaluation.evaluate_data(name, data, progress=show)


def _evaluate(name: str, dataset: str | None) -> dict:
    with output.working(f"Loading {name}") as say:
        output.load_keras()
        from ae_zoo import evaluation

        return evaluation.evaluate(
            name,
            dataset=dataset,
            progress=lambda question: say(f"Measuring {name}: {question}"),
        )


def _print_result(result: dict, json: bool) -> None:
    if json:
        output.print_json(result)
    else:
        output.print_table(
            (result["name"], "value", "baselines"),
            output.metric_rows(result["metrics"], result["baselines"]),
            numbers=("value",),
        )


COMMANDS = (train, evaluate)
