"""`export`: a model as a file for programs without Keras."""

from pathlib import Path
from typing import Annotated

import typer

from ae_zoo.cli import output

ENDINGS = {"onnx": ".onnx", "litert": ".tflite", "saved_model": "_saved_model"}


def export(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Name in the zoo, folder of weights, or hf://org/repo.",
            show_default=False,
        ),
    ],
    format: Annotated[
        str,
        typer.Option(help="onnx, litert or saved_model.", show_default=False),
    ],
    part: Annotated[
        str,
        typer.Option(
            help="whole (input to reconstruction), encoder (input to code) or decoder."
        ),
    ] = "whole",
    to: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="New file or folder; by default NAME with the format's ending.",
            show_default=False,
        ),
    ] = None,
    json: output.AsJson = False,
) -> None:
    """Write a model for programs without Keras, and compare it with the model."""
    from ae_zoo.publishing.export import check_request

    path = check_request(to or _default(name, format, part), format, part)
    with output.working("Loading Keras") as say:
        output.load_keras()
        from ae_zoo.publishing.export import export as write

        say(f"Exporting {name}")
        done = write(name, path, format, part)
    _report(done, json)


def _default(name: str, format: str, part: str) -> Path:
    """A path here, such as 'vae.mnist.encoder.onnx'."""
    stem = Path(name.partition("@")[0]).expanduser().resolve().name
    middle = "" if part == "whole" else f".{part}"
    return Path(f"{stem}{middle}{ENDINGS.get(format, '')}")


def _report(done, json: bool) -> None:
    if json:
        output.print_json(
            {
                "path": str(done.path),
                "format": done.format,
                "part": done.part,
                "bytes": done.bytes,
                "inputs": done.inputs,
                "outputs": done.outputs,
                "difference": done.difference,
                "tolerance": done.tolerance,
                "flex_ops": list(done.flex_ops),
            }
        )
        return
    difference = "not run, as this interpreter lacks the Flex delegate"
    if done.difference is not None:
        difference = f"{done.difference:.2g}, of {done.tolerance:.2g} accepted"
    rows = [("size", f"{done.bytes:,} bytes")]
    rows += [(f"takes {name}", _words(shape)) for name, shape in done.inputs.items()]
    rows += [(f"gives {name}", _words(shape)) for name, shape in done.outputs.items()]
    rows += [("largest difference", difference)]
    if done.flex_ops:
        rows.append(("needs TensorFlow's", ", ".join(done.flex_ops)))
    output.print_table((str(done.path), ""), rows)


def _words(shape: tuple[int | None, ...]) -> str:
    return " x ".join("any" if side is None else str(side) for side in shape)


COMMANDS = (export,)
