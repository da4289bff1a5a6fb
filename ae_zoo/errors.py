"""What can go wrong, said in one sentence that names the remedy.

The command line prints the sentence and exits with 2.
"""


class AeZooError(Exception):
    """Base of every error that ae_zoo raises on purpose."""


class UnknownNameError(AeZooError, ValueError):
    """A model, family, backbone or option that does not exist."""


class InputError(AeZooError, ValueError):
    """Data that the model cannot take: shape, dtype, range or file."""


class NotGenerativeError(AeZooError, TypeError):
    """`sample` was asked of a model whose code has no prior."""


class RecipeError(AeZooError, ValueError):
    """A training recipe that cannot be read or does not make sense."""


class ManifestError(AeZooError):
    """The list of published weights, or a weights folder, is malformed."""


class DownloadError(AeZooError, OSError):
    """Weights could not be had from the Hub or the cache."""


class IntegrityError(AeZooError):
    """Bytes differ from what the manifest or the folder's metadata promise."""


class TrainingError(AeZooError):
    """A training that cannot go on: its loss is no number, or a worker was lost."""


class CodecError(AeZooError, ValueError):
    """An unreadable compressed file: damaged, truncated or of another version."""
