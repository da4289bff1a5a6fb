"""The command line `ae-zoo`: each command calls one function of the package.

Results go to stdout, with `--json` nothing else does; progress and warnings go to
stderr. A user's mistake is one line and exit code 2. Commands import their libraries
when they run, so those that only read the list of weights never import TensorFlow.
"""

import sys
from typing import Annotated

import typer

from ae_zoo import __version__
from ae_zoo.cli import (
    detection,
    experiments,
    export,
    modules,
    output,
    photographs,
    use,
    weights,
)
from ae_zoo.errors import AeZooError, shorten

app = typer.Typer(
    name="ae-zoo",
    help="The autoencoder zoo for Keras: pretrained models that load in one line.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
for group in (weights, use, photographs, detection, experiments, export):
    for command in group.COMMANDS:
        app.command(command.__name__.rstrip("_"))(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ae-zoo {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
    imports: Annotated[
        list[str] | None,
        typer.Option(
            "--import",
            metavar="MODULE",
            help="Import a module that registers families, before the command runs; "
            "repeatable.",
            show_default=False,
        ),
    ] = None,
) -> None:
    if imports:
        modules.import_modules(imports)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: the words after `ae-zoo`; None takes them from `sys.argv`.

    Returns:
        The exit code: 0, 2 for a user's mistake, 130 when interrupted.

    Raises:
        SystemExit: 143, where SIGTERM ended a training.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        with output.plain_warnings():
            code = app(
                arguments or ["--help"], prog_name="ae-zoo", standalone_mode=False
            )
    except typer.TyperException as error:  # a wrong option or argument
        return _fail(error.format_message())
    except AeZooError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(_file_error(error))
    except typer.Abort:
        return 130
    return code or 0


def _file_error(error: OSError) -> str:
    if error.filename is None or error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}"


def _fail(message: str) -> int:
    print("error:", " ".join(shorten(message).split()), file=sys.stderr)
    return 2
