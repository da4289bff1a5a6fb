"""Anomalies in tables and time series, found by what an autoencoder cannot rebuild."""

import json
import math
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.covariance import LedoitWolf
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ae_zoo.data import categories
from ae_zoo.data.inputs import to_inputs
from ae_zoo.errors import InputError
from ae_zoo.tasks.detector.arguments import check_arguments
from ae_zoo.tasks.detector.thresholds import RULES
from ae_zoo.tasks.fitting import Fitting, filled_up, is_family, load_pretrained

# What `fit` gives a family when it is told nothing. The denoising autoencoder learns to
# take back noise of this level, and so pulls what is odd towards what is normal.
DEFAULTS = {
    "denoising_ae": {"hidden": (256,), "level": 0.3},
    "deep_ae": {"hidden": (256,)},
    "stacked_ae": {"hidden": (256,)},
}
LATENT = 16  # values of a code, at most half of those of a row

_BATCH_VALUES = 2**18  # in a batch that is scored
# Standard deviations from the mean; what lies beyond counts as there.
_FARTHEST = categories.UNKNOWN
_WIDEST = 256  # columns whose covariance is worth its size
_UNIT = 0.99  # quantile of normal values that is called 1
_TINY = 1e-12
_STATE = "detector.json"
_LEARNED = ("mean_", "scale_", "fill_", "unit_", "combine_", "centre_", "precision_")
_LEARNED += ("part_units_", "offset_", "loss_curve_")


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
            those before the first full window as that one.
        measure: 'error' (how badly a row is rebuilt), 'latent' (how far its code lies
            from those of training, Mahalanobis), or 'both': their mean or, where
            `combine` is 'mahalanobis', one distance of errors and code together.
        combine: how the errors of the columns become one: 'mahalanobis', their distance
            from those of `fit`, where what columns have in common counts once; 'mean'
            (root mean square); 'max', each in its own unit, for faults that show in one
            sensor; 'auto' is 'mahalanobis' up to 256 columns and 'mean' beyond.
        contamination: share of the rows of `fit` to call abnormal; 'auto' leaves it to
            `threshold`.
        threshold: 'quantile' of the held-out scores, or 'extreme_value', which fits
            their tail and so can be rarer than one in their number.
        alarm_rate: share of normal rows that may be called abnormal.
        margin: factor on that threshold, for data that drift after `fit`.
        holdout: share of the rows that the model is not trained on but that give the
            units and the threshold; the last of a time series, else by chance. Of too
            few rows, all do both.
        trim: share of the rows of a table, those with the highest scores, that a family
            is then trained again without; for tables with many abnormal rows in them.
            What is rare but normal goes with them, so it is 0 by default. They still
            count for the threshold: say by `contamination` how many are abnormal.
        latent_dim: size of the code of a family; None for 16, but at most half of the
            values that the model sees.
        epochs, batch_size, learning_rate: of the training, by Adam.
        random_state: integer, `RandomState` or None, for the split, the initial
            weights, the order of the rows and the noise.
        model_arguments: dictionary of further arguments of the family; None for those
            of `ae_zoo.tasks.detector.detector.DEFAULTS`.
        categories: names, or numbers from 0, of the columns that are no quantities: of
            text, or of codes. One value (one-hot) is made of each of theirs; one that
            was not there in `fit` is far from all. None for the data frame's columns
            of text, or of pandas' type 'category'.

    Attributes:
        model_: the `Autoencoder`.
        mean_, scale_: mean and standard deviation of each column in training; None
            for pretrained models. In tables, values beyond ten of them count as there.
        fill_: what missing values of each column become, its median in training.
        unit_: normal error of each column.
        categories_: the values of each column of categories, by its number from 0.
        names_: of the columns, by default their numbers from 1.
        offset_: minus the threshold of the anomaly score.
        loss_curve_: mean loss of each epoch, for a trained family.
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
        self.categories_ = categories.find(X, self.categories, names)
        X = self._numbers(X, names, reset=True)
        if len(X) < 2:
            raise InputError(
                "There is 1 sample, one row: training needs at least 2, and more help."
            )
        if names is None:
            names = getattr(
                self, "feature_names_in_", range(1, self.n_features_in_ + 1)
            )
        self.names_ = [str(name) for name in names]
        if len(self.names_) != self.n_features_in_:
            raise InputError(
                f"{len(self.names_)} names for {self.n_features_in_} columns: give one "
                "each."
            )
        self.combine_ = self.combine
        if self.combine == "auto":
            few = self.n_features_in_ <= _WIDEST
            self.combine_ = "mahalanobis" if few else "mean"
        self._learn_columns(X)
        X = self._filled(X)
        rng = check_random_state(self.random_state)
        train, held = self._split(X, rng)
        self._learn(train, held, rng)
        if self.trim:
            self._learn(self._trimmed(train), self._trimmed(held), rng)
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

        Columns above 1 are those that the model could not rebuild.
        """
        return np.abs(self._seen(self._checked(X))[0]) / self.unit_

    def update(self, rows) -> np.ndarray:
        """Scores of a live stream, as its rows come.

        The last rows are remembered, so that a row gets the score that `anomaly_score`
        gives it in the whole stream. `reset` forgets them.

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
        """Forgets the rows that `update` was given."""
        check_is_fitted(self)
        self._recent = np.empty((0, len(self.fill_)))

    def save(self, folder: str | os.PathLike) -> None:
        """Writes the detector into a new folder: Keras's files and one of JSON.

        Raises:
            InputError: there is something at `folder` already.
        """
        from ae_zoo.zoo.folder import save

        check_is_fitted(self)
        folder = Path(folder)
        if folder.exists():
            raise InputError(f"{folder} exists: choose a new folder.")
        parameters = self.get_params()
        if not is_family(self.model):
            parameters["model"] = None
        if not isinstance(self.random_state, int):
            parameters["random_state"] = None
        learned = {name: getattr(self, name, None) for name in _LEARNED}
        state = {
            "parameters": parameters,
            "names": self.names_,
            "categories": self.categories_,
            "learned": {
                name: value.tolist() if isinstance(value, np.ndarray) else value
                for name, value in learned.items()
            },
        }
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            fresh = Path(temporary, "fresh")
            save(self.model_, fresh / "model")
            (fresh / _STATE).write_text(json.dumps(state, indent=1), encoding="utf-8")
            fresh.rename(folder)

    @classmethod
    def load(cls, folder: str | os.PathLike) -> "AnomalyDetector":
        """The detector of a folder that `save` wrote; runs no code from it.

        Raises:
            InputError: it is no such folder.
            IntegrityError, ManifestError: the model in it is damaged.
        """
        from ae_zoo.zoo.folder import load_folder

        folder = Path(folder)
        try:
            state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
            detector = cls(**state["parameters"])
            for name in _LEARNED:
                value = state["learned"][name]
                is_array = isinstance(value, list) and name != "loss_curve_"
                setattr(detector, name, np.array(value) if is_array else value)
            detector.names_ = list(state["names"])
            detector.n_features_in_ = len(detector.names_)
            detector.categories_ = {
                int(column): values for column, values in state["categories"].items()
            }
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise InputError(
                f"{folder} holds no detector: give a folder that save wrote ({error})."
            ) from error
        detector.model_ = load_folder(folder / "model")
        detector.reset()
        return detector

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _learn_columns(self, X: np.ndarray) -> None:
        """What missing values become; says which columns are odd."""
        missing = np.isnan(X)
        if empty := self._named(missing.all(axis=0)):
            raise InputError(f"There is no value in {empty}: leave that out.")
        self.fill_ = np.nanmedian(X, axis=0)
        if columns := self._named(missing.any(axis=0)):
            warnings.warn(
                f"Missing values in {columns} became the median.", stacklevel=3
            )
        if columns := self._named(np.nanmax(X, axis=0) == np.nanmin(X, axis=0)):
            warnings.warn(
                f"The values of {columns} never change: any change will count in the "
                "unit of the data.",
                stacklevel=3,
            )

    def _named(self, which: np.ndarray) -> str:
        """Columns in words, '' for none; of categories, the first value decides."""
        chosen = [self.names_[i] for i in np.flatnonzero(which[self._starts()])]
        return f"column{'s' * (len(chosen) > 1)} {', '.join(chosen)}" if chosen else ""

    def _filled(self, X: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(X), self.fill_, X)

    def _checked(self, X) -> np.ndarray:
        check_is_fitted(self)
        return self._numbers(X, self.names_, reset=False)

    def _numbers(self, X, names, reset: bool) -> np.ndarray:
        """The table as float64, a column for each value of a category."""
        options = {"dtype": np.float64, "ensure_all_finite": "allow-nan"}
        if not self.categories_:
            return validate_data(self, X, reset=reset, **options)
        validate_data(self, X, reset=reset, skip_check_array=True)
        names = getattr(X, "columns", names)
        return check_array(categories.encode(X, self.categories_, names), **options)

    def _starts(self) -> np.ndarray:
        """Where the numbers of each column begin."""
        widths = categories.widths(self.n_features_in_, self.categories_)
        return np.cumsum([0, *widths[:-1]])

    def _of_columns(self, errors: np.ndarray) -> np.ndarray:
        """One error of each column; of a category, the length of its values'."""
        if not self.categories_:
            return errors
        starts, chosen = self._starts(), list(self.categories_)
        lengths = np.sqrt(np.add.reduceat(np.square(errors), starts, axis=1))
        errors = errors[:, starts]
        errors[:, chosen] = lengths[:, chosen]
        return errors

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

    def _learn(self, train: np.ndarray, held: np.ndarray, rng) -> None:
        self._learn_model(train, rng)
        self._learn_units(train, held)

    def _learn_model(self, train: np.ndarray, rng) -> None:
        if not is_family(self.model):
            self.mean_ = self.scale_ = None
            self.model_ = load_pretrained(
                self.model, self.latent_dim, self.model_arguments
            )
            return
        self.mean_, scale = train.mean(axis=0), train.std(axis=0)
        self.scale_ = np.where(scale > _TINY * np.abs(self.mean_), scale, 1.0)
        windows = self._windows(train)
        arguments = self.model_arguments
        if arguments is None:
            arguments = DEFAULTS.get(self.model, {})
        fitting = Fitting(
            self.model,
            self.latent_dim or max(1, min(LATENT, math.prod(windows.shape[1:]) // 2)),
            self.epochs,
            self.batch_size,
            self.learning_rate,
            arguments,
        )
        self.model_, self.loss_curve_ = fitting.train(windows, rng)

    def _learn_units(self, train: np.ndarray, held: np.ndarray) -> None:
        """What is normal: errors, where errors and codes lie, how far from that."""
        errors, codes = self._seen(held)
        self.unit_ = _unit(np.abs(errors))
        self.centre_ = self.precision_ = None
        places = self._places(errors, codes)
        if places.shape[1]:
            learnt = self._places(*self._seen(train))
            normal = LedoitWolf().fit(np.concatenate([learnt, places]))
            self.centre_, self.precision_ = normal.location_, normal.precision_
        self.part_units_ = _unit(self._parts(errors, codes))

    def _score(self, X: np.ndarray) -> np.ndarray:
        parts = np.concatenate([self._parts(*batch) for batch in self._batches(X)])
        return self._of_rows((parts / self.part_units_).mean(axis=1))

    def _parts(self, errors: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """What a score is the mean of, once each is in its unit: `(n, 1 or 2)`."""
        parts = []
        if self.measure != "latent" and self.combine_ == "mean":
            parts.append(np.sqrt(np.square(errors).mean(axis=1)))
        if self.measure != "latent" and self.combine_ == "max":
            parts.append(np.abs(errors / self.unit_).max(axis=1))
        if self.centre_ is not None:  # Mahalanobis
            centred = self._places(errors, codes) - self.centre_
            squares = ((centred @ self.precision_) * centred).sum(axis=1)
            parts.append(np.sqrt(np.maximum(squares, 0)))
        return np.stack(parts, axis=1)

    def _places(self, errors: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """What the Mahalanobis distance is measured of, no columns where of nothing."""
        if self.measure == "latent" or self.combine_ != "mahalanobis":
            return codes
        return np.concatenate([errors, codes], axis=1)

    def _seen(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed error of each column at each row, and the row's code."""
        errors, codes = zip(*self._batches(X), strict=True)
        return tuple(self._of_rows(np.concatenate(part)) for part in (errors, codes))

    def _batches(self, X: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Signed errors of columns and codes, float64, of windows, a batch at a time.

        Of a time series, the error is the mean over the window: noise cancels out and
        what lasts is left. Codes that `measure` has no use for have no values.
        """
        size = max(1, _BATCH_VALUES // (self.window * X.shape[1]))
        for start in range(0, max(1, len(X) - self.window + 1), size):
            windows = self._windows(X[start : start + size + self.window - 1])
            full, n = filled_up(windows, size), len(windows)
            if self.measure == "error":
                codes = np.empty((size, 0))
                rebuilt = self.model_.predict_on_batch(full)
            else:
                codes = self.model_.view("code").predict_on_batch(full)
                rebuilt = self.model_.decoder.predict_on_batch(codes)
            steps = np.subtract(rebuilt[:n], windows, dtype="float64")
            steps = steps.reshape(n, self.window, -1)
            errors = self._of_columns(steps.mean(axis=1))
            yield errors, codes[:n].astype("float64")

    def _windows(self, X: np.ndarray) -> np.ndarray:
        """Inputs of the model, float32; of a time series, a view of its windows."""
        if len(X) < self.window:
            raise InputError(
                f"{len(X)} rows are fewer than the window of {self.window}: give more "
                "rows, or a smaller window."
            )
        X = self._filled(X)
        if self.mean_ is not None:
            X = ((X - self.mean_) / self.scale_).astype("float32")
            if self.window == 1:  # how far a time series drifts is news
                X = np.clip(X, -_FARTHEST, _FARTHEST)
        if self.window > 1:
            X = np.lib.stride_tricks.sliding_window_view(X, self.window, axis=0)
            X = X.swapaxes(1, 2)
        return X if self.mean_ is not None else self._examples(X)

    def _examples(self, X: np.ndarray) -> np.ndarray:
        """Rows or windows as a pretrained model takes them."""
        shape = self.model_.input_shape[1:]
        if math.prod(X.shape[1:]) != math.prod(shape):
            raise InputError(
                f"{self.model_.name!r} takes {math.prod(shape)} values, flattened "
                f"examples of shape {shape}, not {math.prod(X.shape[1:])}: resize them."
            )
        return to_inputs(X.reshape(-1, *shape), shape)

    def _of_rows(self, values: np.ndarray) -> np.ndarray:
        """Values of windows as those of rows; the first counts for all its rows."""
        return np.concatenate([np.repeat(values[:1], self.window - 1, axis=0), values])


def _unit(values: np.ndarray) -> np.ndarray:
    """The value of each column that few normal rows exceed."""
    return np.maximum(np.quantile(values, _UNIT, axis=0), _TINY)
