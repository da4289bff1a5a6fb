"""Array files: `.npy` and `.npz`."""

import os
import tokenize
import zipfile
import zlib

import numpy as np

from ae_zoo.errors import InputError

ARRAY_SUFFIXES = (".npy", ".npz")
EXAMPLE_KEYS = ("x", "image", "images")  # in archives and in elements of tf.data
LABEL_KEYS = ("y", "label", "labels")

# The exceptions that NumPy raises for damaged files.
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)


def read_array(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray | None]:
    """Reads the examples of an `.npy` or `.npz` file, and its labels if it has any.

    In an archive, the examples are 'x', 'image' or 'images', or the only array besides
    the labels 'y', 'label' or 'labels'. An `.npy` file is memory-mapped.

    Returns:
        The examples `(n, ...)`, and the labels `(n,)` or None.

    Raises:
        InputError: the file is missing or broken, holds Python objects, or does not
            make clear which array holds the examples.
    """
    try:
        content = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(content, np.ndarray):
            return content, None
        with content:
            x = np.asarray(content[example_key(content.files, path)])
            labels = [np.asarray(content[k]) for k in LABEL_KEYS if k in content.files]
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    except _DAMAGE as error:
        raise InputError(
            f"Cannot read {path}: it must hold an array of numbers, as np.save and "
            "np.savez write it."
        ) from error
    if not labels:
        return x, None
    if labels[0].shape[:1] != x.shape[:1]:
        raise InputError(
            f"{path} has labels of shape {labels[0].shape} for examples of shape "
            f"{x.shape}: it needs one label per example."
        )
    return x, labels[0]


def example_key(keys: list[str], owner) -> str:
    """The key of the array that holds the examples.

    Args:
        keys: the names of all arrays.
        owner: the file or data set that holds them, for the message.

    Raises:
        InputError: several arrays, or none, could be the examples.
    """
    for key in EXAMPLE_KEYS:
        if key in keys:
            return key
    others = [key for key in keys if key not in LABEL_KEYS]
    if len(others) == 1:
        return others[0]
    raise InputError(
        f"Which array of {owner} holds the examples? It has {', '.join(keys) or 'none'}"
        "; call it 'x'."
    )
