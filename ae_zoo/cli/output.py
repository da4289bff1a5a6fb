"""Output of commands: tables, JSON, progress, files."""

import contextlib
import importlib
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from ae_zoo._files import complete_file
from ae_zoo.errors import InputError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

_PIPE_WIDTH = 1000  # columns of a table that no terminal limits


def print_json(value) -> None:
    """Prints `value`, and nothing but it, on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str] = ()
) -> None:
    """Prints a table on stdout; a narrow terminal folds cells, never cuts them.

    Args:
        columns: headings.
        rows: cells, already formatted.
        numbers: headings of the columns to align on the right.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        justify = "right" if column in numbers else "left"
        table.add_column(column, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    Console(width=width, highlight=False, markup=False).print(table)


def metric_rows(metrics: dict, baselines: dict) -> list[tuple[str, str, str]]:
    """Rows of name, value and baselines; a baseline's key ends in its metric's."""
    rows = []
    rest = dict(baselines)
    for key, value in metrics.items():
        beside = [name for name in rest if name.endswith(f"_{key}")]
        cell = ", ".join(
            f"{name.removesuffix(f'_{key}')} {number(rest.pop(name))}"
            for name in beside
        )
        rows.append((key, number(value), cell))
    return rows + [(key, "", number(value)) for key, value in rest.items()]


def number(value: float | int | None) -> str:
    """`value` with four significant digits, '-' for None."""
    return "-" if value is None else f"{value:.4g}"


@contextlib.contextmanager
def stdout_for_results() -> Iterator[None]:
    """Sends to stderr what libraries print while they work."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


@contextlib.contextmanager
def working(message: str) -> Iterator[Callable[[str], None]]:
    """Shows on stderr that work goes on; what libraries print goes there as well.

    Yields:
        A function that replaces the message.
    """
    from rich.console import Console

    console = Console(stderr=True, markup=False, highlight=False)
    with console.status(message) as status, stdout_for_results():
        yield status.update


@contextlib.contextmanager
def progress_bar(message: str) -> Iterator[Callable[[str, float], None]]:
    """Shows a bar on stderr, where that is a terminal; else as `working`.

    Yields:
        A function that takes what is done at the moment, and the share of it that is
        done, from 0 to 1; the bar of what reports nothing more than 0 only moves.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True, markup=False, highlight=False)
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task, current = bar.add_task(message, total=None), message

    def show(what: str, share: float) -> None:
        nonlocal task, current
        if what != current:  # another bar, with its own estimate of the time
            bar.remove_task(task)
            task, current = bar.add_task(what, total=None), what
        bar.update(task, total=1.0 if share else None, completed=share)

    with bar, stdout_for_results():
        yield show


@contextlib.contextmanager
def plain_warnings() -> Iterator[None]:
    """Shows a warning as one line, without the place in the code that gave it."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *_: f"warning: {message}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before


def load_keras() -> None:
    """Imports Keras and its backend without TensorFlow's lines of log.

    Some are written before TensorFlow looks at TF_CPP_MIN_LOG_LEVEL, so stderr is
    closed meanwhile. Who sets that variable sees what was asked for.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        silence = contextlib.nullcontext()
    else:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        silence = _silent_stderr()
    with silence:
        importlib.import_module("keras")


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Discards what this process, C++ included, writes to stderr."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the name `path` once it is completely written.

    Raises:
        InputError: the folder of `path` does not exist.
    """
    check_folder(path)
    with complete_file(path) as temporary, temporary.open("wb") as file:
        yield file


def check_output(path: Path, suffixes: Sequence[str]) -> None:
    """Refuses now a `path` that could not be written after minutes of work.

    Raises:
        InputError: its folder does not exist, or its ending is none of `suffixes`.
    """
    if path.suffix.lower() not in suffixes:
        endings = " or ".join(suffixes)
        raise InputError(
            f"{path} cannot be written: give a name that ends in {endings}."
        )
    check_folder(path)


def check_folder(path: Path) -> None:
    """Raises an `InputError` if the folder of `path` does not exist."""
    if not path.parent.is_dir():
        raise InputError(
            f"{path} cannot be written: make the folder {path.parent} first."
        )
