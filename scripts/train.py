"""Trains a recipe: the same as `ae-zoo train`."""

import sys

from ae_zoo.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
