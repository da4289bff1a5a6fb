"""Autoencoders as scikit-learn transformers."""

import functools
import math
from collections.abc import Callable

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from ae_zoo.data.inputs import to_inputs
from ae_zoo.errors import InputError
from ae_zoo.tasks.arguments import check_key, check_table
from ae_zoo.tasks.features import feature_size
from ae_zoo.tasks.fitting import (
    Fitting,
    check_rows,
    check_training,
    full_batches,
    is_family,
    load_pretrained,
)

_FLOATS = (np.float64, np.float32)


class AutoencoderTransformer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Codes of an autoencoder, pretrained or trained in `fit`, for scikit-learn.

    A family is trained on X, a table of any scale, which is standardised inside; the
    output is linear. A pretrained model is not trained further, and takes rows of
    flattened images: uint8, or floats in [0, 1].

    Args:
        model: a family ('dense_ae', 'vae', ...), trained in `fit`; the name or path of
            a pretrained weight ('conv_ae.mnist'); or an `Autoencoder`.
        key: features to return, one of the model's `feature_keys`; None for the code.
        latent_dim: size of the code of a family; None for the family's default, but at
            most the number of features.
        epochs: passes over X.
        batch_size: number of rows at a time.
        learning_rate: learning rate of Adam.
        random_state: integer, `RandomState` or None, for the initial weights, the
            order of the rows and the noise.
        model_arguments: dictionary of further arguments of the family, such as
            {"hidden": (64,)}.

    Attributes:
        model_: the `Autoencoder`.
        scaler_: the `StandardScaler` of a trained family, None for pretrained models.
        loss_curve_: mean loss of each epoch, for a trained family.
        n_features_in_, feature_names_in_: as in every scikit-learn estimator.

    Example:

        classifier = make_pipeline(
            AutoencoderTransformer("conv_ae.mnist"), LogisticRegression()
        )
        classifier.fit(images.reshape(len(images), -1), labels)
    """

    def __init__(
        self,
        model="dense_ae",
        *,
        key=None,
        latent_dim=None,
        epochs=50,
        batch_size=64,
        learning_rate=1e-3,
        random_state=None,
        model_arguments=None,
    ):
        self.model = model
        self.key = key
        self.latent_dim = latent_dim
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.model_arguments = model_arguments

    def fit(self, X, y=None):
        """Trains the family on X, or loads the pretrained model and checks X.

        Args:
            X: `(n, n_features)`.
            y: ignored.

        Raises:
            InputError: the model is pretrained and takes another number of features or
                other values, or arguments of a family were given.
            UnknownNameError: there is no such model or key.
        """
        check_training(self)
        check_key(self.key)
        if is_family(self.model):
            X = check_rows(self, X, dtype=_FLOATS)
            self.scaler_ = StandardScaler().fit(X)
            fitting = Fitting(
                self.model,
                self.latent_dim,
                self.epochs,
                self.batch_size,
                self.learning_rate,
                self.model_arguments or {},
            )
            self.model_, self.loss_curve_ = fitting.train(
                np.asarray(self.scaler_.transform(X), dtype=np.float32),
                check_random_state(self.random_state),
            )
        else:
            X = check_rows(self, X)
            self.scaler_ = None
            self.model_ = load_pretrained(
                self.model, self.latent_dim, self.model_arguments
            )
            self._inputs(X)  # raises now what transform would raise
        self._n_features_out = feature_size(self.model_, self._key, "flatten")
        return self

    def transform(self, X):
        """Features of each row, `(n, n_features_out)`, float32.

        Raises:
            InputError: the values are outside of the range of the pretrained model.
        """
        check_is_fitted(self)
        dtype = "numeric" if self.scaler_ is None else _FLOATS
        X = check_rows(self, X, dtype=dtype, reset=False)
        features = functools.partial(
            self.model_.features, key=self._key, pool="flatten"
        )
        return self._in_full_batches(features, self._inputs(X))

    def inverse_transform(self, X):
        """Decodes codes to rows `(n, n_features_in_)`, float32, in units of the data.

        Raises:
            InputError: X is not as wide as the code, or `key` is not the code.
        """
        check_is_fitted(self)
        if self._key != "code":
            raise InputError(
                f"The features {self._key!r} cannot be inverted: use key='code'."
            )
        check_table(X)
        codes = check_array(X, dtype=np.float32)
        code = self.model_.code
        if codes.shape[1] != code.size:
            raise InputError(
                f"The code has {code.size} values but X has {codes.shape[1]} columns: "
                "pass the output of transform."
            )
        rows = self._in_full_batches(
            lambda batch: self.model_.decode(code.unflatten(batch)), codes
        )
        return rows if self.scaler_ is None else self.scaler_.inverse_transform(rows)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    @property
    def _key(self) -> str:
        return self.key or "code"

    def _inputs(self, X: np.ndarray) -> np.ndarray:
        """Rows as inputs of the model, `(n, *input_shape)`, float32."""
        shape = self.model_.input_shape[1:]
        if X.shape[1] != math.prod(shape):
            raise InputError(
                f"{self.model_.name!r} takes {math.prod(shape)} features, flattened "
                f"examples of shape {shape}, but X has {X.shape[1]}: resize them."
            )
        if self.scaler_ is None:
            return to_inputs(X.reshape(-1, *shape), shape)
        rows = np.asarray(self.scaler_.transform(X), dtype=np.float32)
        return rows.reshape(-1, *shape)

    def _in_full_batches(self, predict: Callable, x: np.ndarray) -> np.ndarray:
        """Applies `predict` to `x` in full batches; returns rows."""
        parts = [rows for _, rows in full_batches(predict, x, self.batch_size)]
        return np.concatenate(parts).reshape(len(x), -1)
