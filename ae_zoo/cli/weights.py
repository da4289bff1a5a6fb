"""`list`, `info`, `download`, `verify`: what exists, and whether it is intact.

None of them imports TensorFlow, except `info` for a folder, whose model it builds.
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from ae_zoo.cli import output, photographs
from ae_zoo.code import Code
from ae_zoo.errors import IntegrityError, UnknownNameError
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
            help="A pretrained model, a folder of weights or of a training, "
            "hf://org/repo, or an .aez file.",
            show_default=False,
        ),
    ],
    json: output.AsJson = False,
) -> None:
    """Show what a model is, takes, and was trained on, or what an .aez file is."""
    if name.endswith(".aez"):
        photographs.print_header(Path(name), json)
        return
    if (entry := _entry(name)) is None:
        _print_folder(name, json)
        return
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


def _entry(name: str) -> dict | None:
    """The manifest's entry; None for the name of a folder or a repository."""
    if os.sep in name or "/" in name:
        return None
    try:
        return manifest.model_info(name)
    except UnknownNameError:
        if Path(name).is_dir():
            return None
        raise


def _print_folder(name: str, json: bool) -> None:
    with output.working(f"Loading {name}"):
        output.load_keras()
        from ae_zoo.publishing.description import describe_folder

        found = describe_folder(name)
    if json:
        output.print_json(found)
        return
    takes = found["input"]
    values = (
        "any values"
        if takes["range"] is None
        else "[{:g}, {:g}]".format(*takes["range"])
    )
    versions = found["versions"]
    rows = [
        ("what it is", found["summary"]),
        ("family", found["family"]),
        ("tasks", ", ".join(found["tasks"])),
        ("parameters", f"{found['parameters']:,}, {found['precision']}"),
        ("input", f"{_shape(takes['shape'])} {takes['dtype']} in {values}"),
        ("code", Code(**found["code"]).describe()),
        ("loss", found["loss"] or "of the layers"),
        *_training_rows(found["training"]),
        ("saved by", f"ae_zoo {versions['ae_zoo']}, Keras {versions['keras']}"),
        *((f["name"], f"{f['size']:,} bytes, {f['sha256']}") for f in found["files"]),
    ]
    output.print_table((found["folder"], ""), rows)


def _training_rows(training: dict | None) -> list[tuple[str, str]]:
    if training is None:
        return [("trained on", "not recorded in this folder")]
    rows = [("trained on", str(training["data"] or "not recorded in this folder"))]
    if training["scaled"]:
        rows.append(("columns", "scaled as scaling.json says"))
    if training["start"]:
        rows.append(("started from", str(training["start"])))
    if training["epochs"] is None:
        return rows
    epochs = f"{training['epochs']} epochs"
    if training["best_epoch"]:
        epochs += f", the best is {training['best_epoch']}"
    return [
        *rows,
        ("training", f"{epochs}, {training['seconds']} s on {training['hardware']}"),
    ]


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
