"""Exceptions; each message is one sentence that names the remedy.

The command line prints the message and exits with 2.
"""

LONGEST = 600  # characters of a message
_START = 400  # of them, what a longer message keeps of its start


class AeZooError(Exception):
    """Base class of every error that ae_zoo raises on purpose."""

    def __str__(self) -> str:
        return shorten(super().__str__())


def shorten(message: str) -> str:
    """A message of at most `LONGEST` characters, without the middle of a longer one.

    What is too long is a value or a path that somebody gave; the remedy is at the end.
    """
    if len(message) <= LONGEST:
        return message
    gap = " [...] "
    return message[:_START] + gap + message[_START + len(gap) - LONGEST :]


def first_line(error: Exception) -> str:
    """The message of an error, without the additions of Keras, printable and short."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].startswith("Exception encountered when calling"):
        del lines[0]
    line = lines[0] if lines else type(error).__name__
    line = line.replace("\x1b[1m", "").replace("\x1b[0m", "").strip().rstrip(".")
    return "".join(c if c.isprintable() else "?" for c in line)[:300]


class UnknownNameError(AeZooError, ValueError):
    """A name of a model, family, backbone or option does not exist."""


class InputError(AeZooError, ValueError):
    """Data do not fit the model: wrong shape, dtype, range or file."""


class InputTypeError(InputError, TypeError):
    """A table holds something else than numbers, where scikit-learn has TypeErrors."""


class NotGenerativeError(AeZooError, TypeError):
    """`sample` was called on a model whose code has no prior."""


class RecipeError(AeZooError, ValueError):
    """A training recipe cannot be read or is invalid."""


class ManifestError(AeZooError):
    """The list of published weights, or a weights folder, is malformed."""


class DownloadError(AeZooError, OSError):
    """Weights or data are neither available locally nor by download."""


class IntegrityError(AeZooError):
    """Bytes differ from the checksums of the manifest or the folder's metadata."""


class TrainingError(AeZooError):
    """A training cannot go on: its loss is not finite, or a worker was lost."""


class ExportError(AeZooError):
    """A model cannot be exported, or its file computes something else."""


class CodecError(AeZooError, ValueError):
    """A compressed file cannot be read: damaged, truncated or of another version."""
