"""Texts as models take them: one-hot characters."""

import string
import unicodedata
from collections.abc import Sequence

import numpy as np

from ae_zoo.datasets.loading import Examples, prepare, read_split
from ae_zoo.errors import InputError

# Each in its place of a vector; the first stands for any other character.
ALPHABET = "\ufffd " + string.ascii_lowercase + string.digits + string.punctuation
INPUT = {"channels": "characters", "vocabulary": ALPHABET}


def load(name: str, split: str, data_dir, shape: tuple[int, int]) -> Examples:
    """Texts of a TFDS set as one-hot characters; the groups are the sets of each.

    Args:
        name: 'sentences'.
        split: TFDS split.
        data_dir: where TFDS keeps its files.
        shape: `(length, len(ALPHABET))`.
    """
    texts, labels, sets = load_texts(name, split, data_dir)
    if shape[1:] != (len(ALPHABET),):
        raise InputError(
            f"{name!r} has {len(ALPHABET)} characters: set model.input_shape to "
            f"[64, {len(ALPHABET)}]."
        )
    return Examples(one_hot(texts, shape[0]), labels, sets)


def load_texts(name: str, split: str, data_dir=None) -> tuple[list[str], ...]:
    """Texts, labels `(n,)` and sets `(n,)` of a TFDS set; arguments as of `load`."""
    builder = prepare(name, data_dir)
    rows = list(read_split(builder, split).as_numpy_iterator())
    names = builder.info.features["set"].names
    return (
        [row["text"].decode() for row in rows],
        np.array([row["label"] for row in rows]),
        np.array([names[row["set"]] for row in rows]),
    )


def one_hot(texts: Sequence[str], length: int = 64) -> np.ndarray:
    """Texts as vectors that a model with `loss="cce"` takes.

    In lower case, without accents, and cut after `length` characters; shorter ones are
    filled up with spaces.

    Args:
        texts: one a row.
        length: characters of an example.

    Returns:
        `(n, length, len(ALPHABET))`, bool.
    """
    places = {character: i for i, character in enumerate(ALPHABET)}
    indices = [
        [places.get(c, 0) for c in simplify(text)[:length].ljust(length)]
        for text in texts
    ]
    return np.array(indices)[..., None] == np.arange(len(ALPHABET))


def simplify(text: str) -> str:
    """In lower case, without accents and without space around it."""
    plain = unicodedata.normalize("NFKD", text.strip().lower())
    return "".join(c for c in plain if not unicodedata.combining(c))


def to_texts(probabilities: np.ndarray) -> list[str]:
    """The most likely characters of vectors `(n, length, len(ALPHABET))`."""
    best = np.argmax(probabilities, axis=-1)
    return ["".join(ALPHABET[i] for i in row).rstrip() for row in best]
