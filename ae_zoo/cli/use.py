"""`demo`, `features`, `generate`: models at work."""

from pathlib import Path
from typing import Annotated

import typer

from ae_zoo.cli import output
from ae_zoo.errors import InputError

SIDE = 112  # about as many pixels has the longer side of a generated image
GAP = 4  # pixels between them

Model = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="NAME",
        help="Name in the zoo, folder of weights, or hf://org/repo.",
        show_default=False,
    ),
]


def demo(
    picture: Annotated[
        Path, typer.Option("--output", "-o", help="The picture, a .png.")
    ] = Path("ae_zoo_demo.png"),
    json: output.AsJson = False,
) -> None:
    """See the zoo at work: offline, on real digits, in one picture."""
    output.check_output(picture, (".png",))
    with output.working("Loading Keras") as say:
        output.load_keras()
        from ae_zoo.demo import draw, run

        result = run(progress=say)
        say("Drawing")
        with output.new_file(picture) as file:
            draw(result).savefig(file, format="png")
    if json:
        output.print_json(
            {
                "metrics": result.metrics,
                "baselines": result.baselines,
                "seconds": round(result.seconds, 1),
                "picture": str(picture),
            }
        )
    else:
        output.print_table(
            ("1,797 handwritten digits", "pretrained", "baselines"),
            result.table(),
            numbers=("pretrained",),
        )
        print(f"\nPicture: {picture}")


def features(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="Folder of images or sounds, .txt, .npy, .npz, or a TFDS name.",
            show_default=False,
        ),
    ],
    model: Model,
    to: Annotated[
        Path, typer.Option("--output", "-o", help="A .npz: codes, labels, paths.")
    ] = Path("codes.npz"),
    key: Annotated[
        str | None, typer.Option(help="Inner layer; by default the code.")
    ] = None,
) -> None:
    """Turn images, sounds or texts into features for classifiers and search."""
    output.check_output(to, (".npz",))
    with output.working(f"Encoding {source}"):
        output.load_keras()
        import numpy as np

        from ae_zoo.tasks.features import extract

        arrays = extract(source, model, key)
        with output.new_file(to) as file:
            np.savez_compressed(file, **arrays)
    print(to)
    n, size = arrays["codes"].shape
    typer.echo(f"{n:,} examples, {size:,} features each.", err=True)


def generate(
    model: Model,
    n: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 16,
    seed: Annotated[int, typer.Option(help="The same seed, the same images.")] = 0,
    to: Annotated[
        Path, typer.Option("--output", "-o", help="A .png grid, or a .npz of arrays.")
    ] = Path("grid.png"),
) -> None:
    """Draw new examples from a generative model."""
    output.check_output(to, (".png", ".npz"))
    with output.working(f"Loading {model}"):
        output.load_keras()
        import numpy as np

        from ae_zoo.evaluation.pictures import image_grid, to_pillow
        from ae_zoo.zoo.loader import load

        images = load(model).sample(n, seed)
        as_arrays = to.suffix.lower() == ".npz"
        if not as_arrays and (images.ndim != 4 or images.shape[-1] not in (1, 3)):
            raise InputError(
                f"Examples of shape {images.shape[1:]} are no pictures: write a .npz."
            )
        with output.new_file(to) as file:
            if as_arrays:
                np.savez_compressed(file, images=images)
            else:
                scale = max(1, SIDE // max(images.shape[1:3]))
                grid = image_grid(images, gap=GAP, scale=scale)
                to_pillow(grid).save(file, format="PNG")
    print(to)


COMMANDS = (demo, features, generate)
