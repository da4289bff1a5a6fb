"""`list`, `info`, `download`, `verify`: what exists, and whether it is intact.

None of them imports TensorFlow.
"""

from pathlib import Path
from typing import Annotated

import typer

from ae_zoo.cli import output, photographs
from ae_zoo.code import Code
from ae_zoo.errors import IntegrityError
from ae_zoo.zoo import manifest

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


def list_(
    family: Annotated[str | None, typer.Option(help="Such as vae.")] = None,
    task: Annotated[str | None, typer.Option(help="Such as generate.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Such as mnist.")] = None,
    pattern: Annotated[str | None, typer.Option(help="Of the name: 'vae*'.")] = None,
    json: output.AsJson = False,
) -> None:
    """List the pretrained models."""
    names = manifest.list_models(family, task, dataset, pattern)
    entries = [manifest.model_info(name) for name in names]
    if json:
        output.print_json(entries)
    elif not entries:
        typer.echo("No model matches; `ae-zoo list` shows them all.", err=True)
    else:
        output.print_table(
            (
                *("name", "family", "dataset", "code", "parameters", "precision"),
                *("bundled", "tasks"),
            ),
            [_list_row(entry) for entry in entries],
            numbers=("code", "parameters"),
        )


def _list_row(entry: dict) -> tuple[str, ...]:
    return (
        entry["name"],
        entry["family"],
        entry["dataset"],
        Code(**entry["code"]).describe(),
        f"{entry['parameters']:,}",
        entry["precision"],
        "yes" if entry["bundled"] else "no",
        ", ".join(entry["tasks"]),
    )


def info(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A pretrained model, or an .aez file.",
            show_default=False,
        ),
    ],
    json: output.AsJson = False,
) -> None:
    """Show what a pretrained model is, takes and reaches, or what an .aez file is."""
    if name.endswith(".aez"):
        photographs.print_header(Path(name), json)
        return
    entry = manifest.model_info(name)
    if json:
        output.print_json(entry)
        return
    output.print_table((entry["name"], ""), _info_rows(entry))
    print()
    output.print_table(
        ("metric", "value", "baselines"),
        output.metric_rows(entry["metrics"], entry["baselines"]),
        numbers=("value",),
    )


def _info_rows(entry: dict) -> list[tuple[str, str]]:
    takes, data, hub = entry["input"], entry["training_data"], entry["hub"]
    low, high = takes["range"]
    return [
        ("family", entry["family"]),
        ("tasks", ", ".join(entry["tasks"])),
        ("parameters", f"{entry['parameters']:,}"),
        (
            "input",
            f"{_shape(takes['shape'])} {takes['channels']} {takes['dtype']} "
            f"in [{low:g}, {high:g}], {takes['layout'].replace('_', ' ')}",
        ),
        ("code", Code(**entry["code"]).describe()),
        ("trained on", f"{data['name']} {data['split']} ({data['licence']})"),
        ("training", f"{data['training_seconds']:,.0f} s on {data['hardware']}"),
        (
            "weights",
            f"{entry['licence']}, {'bundled' if entry['bundled'] else 'not bundled'}, "
            f"stored as {entry['precision']}",
        ),
        ("hub", f"{hub['repo']} @ {hub['revision']}" if hub else "not published"),
        ("train again", f"ae-zoo train {entry['recipe']} --out DIR"),
        ("measure again", entry["measured_by"]),
    ]


def download(name: Name) -> None:
    """Fetch a model into the cache and print its folder."""
    from ae_zoo.zoo import loader

    with output.working(f"Fetching {name}"):
        folder = loader.download(name)
    print(folder)


def _shape(shape: list[int | None]) -> str:
    return " x ".join("any" if size is None else str(size) for size in shape)


def verify(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="By default every model on this machine.",
            show_default=False,
        ),
    ] = None,
    json: output.AsJson = False,
) -> None:
    """Compare the weights on this machine with the manifest's checksums."""
    from ae_zoo.zoo import loader

    with output.working("Reading weights"):
        rows = loader.verify(name)
    bad = [row for row in rows if not row["ok"]]
    if json:
        output.print_json(rows)
    elif rows:
        output.print_table(
            ("name", "file", "sha256"),
            [(r["name"], r["file"], r["problem"] or "ok") for r in rows],
        )
    if bad:
        names = ", ".join(sorted({row["name"] for row in bad}))
        raise IntegrityError(
            f"{len(bad)} of {len(rows)} files are not what the manifest promises "
            f"({names}): reinstall ae_zoo, or delete them from the cache."
        )
    if not rows:
        typer.echo("No weights on this machine; `ae-zoo download NAME`.", err=True)


COMMANDS = (list_, info, download, verify)
