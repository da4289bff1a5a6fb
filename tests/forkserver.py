"""Processes forked from one that has imported Keras, TensorFlow and the training.

The import takes several seconds of each fresh interpreter, and none of these. What
TensorFlow sets up at its first computation is still each process's own.
"""

import multiprocessing
import os
import sys

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["ae_zoo.training.run"])


def start(function, *args, **kwargs):
    """Starts `function` in a process of its own, which has its `exitcode`."""
    process = CONTEXT.Process(target=function, args=args, kwargs=kwargs)
    process.start()
    return process


def start_cli(words, log=os.devnull, environment=None):
    """Starts `ae-zoo` with these words; what it prints goes to the file `log`."""
    return start(_cli, [str(word) for word in words], str(log), environment or {})


def _cli(words, log, environment):
    with open(log, "w") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    os.environ.pop("TF_CONFIG", None)
    os.environ.update(environment)
    from ae_zoo.cli import main

    sys.exit(main(words))
