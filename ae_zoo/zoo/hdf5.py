"""The file of a model's weights: float arrays in Keras's places, and nothing else.

Keras writes plain arrays, so that the memory for reading a file is bounded by its size:
twice that size where float16 arrays fill float32 weights. Everything else that HDF5 can
hold is refused: compressed arrays, links, other files.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ae_zoo.autoencoder import Autoencoder

MOST_OBJECTS = 4_000  # arrays and groups, which take a second to read
DEEPEST = 20  # groups in each other
LARGEST_ERROR = 2**-11  # of a number within float16's range, relative


def write(model: "Autoencoder", path: Path, error: float | None = None) -> None:
    """Writes weights as Keras does, without layer names, which vary between builds.

    Args:
        error: relative error of an array that becomes float16, see `_halved`; None
            leaves all arrays as they are.

    Raises:
        ValueError: a weight is not finite, or there are too many to read again.
    """
    import h5py

    draft = path.with_name("draft.weights.h5")
    model.save_weights(draft)
    with h5py.File(draft) as source, h5py.File(path, "w") as target:
        for dataset in _datasets(source):
            _check_values(dataset)
            values = dataset[()]
            target[dataset.name] = values if error is None else _halved(values, error)
            target[dataset.name].attrs.update(dataset.attrs)
    draft.unlink()


def read_layout(path: Path) -> Counter:
    """The arrays of a file, counted by shape and whether they are floats; all checked.

    Raises:
        ValueError: it holds what Keras does not write, or values that are not finite;
            the message says what.
        Exception: others of h5py, for a damaged file.
    """
    import h5py

    with h5py.File(path) as file:
        datasets = list(_datasets(file))
        for dataset in datasets:
            _check_storage(dataset)
        if sum(dataset.nbytes for dataset in datasets) > path.stat().st_size:
            raise ValueError("larger arrays than the file holds")
        for dataset in datasets:
            _check_values(dataset)
        return Counter((d.shape, _is_float(d)) for d in datasets)


def precision(path: Path) -> str:
    """'float16' if any array of a file is, else 'float32'."""
    import h5py

    with h5py.File(path) as file:
        halved = any(dataset.dtype == "float16" for dataset in _datasets(file))
    return "float16" if halved else "float32"


def layout(model: "Autoencoder") -> Counter:
    """The weights of a model, counted like the arrays of a file."""
    return Counter((tuple(w.shape), "float" in w.dtype) for w in model.weights)


def _datasets(group, depth: int = 0, count=None) -> Iterator:
    """Every array in a fixed order; ValueError if there are other things or too many.

    The walk is ours, since that of HDF5 takes longer the deeper groups lie in each
    other, and follows them without end.
    """
    import h5py

    count = count or itertools.count(1)
    for name in group:
        if depth > DEEPEST or next(count) > MOST_OBJECTS:
            raise ValueError(
                f"more than {MOST_OBJECTS} arrays and groups, or groups more than "
                f"{DEEPEST} deep"
            )
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError("data outside the file")
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _datasets(item, depth + 1, count)
        elif isinstance(item, h5py.Dataset):
            yield item
        else:
            raise ValueError(f"a {type(item).__name__}")


def _check_storage(dataset) -> None:
    """Raises ValueError unless the array lies in the file as it will in memory.

    An array of strings or of lists does not: each may point to the same long one.
    """
    from h5py import h5d

    storage = dataset.id.get_create_plist()
    layout = storage.get_layout()
    if storage.get_external_count() or layout == h5d.VIRTUAL:
        raise ValueError("data outside the file")
    if layout == h5d.CHUNKED:
        raise ValueError("compressed arrays, or arrays in chunks")
    attributes = (dataset.attrs.get_id(name) for name in dataset.attrs)
    if dataset.shape is None or any(each.shape != () for each in attributes):
        raise ValueError("something else than arrays")
    if dataset.dtype.kind not in "iu" and not _is_float(dataset):
        raise ValueError(f"values of type {dataset.dtype}")


def _halved(values, most: float):
    """Float32 arrays of two or more axes as float16, unless that changes them too much.

    It does if they are beyond its range: larger than 65,504, or so much smaller than
    0.0001 that the array as a whole loses digits. Arrays of one axis, such as biases
    and scales, are a small part of a file and stay as they are.
    """
    import numpy as np

    if values.dtype != "float32" or values.ndim < 2:
        return values
    with np.errstate(over="ignore"):
        half = values.astype("float16")
    exact = values.astype("float64")
    error = np.linalg.norm(half - exact)
    return half if error <= most * np.linalg.norm(exact) else values


def _is_bfloat16(dataset) -> bool:
    """Whether Keras marks the array so; HDF5 has no such type."""
    return dataset.dtype == "V2" and dataset.attrs.get("dtype") == "bfloat16"


def _is_float(dataset) -> bool:
    return dataset.dtype.kind == "f" or _is_bfloat16(dataset)


def _check_values(dataset) -> None:
    """Raises ValueError unless the values are finite."""
    import numpy as np

    values = dataset[...]
    if _is_bfloat16(dataset):  # the upper half of a float32
        values = (values.view("<u2").astype("<u4") << 16).view("<f4")
    if not np.isfinite(values).all():
        raise ValueError("values that are not finite")
