"""Pictures as small files: the format, and the coder that fills it."""
