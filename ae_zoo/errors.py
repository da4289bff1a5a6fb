"""Exceptions; each message is one sentence that names the remedy.

The command line prints the message and exits with 2.
"""


class AeZooError(Exception):
    """Base class of every error that ae_zoo raises on purpose."""


class UnknownNameError(AeZooError, ValueError):
    """A name of a model, family, backbone or option does not exist."""


class InputError(AeZooError, ValueError):
    """Data do not fit the model: wrong shape, dtype, range or file."""


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


class CodecError(AeZooError, ValueError):
    """A compressed file cannot be read: damaged, truncated or of another version."""
