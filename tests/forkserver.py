"""Processes forked from one that has imported Keras, TensorFlow and the training.

The import takes several seconds of each fresh interpreter, and none of these. What
TensorFlow sets up at its first computation is still each process's own.
"""

import multiprocessing
import os
import runpy
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["ae_zoo.training.run"])


class Outcome(NamedTuple):
    """What a finished process returned and wrote."""

    code: int
    out: str
    err: str


def start(function, *args, **kwargs):
    """Starts `function` in a process of its own, which has its `exitcode`."""
    process = CONTEXT.Process(target=function, args=args, kwargs=kwargs)
    process.start()
    return process


def start_cli(words, log=os.devnull, environment=None):
    """Starts `ae-zoo` with these words; what it prints goes to the file `log`."""
    return start(_cli, [str(word) for word in words], (log, log), environment or {})


def run_cli(*words, cwd=None) -> Outcome:
    """Runs `ae-zoo` with these words in the folder `cwd`."""
    return _run(_cli, [str(word) for word in words], cwd=cwd)


def run_script(path, *words) -> Outcome:
    """Runs a Python file with these words, as `python path words` would."""
    return _run(_script, str(path), list(words))


def _run(function, *args, **kwargs) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder, "out"), Path(folder, "err")
        process = start(function, *args, logs, **kwargs)
        process.join(120)
        return Outcome(process.exitcode, *(log.read_text() for log in logs))


def _cli(words, logs, environment=None, cwd=None):
    _redirect(logs)
    os.environ.pop("TF_CONFIG", None)
    os.environ.update(environment or {})
    if cwd is not None:
        os.chdir(cwd)
    from ae_zoo.cli import main

    sys.exit(main(words))


def _script(path, words, logs):
    _redirect(logs)
    sys.argv = [path, *words]
    runpy.run_path(path, run_name="__main__")


def _redirect(logs):
    """Sends stdout and stderr to two files, or to one."""
    for stream, log in zip((sys.stdout, sys.stderr), logs, strict=True):
        with open(log, "a") as file:
            os.dup2(file.fileno(), stream.fileno())
