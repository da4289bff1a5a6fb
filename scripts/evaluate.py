"""Measures a model again: the same as `ae-zoo evaluate`."""

import sys

from ae_zoo.cli import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
