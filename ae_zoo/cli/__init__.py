"""The command line `ae-zoo`: each command calls one function of the package.

What a command makes goes to stdout, and with `--json` nothing else does; what it
says while working goes to stderr. A user's mistake is one line and exit code 2.
Commands import what they need when they run, so those that only read the list of
weights never import TensorFlow.
"""

import sys
from typing import Annotated

import typer

from ae_zoo import __version__
from ae_zoo.cli import detection, experiments, photographs, use, weights
from ae_zoo.errors import AeZooError

app = typer.Typer(
    name="ae-zoo",
    help="The autoencoder zoo for Keras: pretrained models that load in one line.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
for module in (weights, use, photographs, detection, experiments):
    for command in module.COMMANDS:
        app.command(command.__name__.rstrip("_"))(command)

# Whatever typer says about wrong options; the class itself has no public name.
_UsageError = typer.BadParameter.__base__


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
) -> None:
    pass


def main(arguments: list[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: what follows `ae-zoo`; None takes it from `sys.argv`.

    Returns:
        The exit code: 0, 2 for a user's mistake, 130 when interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = app(arguments or ["--help"], prog_name="ae-zoo", standalone_mode=False)
    except _UsageError as error:
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
    print("error:", " ".join(message.split()), file=sys.stderr)
    return 2
