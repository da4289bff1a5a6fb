"""The model being measured, its data, and results that several questions use."""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

import numpy as np
from sklearn.decomposition import PCA

from ae_zoo.autoencoder import Autoencoder
from ae_zoo.datasets import Examples, load_pictures
from ae_zoo.errors import InputError

# Directions with less variance than this, relative to the largest, hold rounding.
NULL_VARIANCE = 1e-10
# Values of an example up to which PCA is exact; the cost grows with their cube.
WIDEST_EXACT = 5000


class Subject:
    """What is measured: a model with its data, and how far the measuring is.

    Attributes:
        report: called with the share of a question that is done, from 0 to 1.
    """

    report: Callable[[float], None] | None = None

    def expect(self, steps: int) -> None:
        """Says how many items a question passes through `track` in all."""
        self.steps, self.done = steps, 0

    def track(self, items: Iterable) -> Iterator:
        """The items one by one, each reported as done when the next is due."""
        for item in items:
            yield item
            self.done += 1
            if self.report is not None:
                self.report(self.done / self.steps)


class Photographs(Subject):
    """A model of pictures of any size, and the pictures to measure it on.

    Args:
        model: the `Autoencoder`.
        data_dir: where TFDS keeps its files.
    """

    name = None  # a model of photographs has no single data set
    labelled = False

    def __init__(self, model: Autoencoder, data_dir=None):
        self.model, self.data_dir = model, data_dir

    def sets(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Which test sets to measure on, of those that a question names."""
        return names

    def pictures(self, name: str, split: str, every: int = 1) -> list[np.ndarray]:
        """Loads pictures by `ae_zoo.datasets.load_pictures`: one of `every` so many."""
        return load_pictures(name, split, self.data_dir)[::every]


class Measured(Subject):
    """A model with its data; codes and PCA are computed once, when first used.

    Args:
        model: the `Autoencoder`.
        train, test: examples `(n, *input_shape)`, float32 in [0, 1], and labels
            `(n,)` or None, as from `ae_zoo.datasets.load_arrays`.
        name, data_dir: name and folder of the data, as for `load_arrays`.

    Attributes:
        labelled: whether the labels are classes of one kind.

    Raises:
        InputError: the examples do not have the model's input shape.
    """

    def __init__(self, model: Autoencoder, train, test, name=None, data_dir=None):
        self.model, self.name, self.data_dir = model, name, data_dir
        self.train, self.train_labels, self.train_groups = Examples(*train)
        self.test, self.test_labels, self.test_groups = Examples(*test)
        self.labelled = self.train_labels is not None and name != "sentences"
        expected, received = model.input_shape[1:], self.test.shape[1:]
        if received != expected:
            raise InputError(
                f"{model.name!r} takes inputs of shape {expected} but the data has "
                f"{received}: choose another dataset."
            )

    @cached_property
    def train_codes(self) -> np.ndarray:
        """Codes of the training split, `(n, code.size)`, float32."""
        return self._codes(self.train)

    @cached_property
    def test_codes(self) -> np.ndarray:
        """Codes of the test split, `(n, code.size)`, float32."""
        return self._codes(self.test)

    def _codes(self, x) -> np.ndarray:
        return flatten(self.model.features(x, pool="flatten"))

    @cached_property
    def pca(self) -> PCA:
        """PCA of the training pixels with as many components as the code, or all."""
        pixels = flatten(self.train).astype("float64")
        components = min(self.model.code.size, *pixels.shape)
        wide = pixels.shape[1] > WIDEST_EXACT
        solver = "randomized" if wide else "covariance_eigh"
        return PCA(components, svd_solver=solver, random_state=0).fit(pixels)

    @cached_property
    def pca_train_codes(self) -> np.ndarray:
        """Projections of the training split without null directions, float32."""
        return self._project(self.train)

    @cached_property
    def pca_test_codes(self) -> np.ndarray:
        """Projections of the test split without null directions, float32."""
        return self._project(self.test)

    def _project(self, x) -> np.ndarray:
        # Constant pixels cause directions that hold only rounding errors, which
        # standardisation would scale to unit variance.
        variance = self.pca.explained_variance_
        kept = variance > NULL_VARIANCE * variance[0]
        return self.pca.transform(flatten(x))[:, kept].astype("float32")

    @cached_property
    def pca_reconstruction(self) -> np.ndarray:
        """The test split reconstructed by PCA, not clipped, `(n, *input_shape)`."""
        rebuilt = self.pca.inverse_transform(self.pca.transform(flatten(self.test)))
        return rebuilt.astype("float32").reshape(self.test.shape)


def flatten(x: np.ndarray) -> np.ndarray:
    """Examples as rows, float32."""
    return np.reshape(x, (len(x), -1)).astype("float32", copy=False)
