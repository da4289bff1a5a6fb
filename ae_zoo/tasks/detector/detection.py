"""A detector's findings in a table: as rows, as intervals, as a picture."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ae_zoo.data.tables import Frame
from ae_zoo.tasks.detector.detector import AnomalyDetector

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, GREY, ACCENT = "#1d2733", "#6b7785", "#c2410c"
_SHOWN = 4  # columns in the picture


@dataclass(frozen=True)
class Interval:
    """Abnormal rows without a normal one between them.

    Attributes:
        start, stop: the first row and the one after the last.
        peak: the row with the highest score.
    """

    start: int
    stop: int
    peak: int


@dataclass(frozen=True)
class Detection:
    """The abnormal rows of a table.

    Attributes:
        frame: the table.
        scores: `(rows,)`, higher is more abnormal.
        threshold: above which a row is abnormal.
        errors: of each column at each row, `(rows, columns)`, above 1 not normal.
    """

    frame: Frame
    scores: np.ndarray
    threshold: float
    errors: np.ndarray

    @property
    def abnormal(self) -> np.ndarray:
        """`(rows,)`, bool."""
        return self.scores > self.threshold

    def intervals(self) -> list[Interval]:
        """The abnormal stretches in order."""
        padded = np.concatenate([[0], self.abnormal.astype(int), [0]])
        edges = np.flatnonzero(np.diff(padded)).reshape(-1, 2)
        return [
            Interval(int(a), int(b), int(a + self.scores[a:b].argmax()))
            for a, b in edges
        ]

    def place(self, row: int) -> str:
        """The name of a row: its time, or its number from 1."""
        return str(row + 1) if self.frame.times is None else self.frame.times[row]

    def worst(self, row: int) -> str:
        """Name of the column with the largest error."""
        return self.frame.names[int(self.errors[row].argmax())]

    def write_csv(self, file: BinaryIO) -> None:
        """A table of all rows: time or number, score, abnormal, worst column."""
        import pyarrow as pa
        from pyarrow import csv

        worst = self.errors.argmax(axis=1)
        rows = np.arange(len(worst))
        times = self.frame.times
        table = {
            self.frame.time_name or "row": rows + 1 if times is None else times,
            "score": self.scores,
            "abnormal": self.abnormal.astype("int8"),
            "worst_column": np.array(self.frame.names, object)[worst],
            "worst_error": self.errors[rows, worst],
        }
        csv.write_csv(pa.table(table), file)

    def draw(self) -> "Figure":
        """Scores with the threshold, and the columns with the largest errors.

        Abnormal rows are marked in each panel. No display is needed; `savefig` writes
        the figure.
        """
        from matplotlib.figure import Figure

        columns = self._most_wrong()
        figure = Figure(figsize=(12, 2.4 + 1.25 * len(columns)), dpi=140)
        axes = figure.subplots(
            len(columns) + 1,
            sharex=True,
            height_ratios=[2, *[1] * len(columns)],
            squeeze=False,
        )[:, 0]
        rows = np.arange(len(self.scores))
        spans = [(i.start - 0.5, i.stop - i.start) for i in self.intervals()]
        axes[0].semilogy(rows, np.maximum(self.scores, 1e-3), color=INK, lw=0.8)
        axes[0].axhline(self.threshold, color=ACCENT, lw=1, ls="--")
        axes[0].set_title(
            f"{self.abnormal.sum():,} of {len(rows):,} rows are abnormal",
            loc="left",
            color=INK,
        )
        axes[0].set_ylabel("score", color=INK)
        for panel, column in zip(axes[1:], columns, strict=True):
            panel.plot(rows, self.frame.values[:, column], color=GREY, lw=0.8)
            name = self.frame.names[column]
            panel.set_title(name, loc="left", size=9, color=GREY, pad=3)
        for panel in axes:
            whole = panel.get_xaxis_transform()
            panel.broken_barh(spans, (0, 1), transform=whole, color=ACCENT, alpha=0.2)
            panel.spines[["top", "right"]].set_visible(False)
            panel.tick_params(labelsize=8, colors=GREY)
            panel.margins(x=0)
        places = np.linspace(0, len(rows) - 1, min(6, len(rows))).round().astype(int)
        axes[-1].set_xticks(places, [self.place(row) for row in places])
        figure.align_ylabels()
        figure.tight_layout()
        return figure

    def _most_wrong(self) -> list[int]:
        """The columns with the largest errors in the abnormal rows."""
        rows = self.errors[self.abnormal] if self.abnormal.any() else self.errors
        order = np.argsort(-rows.mean(axis=0), kind="stable")
        return [int(column) for column in order[:_SHOWN]]


def detect(detector: AnomalyDetector, frame: Frame) -> Detection:
    """Scores a table by a detector that was fitted on its columns.

    Raises:
        InputError: a column is missing, or the table does not fit the detector.
    """
    rows = frame.values
    return Detection(
        frame, detector.anomaly_score(rows), -detector.offset_, detector.explain(rows)
    )
