"""Reports of a running training: log file, pictures, TensorBoard, progress."""

import csv
import importlib.util
import io
import sys
import time
from pathlib import Path

import keras
import numpy as np

from ae_zoo._files import write_text
from ae_zoo.errors import RecipeError
from ae_zoo.evaluation.pictures import image_grid, reconstruction_rows, save_png
from ae_zoo.training.checkpoint import Stateful


class Log(Stateful):
    """One row an epoch: losses, metrics and rate, kept as `log.csv`.

    Attributes:
        state: `rows` of the epochs so far and the `seconds` they took.
    """

    def __init__(self, path: Path | None):
        super().__init__()
        self.path = path
        self.state = {"rows": [], "seconds": 0.0}

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        values = {key: float(value) for key, value in logs.items()}
        self.state["rows"].append({"epoch": epoch + 1, **values, "learning_rate": rate})
        self.pause()
        if self.path is not None:
            write_rows(self.path, self.state["rows"])

    def pause(self):
        now = time.perf_counter()
        self.state["seconds"] += now - self.start
        self.start = now


def write_rows(path: Path, rows: list[dict]) -> None:
    """Writes rows as a CSV file, all of it or nothing; a key a row lacks is empty."""
    text = io.StringIO()
    keys = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(text, fieldnames=keys, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


class Pictures(keras.callbacks.Callback):
    """Draws examples and their reconstructions as `reconstructions.png`.

    Args:
        images: `(n, height, width, channels)`.
        path: the file, drawn again after every epoch.
    """

    def __init__(self, images: np.ndarray, path: Path):
        super().__init__()
        self.images, self.path = images, path

    def on_epoch_end(self, epoch, logs=None):
        rows = reconstruction_rows(self.model, self.images)
        self.grid = image_grid(rows, columns=len(self.images))
        save_png(self.grid, self.path)


class TensorBoard(keras.callbacks.Callback):
    """Writes scalars and, from `pictures`, reconstructions for TensorBoard."""

    def __init__(self, folder: Path, pictures: Pictures | None):
        super().__init__()
        if not all(map(importlib.util.find_spec, ("tensorflow", "tensorboard"))):
            raise RecipeError(
                "--tensorboard needs TensorFlow and TensorBoard: "
                "pip install tensorboard."
            )
        import tensorflow as tf

        self.tf, self.pictures = tf, pictures
        self.writer = tf.summary.create_file_writer(str(folder))

    def on_epoch_end(self, epoch, logs=None):
        with self.writer.as_default(step=epoch + 1):
            for key, value in logs.items():
                self.tf.summary.scalar(key, float(value))
            if self.pictures is not None:
                self.tf.summary.image("reconstructions", self.pictures.grid[None])
        self.writer.flush()


class Progress(keras.callbacks.Callback):
    """A bar on stderr with speed and time left; a line an epoch where it is a file.

    Args:
        title: name of the phase.
        epochs, steps_per_epoch: of the whole training.
        batch_size: examples a step.
        done: steps of the first epoch that were done earlier.
    """

    def __init__(
        self,
        title: str,
        epochs: int,
        steps_per_epoch: int,
        batch_size: int,
        done: int = 0,
    ):
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.title, self.epochs = title, epochs
        self.steps_per_epoch, self.batch_size = steps_per_epoch, batch_size
        self.earlier = done
        console = Console(stderr=True)
        self.is_live = console.is_terminal
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[state]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not self.is_live,
        )
        self.task = self.bar.add_task(title, total=epochs * steps_per_epoch, state="")
        self.shown = 0.0

    def on_train_begin(self, logs=None):
        self.bar.start()

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.start = epoch, time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        if not self.is_live or now - self.shown < 0.2:
            return
        self.shown = now
        done = self.epoch * self.steps_per_epoch + batch + 1
        state = f"{self._speed(batch + 1)}, loss {float(logs['loss']):.4g}"
        description = f"{self.title} epoch {self.epoch + 1}/{self.epochs}"
        self.bar.update(self.task, completed=done, description=description, state=state)

    def on_epoch_end(self, epoch, logs=None):
        values = ", ".join(f"{key} {float(value):.5g}" for key, value in logs.items())
        self.bar.console.print(
            f"{self.title} epoch {epoch + 1}/{self.epochs}: {values}, "
            f"{self._speed(self.steps_per_epoch)}",
            highlight=False,
            soft_wrap=True,
        )
        sys.stderr.flush()
        self.earlier = 0

    def _speed(self, steps: int) -> str:
        seconds = time.perf_counter() - self.start
        done = (steps - self.earlier) * self.batch_size
        return f"{done / seconds:,.0f} examples/s"
