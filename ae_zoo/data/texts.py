"""Texts as model inputs: one-hot characters."""

import os
import string
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ae_zoo._files import check_regular
from ae_zoo.data.values import scale
from ae_zoo.errors import InputError

TEXT_SUFFIXES = (".txt",)
# In the order of the one-hot vectors; the first character replaces unknown ones.
ALPHABET = "\ufffd " + string.ascii_lowercase + string.digits + string.punctuation


def read_text(
    path: str | os.PathLike, input_shape: tuple[int, ...], rows: int
) -> Iterator[np.ndarray]:
    """Reads the lines of a UTF-8 file as one-hot characters, one example per line.

    Args:
        path: the file.
        input_shape: `(length, len(ALPHABET))` of the model.
        rows: most lines at a time, which take a thousand times the memory of the file.

    Yields:
        `(some, *input_shape)`, float32, 0 and 1.

    Raises:
        InputError: the model does not take text, or the file is missing, empty or not
            UTF-8.
    """
    if input_shape[1:] != (len(ALPHABET),):
        raise InputError(
            f"{path} is text, but the model takes examples of shape {input_shape}: "
            "choose a model for text, see `ae-zoo list`."
        )
    check_regular(path)
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read {path} as UTF-8: {error}.") from error
    if not lines:
        raise InputError(f"{path} is empty: it needs one sentence per line.")
    for start in range(0, len(lines), rows):
        yield scale(one_hot(lines[start : start + rows], input_shape[0]))


def one_hot(texts: Sequence[str], length: int = 64) -> np.ndarray:
    """Texts as one-hot vectors, for models with `loss="cce"`.

    The texts are simplified (see `simplify`), then cut or padded with spaces to
    `length` characters.

    Args:
        texts: one example each.
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
    """A text in lower case, without accents and without surrounding spaces."""
    plain = unicodedata.normalize("NFKD", text.strip().lower())
    return "".join(c for c in plain if not unicodedata.combining(c))


def to_texts(probabilities: np.ndarray) -> list[str]:
    """The texts of the most likely characters, without trailing spaces.

    Args:
        probabilities: `(n, length, len(ALPHABET))`.
    """
    best = np.argmax(probabilities, axis=-1)
    return ["".join(ALPHABET[i] for i in row).rstrip() for row in best]
