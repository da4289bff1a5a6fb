"""Processing of every file of a folder, where a bad file does not stop the others."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from ae_zoo.data.files import list_files
from ae_zoo.data.images import IMAGE_SUFFIXES
from ae_zoo.errors import AeZooError, InputError
from ae_zoo.tasks.arguments import as_path


def run_batch(
    function: Callable[[Path, Path], object],
    source: str | os.PathLike,
    target: str | os.PathLike,
    suffix: str | None = None,
    progress: bool = True,
    suffixes: Sequence[str] = IMAGE_SUFFIXES,
) -> list[tuple[Path, str]]:
    """Calls `function(in_path, out_path)` for a file, or for each file of a folder.

    Files of a folder are written to the same relative paths below `target`; folders are
    made as needed. Files that are already below `target` are not read.

    Args:
        function: reads one file and writes the other.
        source: a file or a folder.
        target: for a file, the file to write or a folder that exists; for a folder, a
            folder that is not the source and does not contain it.
        suffix: suffix of the files written, such as '.aez'; None keeps that of each.
        progress: whether to show a progress bar on stderr.
        suffixes: suffixes of the files to read, in lower case.

    Returns:
        For a folder, the files that failed with an `AeZooError` or an `OSError`, and
        why. Each failure is printed to stderr at once, and the other files are
        processed.

    Raises:
        InputError: the source does not exist, the target is not allowed, or two files
            would be written to one.
        AeZooError, OSError: `function` raised it for a single file.
    """
    source, target = as_path("source", source), as_path("target", target)
    if source.is_dir():
        jobs = _jobs(source, target, suffix, suffixes)
        return _run(function, jobs, progress)
    if not source.exists():
        raise InputError(f"There is no file or folder {source}.")
    if target.is_dir():
        target = target / _renamed(Path(source.name), suffix)
    if target.exists() and target.samefile(source):
        raise InputError(f"{target} is the file to read: name another to write.")
    function(source, target)
    return []


def _jobs(
    source: Path, target: Path, suffix: str | None, suffixes: Sequence[str]
) -> list[tuple[Path, Path]]:
    """Paths to read and the path to write for each, without duplicates."""
    if source.resolve().is_relative_to(target.resolve()):
        raise InputError(
            f"Files in {target} might be overwritten: name a folder that is not "
            f"{source} and does not contain it."
        )
    if target.exists() and not target.is_dir():
        raise InputError(
            f"{target} is a file: name a folder for the files of {source}."
        )
    jobs = {}
    for path in list_files(source, suffixes):
        if path.resolve().is_relative_to(target.resolve()):
            continue
        output = target / _renamed(path.relative_to(source), suffix)
        if output in jobs:
            raise InputError(
                f"{jobs[output]} and {path} would both be written to {output}: rename "
                "one."
            )
        jobs[output] = path
    return [(path, output) for output, path in jobs.items()]


def _renamed(path: Path, suffix: str | None) -> Path:
    return path if suffix is None else path.with_suffix(suffix)


def _run(function, jobs: list[tuple[Path, Path]], progress: bool):
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    failures = []
    with Progress(
        console=console,
        transient=True,
        disable=not (progress and console.is_terminal),
    ) as bar:
        for path, output in bar.track(jobs, description="Files"):
            try:
                output.parent.mkdir(parents=True, exist_ok=True)
                function(path, output)
            except (AeZooError, OSError) as error:
                message = " ".join(str(error).split())
                failures.append((path, message))
                named = str(path) in message
                console.print(message if named else f"{path}: {message}")
    return failures
