"""The anomaly detector: an outlier detector in scikit-learn's interface."""

import os

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from ae_zoo.data import categories
from ae_zoo.errors import InputError
from ae_zoo.tasks.arguments import as_path, check_names
from ae_zoo.tasks.detector.arguments import check_arguments
from ae_zoo.tasks.detector.columns import Columns
from ae_zoo.tasks.detector.rebuilding import learn_rebuilding
from ae_zoo.tasks.detector.scoring import learn_scoring
from ae_zoo.tasks.detector.storage import read_detector, write_detector
from ae_zoo.tasks.detector.thresholds import RULES
from ae_zoo.tasks.fitting import check_rows


class AnomalyDetector(OutlierMixin, BaseEstimator):
    """Finds abnormal rows of a table, or moments of a time series, without labels.

    An autoencoder learns the rows that `fit` is given, most of which should be normal;
    rows that it rebuilds badly, or whose code lies far from the others, are abnormal.
    One in a hundred held-out normal rows exceeds 1, in its error and in its distance.

    Args:
        model: a family ('denoising_ae', 'vae', 'conv1d_ae', 'recurrent_ae', ...),
            trained in `fit` on standardised columns; a pretrained weight as
            `ae_zoo.load` takes it, for rows of flattened images; or an `Autoencoder`.
        window: rows of a time series that the model sees at once; 1 for tables, whose
            rows have no order. A row is scored by the window that ends with it, and
            the rows before the first full window by that window.
        measure: 'error' (how badly a row is rebuilt), 'latent' (how far its code lies
            from those of training, Mahalanobis), or 'both': their mean or, where
            `combine` is 'mahalanobis', one distance of errors and code together.
        combine: how the errors of the columns become one: 'mahalanobis', their distance
            from those of `fit`, where common causes count once; 'mean' (root mean
            square); 'max', each in its own unit, for faults that show in one sensor;
            'auto' is 'mahalanobis' up to 256 columns and 'mean' beyond.
        contamination: share of the rows of `fit` to call abnormal; 'auto' leaves it to
            `threshold`.
        threshold: 'quantile' of the held-out scores, or 'extreme_value', which fits
            their tail and so can be rarer than one in their number.
        alarm_rate: share of normal rows that may be called abnormal.
        margin: factor on that threshold, for data that drift after `fit`.
        holdout: share of the rows that the model is not trained on but that give the
            units and the threshold; the last of a time series, else by chance. Where
            there are too few rows, all are used for both.
        trim: share of the rows of a table, those with the highest scores, that a family
            is then trained again without; for tables with many abnormal rows in them.
            Rare normal rows go with them, so it is 0 by default. They still count for
            the threshold: give their share by `contamination`.
        latent_dim: size of the code of a family; None for 16, but at most half of the
            values that the model sees.
        epochs, batch_size, learning_rate: of the training, by Adam.
        random_state: integer, `RandomState` or None, for the split, the initial
            weights, the order of the rows and the noise.
        model_arguments: dictionary of further arguments of the family; None for those
            of `ae_zoo.tasks.detector.rebuilding.DEFAULTS`.
        categories: names, or numbers from 0, of the columns that hold no quantities
            but text or codes. They are encoded one-hot; a value that `fit` has not
            seen is far from all others. None for the data frame's columns of text, or
            of pandas' type 'category'.

    Attributes:
        model_: the `Autoencoder`.
        mean_, scale_: mean and standard deviation of each column in training; None
            for pretrained models. In tables, values beyond ten standard deviations
            count as ten.
        fill_: the value that replaces missing ones in each column, its median.
        unit_: normal error of each column.
        categories_: the values of each column of categories, by its number from 0.
        names_: of the columns, by default their numbers from 1.
        rebuilding_, scoring_: the trained model with its inputs, and the units.
        offset_: minus the threshold of the anomaly score.
        loss_curve_: mean loss of each epoch; None for pretrained models.
        n_features_in_, feature_names_in_: as everywhere in scikit-learn.

    Example:

        detector = AnomalyDetector(window=20).fit(normal_rows)
        labels = detector.predict(rows)              # -1 abnormal, +1 normal
        scores = detector.anomaly_score(rows)        # higher is more abnormal
        errors = detector.explain(rows)              # which column, how much
        score = detector.update(next_row)            # a live sensor
    """

    def __init__(
        self,
        model="denoising_ae",
        *,
        window=1,
        measure="both",
        combine="auto",
        contamination="auto",
        threshold="quantile",
        alarm_rate=0.01,
        margin=1.0,
        holdout=0.25,
        trim=0.0,
        latent_dim=None,
        epochs=30,
        batch_size=128,
        learning_rate=1e-3,
        random_state=None,
        model_arguments=None,
        categories=None,
    ):
        self.model = model
        self.window = window
        self.measure = measure
        self.combine = combine
        self.contamination = contamination
        self.threshold = threshold
        self.alarm_rate = alarm_rate
        self.margin = margin
        self.holdout = holdout
        self.trim = trim
        self.latent_dim = latent_dim
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.model_arguments = model_arguments
        self.categories = categories

    def fit(self, X, y=None, names=None):
        """Trains on X, a table `(rows, columns)`, or calibrates a pretrained model.

        Warns of missing values (NaN), which become the column's median, and of columns
        that never change.

        Args:
            X: numbers, and categories; of a time series, rows in order, evenly spaced.
            y: ignored.
            names: of the columns, where X is no data frame.

        Raises:
            InputError: an argument or the table is unfit; the message says how.
        """
        check_arguments(self)
        check_names("names", names)
        values = categories.find(X, self.categories, names)
        X = self._numbers(X, values, names, reset=True)
        if len(X) < 2:
            raise InputError(
                "There is 1 sample, one row: training needs at least 2, and more help."
            )
        columns = Columns.learn(X, self._column_names(names), values)
        X = columns.filled(X)
        rng = check_random_state(self.random_state)
        train, held = self._split(X, rng)
        self._learn(columns, train, held, rng)
        if self.trim:
            self._learn(columns, self._trimmed(train), self._trimmed(held), rng)
        if self.contamination == "auto":
            scores = self._score(held)
            limit = self.margin * RULES[self.threshold](scores, self.alarm_rate)
        else:
            limit = np.quantile(self._score(X), 1 - self.contamination)
        self.offset_ = -float(limit)
        self.reset()
        return self

    def anomaly_score(self, X) -> np.ndarray:
        """How abnormal each row is, `(n,)`, float64, at least 0; higher is more so.

        Raises:
            InputError: there are fewer rows than the window has.
        """
        return self._score(self._checked(X))

    def score_samples(self, X) -> np.ndarray:
        """`-anomaly_score(X)`, scikit-learn's convention."""
        return -self.anomaly_score(X)

    def decision_function(self, X) -> np.ndarray:
        """`score_samples(X) - offset_`: below 0 for abnormal rows."""
        return self.score_samples(X) - self.offset_

    def predict(self, X) -> np.ndarray:
        """-1 for abnormal rows and +1 for normal ones, `(n,)`."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def explain(self, X) -> np.ndarray:
        """Error of each column at each row, `(n, columns)`, in its normal unit.

        The model could not rebuild the columns whose error is above 1.
        """
        return np.abs(self.rebuilding_.by_row(self._checked(X))[0]) / self.unit_

    def update(self, rows) -> np.ndarray:
        """Scores of a live stream, as its rows arrive.

        The last rows are kept, so that a row gets the score that `anomaly_score` gives
        it in the whole stream. `reset` forgets them.

        Args:
            rows: the next row `(columns,)` or rows `(n, columns)`.

        Returns:
            `(n,)`; NaN until the first window is full.
        """
        rows = self._checked(np.atleast_2d(rows))
        known = np.concatenate([self._recent, rows])
        self._recent = known[max(0, len(known) - self.window + 1) :]
        scores = np.full(len(rows), np.nan)
        full = min(len(rows), len(known) - self.window + 1)  # rows that end a window
        if full > 0:
            scores[-full:] = self._score(known)[-full:]
        return scores

    def reset(self) -> None:
        """Forgets the rows that were given to `update`."""
        check_is_fitted(self)
        self._recent = np.empty((0, len(self.fill_)))

    def save(self, folder: str | os.PathLike) -> None:
        """Writes the detector into a new folder: Keras's files and one of JSON.

        Raises:
            InputError: there is something at `folder` already.
        """
        check_is_fitted(self)
        write_detector(self, as_path("folder", folder))

    @classmethod
    def load(cls, folder: str | os.PathLike) -> "AnomalyDetector":
        """The detector of a folder that `save` wrote; runs no code from it.

        Raises:
            InputError: the folder holds no detector.
            IntegrityError, ManifestError: the model in it is damaged.
        """
        detector = read_detector(cls, as_path("folder", folder))
        detector.reset()
        return detector

    @property
    def model_(self):
        return self.rebuilding_.model

    @property
    def mean_(self) -> np.ndarray | None:
        return self.rebuilding_.windows.mean

    @property
    def scale_(self) -> np.ndarray | None:
        return self.rebuilding_.windows.scale

    @property
    def fill_(self) -> np.ndarray:
        return self.rebuilding_.columns.fill

    @property
    def unit_(self) -> np.ndarray:
        return self.scoring_.unit

    @property
    def categories_(self) -> dict[int, list[str]]:
        return self.rebuilding_.columns.categories

    @property
    def names_(self) -> list[str]:
        return self.rebuilding_.columns.names

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _checked(self, X) -> np.ndarray:
        check_is_fitted(self)
        return self._numbers(X, self.categories_, self.names_, reset=False)

    def _numbers(self, X, values: dict, names, reset: bool) -> np.ndarray:
        """The table as float64, a column for each value of a category."""
        options = {"dtype": np.float64, "ensure_all_finite": "allow-nan"}
        if not values:
            return check_rows(self, X, reset=reset, **options)
        check_rows(self, X, reset=reset, skip_check_array=True)
        names = getattr(X, "columns", names)
        return check_array(categories.encode(X, values, names), **options)

    def _column_names(self, names) -> list[str]:
        """The names that `fit` was given, else the data frame's, else numbers."""
        n = self.n_features_in_
        if names is None:
            names = getattr(self, "feature_names_in_", range(1, n + 1))
        names = [str(name) for name in names]
        if len(names) != n:
            raise InputError(f"{len(names)} names for {n} columns: give one each.")
        return names

    def _split(self, X: np.ndarray, rng) -> tuple[np.ndarray, np.ndarray]:
        """Rows to train on and rows held out."""
        held = round(self.holdout * len(X))
        if min(held, len(X) - held) < 2 * self.window + 8:
            return X, X
        if self.window == 1:
            X = X[rng.permutation(len(X))]
        return X[:-held], X[-held:]

    def _trimmed(self, rows: np.ndarray) -> np.ndarray:
        scores = self._score(rows)
        return rows[scores <= np.quantile(scores, 1 - self.trim)]

    def _learn(self, columns: Columns, train: np.ndarray, held: np.ndarray, rng):
        self.rebuilding_, self.loss_curve_ = learn_rebuilding(self, columns, train, rng)
        self.scoring_ = learn_scoring(
            self.measure, self.combine, self.rebuilding_, train, held
        )

    def _score(self, X: np.ndarray) -> np.ndarray:
        return self.scoring_.scores(self.rebuilding_, X)
