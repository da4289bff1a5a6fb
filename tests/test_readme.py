"""The README keeps its word: its Python runs, its commands exist."""

import contextlib
import io
import os
import re
import shlex
from typing import NamedTuple
from unittest import mock

import pytest
from conftest import ROOT

from ae_zoo.cli import main

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands():
    """The `ae-zoo` command lines, without comments, as lists of words."""
    text = "\n".join(blocks("bash")).replace("\\\n", " ").replace("&&", "\n")
    words = [shlex.split(line, comments=True) for line in text.splitlines()]
    return [command for command in words if command[:1] == ["ae-zoo"]]


@pytest.mark.slow
def test_python_blocks_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    session = {"__name__": "__readme__"}
    for code in blocks("python"):
        line = README[: README.index(code)].count("\n")
        exec(compile("\n" * line + code, "README.md", "exec"), session)


def test_the_readme_has_code_to_test():
    assert len(blocks("python")) >= 5
    assert len(commands()) >= 6


class Outcome(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def run(*words):
    """Runs `ae-zoo` with these words in this process, on a wide screen."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, {"COLUMNS": "200", "NO_COLOR": "1"}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = main(list(words))
    return Outcome(code, out.getvalue(), err.getvalue())


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_command_exists_with_these_options(command):
    _, name, *words = command
    if name in ("list", "info", "verify"):
        result = run(name, *words)
    else:
        result = run(name, "--help")
        for option in (w for w in words if w.startswith("-")):
            assert re.search(rf"(?<![\w-]){option}\b", result.stdout), option
    assert result.returncode == 0, result.stderr


def test_relative_links_lead_somewhere():
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing
