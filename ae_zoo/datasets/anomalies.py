"""Sets with known anomalies: builders for TensorFlow Datasets, and their loader.

Importing this module registers `skab` (a pump), `ecg5000` (hearts) and `creditcard`
(card payments). Their files and checksums are listed in checksums.tsv, see
`photographs`. The values are stored as model inputs: each column is standardised by the
mean and the standard deviation of the normal rows in 'train', then scaled so that the
mean is 0.5 and a standard deviation is 0.05, and clipped at ten standard deviations.
"""

import numpy as np
import tensorflow_datasets as tfds

from ae_zoo.datasets.checksums import addresses
from ae_zoo.datasets.tfds import Examples, prepare, read_split
from ae_zoo.errors import InputError

INPUT = {"channels": "standardised columns"}
FARTHEST = 10  # standard deviations


def load(name: str, split: str, data_dir, shape: tuple[int, ...]) -> Examples:
    """Rows of a table, or windows of its series; the groups are the series.

    Args:
        name: 'skab', 'ecg5000' or 'creditcard'.
        split: 'train', which is all normal and has no labels; or 'test', where the
            label of an abnormal row, or of a window that ends with one, is 1.
        data_dir: folder of TFDS.
        shape: `(columns,)`, or `(window, columns)` for windows of a series.

    Raises:
        InputError: there is no such split, or `shape` has another number of columns.
    """
    whole = read_split(prepare(name, data_dir), split, batch_size=-1)
    found = {key: value.numpy() for key, value in whole.items()}
    x, labels, series = found["row"], found["label"], found["series"].astype(str)
    if x.shape[1] != shape[-1] or len(shape) > 2:
        raise InputError(
            f"{name!r} has rows of {x.shape[1]} columns: set model.input_shape to "
            f"[{x.shape[1]}], or to [20, {x.shape[1]}] for windows of 20 rows."
        )
    if len(shape) == 2:
        last = np.arange(shape[0] - 1, len(x))
        first = last - shape[0] + 1
        inside = series[first] == series[last]  # no window spans two series
        first, last = first[inside], last[inside]
        x = x[first[:, None] + np.arange(shape[0])]
        labels, series = labels[last], series[last]
    return Examples(x, None if split.startswith("train") else labels, series)


class _Anomalies(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Tables of numbers with known anomalies.

    Attributes:
        FOLDER: folder of the files in the manual folder.
        COLUMNS: number of columns.
        HOMEPAGE: web page of the set.
    """

    VERSION = tfds.core.Version("1.0.0")

    def tables(self, files: dict) -> dict[str, tuple]:
        """The tables in the files of the set.

        Args:
            files: name -> path.

        Returns:
            Name of a series -> its rows `(n, COLUMNS)`, and two masks `(n,)`: the rows
            of 'train', and the abnormal rows.
        """
        raise NotImplementedError

    def _info(self):
        row = tfds.features.Tensor(shape=(self.COLUMNS,), dtype=np.float32)
        label = tfds.features.Scalar(np.int64)
        series = tfds.features.Text()
        return tfds.core.DatasetInfo(
            builder=self,
            description=type(self).__doc__,
            features=tfds.features.FeaturesDict(
                {"row": row, "label": label, "series": series}
            ),
            homepage=self.HOMEPAGE,
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        files = dl_manager.download(addresses(self, self.FOLDER))
        tables = self.tables(files)
        return {
            split: self._generate_examples(tables, split) for split in ("train", "test")
        }

    def _generate_examples(self, tables: dict, split: str):
        key = 0
        for series, (rows, learnt, abnormal) in sorted(tables.items()):
            mean, deviation = rows[learnt].mean(axis=0), rows[learnt].std(axis=0)
            scores = (rows - mean) / np.where(deviation > 0, deviation, 1)
            values = np.clip(0.5 + scores / (2 * FARTHEST), 0, 1).astype("float32")
            for i in np.flatnonzero(learnt == (split == "train")):
                yield (
                    key,
                    {"row": values[i], "label": int(abnormal[i]), "series": series},
                )
                key += 1


class Skab(_Anomalies):
    """Eight sensors of a pump (Katser and Kozitsin, 2020): 34 recordings.

    'train' holds the first 400 rows of each, which are normal and set its scale.
    """

    FOLDER = "skab"
    COLUMNS = 8
    HOMEPAGE = "https://github.com/waico/SKAB"

    def tables(self, files):
        found = {}
        for name, path in files.items():
            # The first column is the time, the last marks changes of state.
            table = np.loadtxt(path, delimiter=";", skiprows=1, usecols=range(1, 10))
            rows, abnormal = table[:, :-1], table[:, -1]
            found[name.removesuffix(".csv")] = (
                rows,
                np.arange(len(rows)) < 400,
                abnormal,
            )
        return found


class Ecg5000(_Anomalies):
    """500 heartbeats of 140 values (Chen et al., 2015): the training part of ECG5000.

    'test' holds every fifth heartbeat, 'train' the normal ones (class 1) of the rest.
    """

    FOLDER = "ecg5000"
    COLUMNS = 140
    HOMEPAGE = "https://www.timeseriesclassification.com"

    def tables(self, files):
        table = np.loadtxt(files["ECG5000_TRAIN.txt"])
        abnormal, tested = table[:, 0] != 1, np.arange(len(table)) % 5 == 4
        kept = tested | ~abnormal
        return {"hearts": (table[kept, 1:], ~tested[kept], abnormal[kept])}


class Creditcard(_Anomalies):
    """Card payments (Dal Pozzolo et al., 2015): 28 principal components, the amount.

    The set has all 492 frauds and 3,727 normal payments. 'train' holds every other
    normal payment.
    """

    FOLDER = "creditcard"
    COLUMNS = 29
    HOMEPAGE = "https://www.kaggle.com/datasets/mlg-ulb/creditcardfraud"

    def tables(self, files):
        first, second = (
            np.loadtxt(files[f"creditcard_{part}.csv"], delimiter=",", skiprows=1)
            for part in ("normals", "sample")
        )
        first = first[first[:, -1] == 0]  # the second file has its frauds as well
        # Without the time; the second file has the row number in front of it.
        table = np.concatenate([first[:, 1:], second[:, 2:]])
        abnormal = table[:, -1] == 1
        learnt = ~abnormal & (np.cumsum(~abnormal) % 2 == 0)
        return {"payments": (table[:, :-1], learnt, abnormal)}
