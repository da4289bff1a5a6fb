"""From the encoder's output to the code: every public class of this folder's files."""

from ae_zoo._lazy import attach_folder

__getattr__, __dir__ = attach_folder(__name__, __path__)
