"""`denoise`, `inpaint`: photographs restored, one or a folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ae_zoo.cli import output

Source = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT", help="A picture or a folder of them.", show_default=False
    ),
]
Target = Annotated[
    Path,
    typer.Argument(
        metavar="OUTPUT", help="The picture or folder to write.", show_default=False
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="Name in the zoo, folder of weights, or hf://org/repo; by default the "
        "zoo's for the picture.",
        show_default=False,
    ),
]


def denoise(
    source: Source,
    target: Target,
    sigma: Annotated[
        float | None,
        typer.Option(
            help="Standard deviation of the noise in levels of 255; by default it is "
            "estimated.",
            show_default=False,
        ),
    ] = None,
    model: Model = None,
) -> None:
    """Remove noise from a photograph of any kind and size, or from a folder."""
    _load_keras()
    from ae_zoo.tasks import Denoiser

    denoiser = Denoiser(model)
    _run(lambda: denoiser.run(source, target, sigma), target)


def inpaint(
    source: Source,
    mask: Annotated[
        Path,
        typer.Argument(
            metavar="MASK",
            help="White where the picture is missing; for a folder one mask for all, "
            "or a folder of masks with the pictures' names.",
            show_default=False,
        ),
    ],
    target: Target,
    model: Model = None,
) -> None:
    """Fill the holes of a photograph of any kind and size, or of a folder."""
    _load_keras()
    from ae_zoo.tasks import Inpainter

    inpainter = Inpainter(model)
    _run(lambda: inpainter.run(source, mask, target), target)


def _load_keras() -> None:
    with output.working("Loading Keras"):
        output.load_keras()


def _run(work: Callable[[], list], target: Path) -> None:
    """Prints what was written; exit code 1 where files of a folder failed."""
    with output.stdout_for_results():
        failures = work()
    print(target)
    if failures:
        raise typer.Exit(1)


COMMANDS = (denoise, inpaint)
