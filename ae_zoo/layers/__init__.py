"""Layers that Keras lacks: every public class of the files in this folder."""

from ae_zoo._lazy import attach_folder

__getattr__, __dir__ = attach_folder(__name__, __path__)
