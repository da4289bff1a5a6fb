"""`demo`, `features`, `generate`: models at work."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ae_zoo.cli import output
from ae_zoo.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

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
    """See what the zoo does: offline, on real digits, in one picture."""
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

        from ae_zoo.zoo.loader import load

        images = load(model).sample(n, seed)
        with output.new_file(to) as file:
            if to.suffix.lower() == ".npz":
                np.savez_compressed(file, images=images)
            else:
                tile(images).save(file, format="PNG")
    print(to)


def tile(images: "np.ndarray", side: int = 112, gap: int = 4) -> "Image.Image":
    """Images side by side on white, enlarged without smoothing.

    Args:
        images: `(n, height, width, 1 or 3)`, values in [0, 1].
        side: about how many pixels the longer side of an image gets.
        gap: pixels between images.

    Raises:
        InputError: the examples are not grey or RGB images.
    """
    import numpy as np
    from PIL import Image

    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise InputError(
            f"Examples of shape {images.shape[1:]} are no pictures: write a .npz."
        )
    n, height, width, channels = images.shape
    scale = max(1, side // max(height, width))
    columns = math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    down, right = height * scale + gap, width * scale + gap
    grid = np.full((rows * down - gap, columns * right - gap, channels), 255, "uint8")
    for i, image in enumerate(np.rint(np.clip(images, 0, 1) * 255).astype("uint8")):
        top, left = i // columns * down, i % columns * right
        grid[top : top + height * scale, left : left + width * scale] = image.repeat(
            scale, axis=0
        ).repeat(scale, axis=1)
    return Image.fromarray(grid.squeeze(-1) if channels == 1 else grid)


COMMANDS = (demo, features, generate)
