"""`denoise`, `inpaint`, `compress`, `decompress`: photographs, one or a folder."""

import dataclasses
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
        "zoo's.",
        show_default=False,
    ),
]


def denoise(
    source: Source,
    target: Target,
    sigma: Annotated[
        float | None,
        typer.Option(
            help="Standard deviation of white noise in levels of 255; by default the "
            "noise may be of any kind and level.",
            show_default=False,
        ),
    ] = None,
    strength: Annotated[
        float,
        typer.Option(help="Share of the noise to remove; .5 keeps some grain."),
    ] = 1.0,
    model: Model = None,
) -> None:
    """Remove noise from a photograph of any kind and size, or from a folder."""
    _load_keras()
    from ae_zoo.tasks import Denoiser

    denoiser = Denoiser(model)
    _run(lambda: denoiser.run(source, target, sigma, strength), target)


def inpaint(
    source: Source,
    mask: Annotated[
        Path,
        typer.Argument(
            metavar="MASK",
            help="White, or opaque on a transparent ground, where the picture is "
            "missing; for a folder one mask for all, or a folder of masks with the "
            "pictures' names.",
            show_default=False,
        ),
    ],
    target: Target,
    dilate: Annotated[
        int,
        typer.Option(help="Pixels by which the marks grow, for blurred edges."),
    ] = 0,
    model: Model = None,
) -> None:
    """Inpaint the missing parts of a photograph of any kind and size, or a folder."""
    _load_keras()
    from ae_zoo.tasks import Inpainter

    inpainter = Inpainter(model)
    _run(lambda: inpainter.run(source, mask, target, dilate), target)


def compress(
    source: Source,
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT",
            help="The .aez file or the folder to write.",
            show_default=False,
        ),
    ],
    quality: Annotated[
        float | None,
        typer.Option(
            help="From 0, the smallest files, to 8, in steps of 1/16. By default the "
            "middle, 4.",
            show_default=False,
        ),
    ] = None,
    target_bytes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Instead of a quality: how large each file may be.",
            show_default=False,
        ),
    ] = None,
    target_psnr: Annotated[
        float | None,
        typer.Option(
            help="Instead of a quality: how like its picture each file must be, in "
            "decibels; 40 is hard to tell apart.",
            show_default=False,
        ),
    ] = None,
    model: Model = None,
) -> None:
    """Compress a photograph of any kind and size, or a folder, to .aez files."""
    _load_keras()
    from ae_zoo.tasks import Compressor

    compressor = Compressor(model)
    aim = quality, target_bytes, target_psnr
    _run(lambda: compressor.run(source, target, *aim), target)
    if target.is_file():
        from ae_zoo.tasks.codec import container

        size, bpp = _size(target, container.read_header(target))
        typer.echo(f"{size:,} bytes, {bpp:.3f} bits a pixel", err=True)


def decompress(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="An .aez file or a folder of them.",
            show_default=False,
        ),
    ],
    target: Target,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="What made the files, where it is not in the zoo; by default they "
            "say.",
            show_default=False,
        ),
    ] = None,
    most_pixels: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Largest picture to decompress; by default 67,108,864 pixels.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Turn an .aez file, or a folder of them, back into pictures."""
    _load_keras()
    from ae_zoo.tasks import Compressor
    from ae_zoo.tasks.codec.files import decompress_files
    from ae_zoo.tasks.codec.limits import MOST_PIXELS

    compressor, most = model and Compressor(model), most_pixels or MOST_PIXELS
    _run(lambda: decompress_files(source, target, compressor, most_pixels=most), target)


def print_header(path: Path, json: bool) -> None:
    """Shows what an `.aez` file says of its picture; needs no Keras."""
    from ae_zoo.tasks.codec import container  # which imports NumPy

    header = container.read_header(path)
    size, bpp = _size(path, header)
    shown = dataclasses.asdict(header) | {"bytes": size, "bpp": round(bpp, 4)}
    if json:
        output.print_json({"file": str(path), **shown})
        return
    mode = ("grey", "grey and alpha", "RGB", "RGB and alpha")[header.mode - 1]
    rows = [
        ("picture", f"{header.width} x {header.height}, {mode}, {header.bits} bits"),
        ("size", f"{size:,} bytes, {bpp:.3f} bits a pixel"),
        ("quality", str(header.quality)),
        ("weight", header.weight),
        ("its sha256", header.sha256),
    ]
    output.print_table((str(path), ""), rows)


def _size(path: Path, header) -> tuple[int, float]:
    """Bytes of an `.aez` file, and its bits a pixel."""
    size = path.stat().st_size
    return size, 8 * size / (header.width * header.height)


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


COMMANDS = (denoise, inpaint, compress, decompress)
