"""`train` and `evaluate`: make a weight again, and measure it again."""

import json as json_module
from pathlib import Path
from typing import Annotated, Any

import typer

from ae_zoo.cli import output
from ae_zoo.errors import RecipeError


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="Name of a model of the zoo, or a YAML file.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the results; the same one resumes."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a value of the recipe, as training.epochs=3; repeatable.",
        ),
    ] = None,
    show: Annotated[
        bool, typer.Option("--print", help="Print the recipe instead of training.")
    ] = False,
) -> None:
    """Train a model from its recipe; the datasets come from TFDS_DATA_DIR."""
    overrides = parse_overrides(set_ or [])
    if out is None and not show:
        raise RecipeError("Training needs a folder for its results: add --out DIR.")
    from ae_zoo import training

    content = training.load_recipe(recipe, overrides)
    if show:
        print(content.to_yaml(), end="")
        return
    with output.working("Loading Keras"):
        output.load_keras()
    with output.stdout_for_results():
        folder = training.train(content, out)
    print(folder)
    typer.echo(
        f"Measure it with `ae-zoo evaluate {folder} --dataset {content.data.name}`.",
        err=True,
    )


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
        except ValueError:
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
    json: output.AsJson = False,
) -> None:
    """Measure a model on test data, beside simple baselines."""
    with output.working(f"Loading {name}") as say:
        output.load_keras()
        from ae_zoo import evaluation

        result = evaluation.evaluate(
            name,
            dataset=dataset,
            progress=lambda question: say(f"Measuring {name}: {question}"),
        )
    if json:
        output.print_json(result)
    else:
        output.print_table(
            (result["name"], "value", "baselines"),
            output.metric_rows(result["metrics"], result["baselines"]),
            numbers=("value",),
        )


COMMANDS = (train, evaluate)
