"""`detect`: abnormal rows of tables and moments of time series."""

import warnings
from pathlib import Path
from typing import Annotated

import typer

from ae_zoo.cli import output
from ae_zoo.errors import InputError

SERIES_WINDOW = 20  # rows, of a table with times
_LISTED = 10  # intervals that are printed


def detect(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="A .csv, .parquet, .npy or .npz table, a row an example.",
            show_default=False,
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="Folder of a detector that --save wrote; or a family to train, by "
            "default denoising_ae, or a pretrained weight.",
            show_default=False,
        ),
    ] = None,
    fit: Annotated[
        bool,
        typer.Option(
            "--fit",
            help="Train on INPUT itself, most of which should be normal: what happens "
            "without --model, --normal and --first.",
        ),
    ] = False,
    normal: Annotated[
        Path | None,
        typer.Option(help="Table of normal rows to train on.", show_default=False),
    ] = None,
    first: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Train on the first so many rows of INPUT, and score all.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        Path, typer.Option("--output", "-o", help="The scores, a .csv.")
    ] = Path("scores.csv"),
    plot: Annotated[
        Path | None, typer.Option(help="A picture, .png.", show_default=False)
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(help="New folder for the detector.", show_default=False),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Rows seen at once; by default {SERIES_WINDOW} for a table with "
            "times, else 1.",
            show_default=False,
        ),
    ] = None,
    combine: Annotated[
        str | None,
        typer.Option(
            help="Of the columns' errors: mahalanobis, mean or max; by default "
            "mahalanobis up to 256 columns, else mean.",
            show_default=False,
        ),
    ] = None,
    contamination: Annotated[
        float | None,
        typer.Option(
            help="Share of the training rows to call abnormal.", show_default=False
        ),
    ] = None,
    alarm_rate: Annotated[
        float, typer.Option(help="Share of normal rows that may be called abnormal.")
    ] = 0.01,
    margin: Annotated[
        float, typer.Option(help="Factor on the threshold, for data that drift.")
    ] = 1.0,
    trim: Annotated[
        float,
        typer.Option(
            help="Share of a table's rows, the worst, to train again without: where "
            "many are abnormal.",
        ),
    ] = 0.0,
    epochs: Annotated[int, typer.Option(min=1, help="Passes of the training.")] = 30,
    seed: Annotated[int, typer.Option(help="The same seed, the same scores.")] = 0,
    ignore: Annotated[
        str, typer.Option(help="Columns to leave out, separated by commas.")
    ] = "",
    categories: Annotated[
        str,
        typer.Option(
            help="Columns of text, or of numbers that are no quantities, separated by "
            "commas."
        ),
    ] = "",
    json: output.AsJson = False,
) -> None:
    """Find the abnormal rows of a table, or the abnormal moments of a time series."""
    output.check_output(to, (".csv",))
    if plot is not None:
        output.check_output(plot, (".png",))
    if save is not None and save.exists():
        raise InputError(f"{save} exists: choose a new folder.")
    if sum([fit, normal is not None, first is not None]) > 1:
        raise InputError("Choose one of --fit, --normal and --first.")
    left_out, kinds = _names(ignore), _names(categories)
    from ae_zoo.data.tables import read_frame

    is_fitted = model is not None and Path(model).is_dir()
    frame = None if is_fitted else read_frame(source, left_out, kinds)
    with output.working("Loading Keras") as say:
        output.load_keras()
        from ae_zoo.tasks.detector import AnomalyDetector
        from ae_zoo.tasks.detector import detect as score

        if is_fitted:
            if any(
                (fit, normal, first, save, window, combine, contamination, trim, kinds)
            ):
                raise InputError(f"{model} is fitted already: leave out how to fit it.")
            detector = AnomalyDetector.load(model)
            kinds = [detector.names_[i] for i in detector.categories_]
            frame = read_frame(source, left_out, kinds).select(detector.names_)
        else:
            is_series = (window or 1) > 1 or frame.times is not None
            detector = AnomalyDetector(
                model or "denoising_ae",
                window=window or (SERIES_WINDOW if is_series else 1),
                measure="error" if is_series else "both",
                combine=combine or "auto",
                contamination="auto" if contamination is None else contamination,
                alarm_rate=alarm_rate,
                margin=margin,
                trim=trim,
                epochs=epochs,
                random_state=seed,
                categories=kinds,
            )
            rows = frame.values if first is None else frame.values[:first]
            if normal is not None:
                rows = read_frame(normal, left_out, kinds).select(frame.names).values
            say(f"Training on {len(rows):,} rows")
            for message in _fit(detector, rows, frame.names):
                typer.echo(message, err=True)
            if save is not None:
                detector.save(save)
        say(f"Scoring {len(frame):,} rows")
        found = score(detector, frame)
        with output.new_file(to) as file:
            found.write_csv(file)
        if plot is not None:
            say("Drawing")
            with output.new_file(plot) as file:
                found.draw().savefig(file, format="png")
    _report(found, to, plot, json)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _fit(detector, rows, names: list[str]) -> list[str]:
    """Fits the detector with the columns' names; returns what it warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        detector.fit(rows, names=names)
    return [
        str(warning.message) for warning in caught if warning.category is UserWarning
    ]


def _report(found, to: Path, plot: Path | None, json: bool) -> None:
    intervals = found.intervals()
    if json:
        output.print_json(
            {
                "rows": len(found.scores),
                "abnormal": int(found.abnormal.sum()),
                "threshold": found.threshold,
                "intervals": [
                    {
                        "start": found.place(i.start),
                        "end": found.place(i.stop - 1),
                        "score": float(found.scores[i.peak]),
                        "column": found.worst(i.peak),
                    }
                    for i in intervals
                ],
                "scores": str(to),
                "plot": None if plot is None else str(plot),
            }
        )
        return
    highest = sorted(intervals, key=lambda i: -found.scores[i.peak])[:_LISTED]
    output.print_table(
        ("from", "to", "highest score", "column"),
        [
            (
                found.place(i.start),
                found.place(i.stop - 1),
                output.number(float(found.scores[i.peak])),
                found.worst(i.peak),
            )
            for i in sorted(highest, key=lambda i: i.start)
        ],
        numbers=("highest score",),
    )
    shown = f", the {_LISTED} highest here" if len(intervals) > _LISTED else ""
    print(
        f"\n{found.abnormal.sum():,} of {len(found.scores):,} rows above the threshold "
        f"of {found.threshold:.3g}; stretches: {len(intervals):,}{shown}."
    )
    print(f"Scores: {to}" + ("" if plot is None else f"\nPicture: {plot}"))


COMMANDS = (detect,)
