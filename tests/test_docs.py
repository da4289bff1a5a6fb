"""Docs are correct: Python blocks run; commands, files and links exist."""

import contextlib
import io
import re
import shlex
import socket
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import ROOT

from ae_zoo.cli import main
from ae_zoo.training import list_recipes
from ae_zoo.zoo.manifest import list_models

LANGUAGES = {"bash", "python", "text", "toml", "yaml"}
FENCE = re.compile(
    r"(?:<!-- (?P<mark>setup|not run)\b:?(?P<note>.*?)-->\n)?"
    r"^```(?P<language>\w*)\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    """A fenced block of code, and the comment directly before it.

    Attributes:
        language: the word after the fence.
        code: its lines.
        line: of the page, where it starts.
        mark: 'setup', 'not run' or None.
        note: Python that prepares the block, or why it cannot run.
    """

    language: str
    code: str
    line: int
    mark: str | None
    note: str


class Page:
    """A Markdown file and its blocks of code."""

    def __init__(self, path):
        self.path = path
        self.name = str(path.relative_to(ROOT))
        self.text = path.read_text(encoding="utf-8")
        self.blocks = [
            Block(
                found["language"],
                found["code"],
                self.text.count("\n", 0, found.start("code")),
                found["mark"],
                found["note"] or "",
            )
            for found in FENCE.finditer(self.text)
        ]

    def select(self, language):
        return [block for block in self.blocks if block.language == language]

    @property
    def prose(self):
        """The page without its blocks of code."""
        return FENCE.sub("", self.text)


FILES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
PAGES = {page.name: page for page in map(Page, sorted(FILES))}
# These run in their own tests, which need what they train, or further packages.
ELSEWHERE = {
    "docs/export.md": "test_export.py",
    "docs/fine_tuning.md": "test_fine_tuning.py",
}
WITH_PYTHON = [
    name
    for name, page in PAGES.items()
    if page.select("python") and name not in ELSEWHERE
]


def commands(program):
    """Command lines of a program in bash blocks and in prose: `{line: words}`."""
    lines = []
    for page in PAGES.values():
        text = "\n".join(block.code for block in page.select("bash"))
        lines += text.replace("\\\n", " ").replace("&&", "\n").splitlines()
        lines += re.findall(r"`([^`]+)`", page.prose)
    split = [shlex.split(line, comments=True) for line in lines if program in line]
    while_set = re.compile(r"[A-Z_]+=")  # variables before the command
    for words in split:
        while words and while_set.match(words[0]):
            del words[0]
        if words[1:2] == ["--import"]:  # a module of the reader's
            del words[1:3]
    return {" ".join(w): w[1:] for w in split if len(w) > 1 and w[0] == program}


COMMANDS = commands("ae-zoo")
SCRIPTS = {k: v for k, v in commands("python").items() if v[0].endswith(".py")}


@pytest.fixture
def offline(monkeypatch):
    """Refuses the network and data sets of this machine."""

    def refuse(*address, **options):
        raise AssertionError(f"no page may download in a test: {address}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.delenv("AE_ZOO_MANUAL_DIR", raising=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_PYTHON)
def test_python_blocks_run_one_after_the_other(name, offline, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session = {"__name__": "__page__"}
    for block in PAGES[name].select("python"):
        if block.mark == "not run":
            continue
        exec(compile(block.note, f"setup in {name}", "exec"), session)
        exec(compile("\n" * block.line + block.code, name, "exec"), session)


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_code_is_in_blocks_of_a_known_language(page):
    assert page.text.count("\n```") == 2 * len(page.blocks)
    assert {block.language for block in page.blocks} <= LANGUAGES
    indented = re.findall(r"^ {4,}\S.*", page.prose, re.MULTILINE)
    assert not indented, "fence these lines, so that they are tested"


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_marks_stand_before_python_and_give_a_reason(page):
    for block in page.blocks:
        if block.mark is not None:
            assert block.language == "python", block.code
            assert len(block.note.split()) > 2, f"no reason in {page.name}"
    marks = re.findall(r"<!-- (?:setup|not run)", page.text)
    assert len(marks) == sum(block.mark is not None for block in page.blocks)


def test_the_pages_have_code_to_test():
    assert len(WITH_PYTHON) >= 7
    for page, file in ELSEWHERE.items():
        assert f'"{Path(page).name}"' in (ROOT / "tests" / file).read_text()
    assert len(COMMANDS) >= 30
    assert len(SCRIPTS) >= 10


def run(*words):
    """`ae-zoo` in this process: the exit code, and what it wrote to stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(words))
    return code, err.getvalue()


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_command_exists_with_these_options(words):
    # `--help` acts after all options are parsed: unknown ones are refused before it.
    code, message = run(words[0], "--help", *words[1:])
    assert code == 0, message


READERS = {
    line: words
    for line, words in COMMANDS.items()
    if words[0] in ("list", "info", "verify") or "--print" in words
    if not {"NAME", "FOLDER", "runs/mine", "FILE.aez", "photo.aez"} & set(words)
}


@pytest.mark.parametrize("words", READERS.values(), ids=READERS)
def test_command_that_only_reads_succeeds(words):
    code, message = run(*words)
    assert code == 0, message


def test_names_in_commands_exist():
    known = {*list_models(), *list_recipes()}
    families = {name.split(".")[0] for name in known}
    words = {word for words in COMMANDS.values() for word in words}
    names = {word for word in words if word.split(".")[0] in families}
    assert len(names) >= 8
    assert not {name for name in names if "." in name} - known


@pytest.mark.parametrize("words", SCRIPTS.values(), ids=SCRIPTS)
def test_script_exists_with_these_options(words):
    source = (ROOT / words[0]).read_text(encoding="utf-8")
    for option in (word for word in words if word.startswith("--")):
        assert f'"{option}"' in source, option


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_yaml_blocks_are_recipes(page, tmp_path):
    for block in page.select("yaml"):
        (tmp_path / "recipe.yaml").write_text(block.code, encoding="utf-8")
        code, message = run("train", str(tmp_path / "recipe.yaml"), "--print")
        assert code == 0, message


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_relative_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.text)
    missing = [link for link in links if not (page.path.parent / link).exists()]
    assert not missing


def test_every_page_is_in_the_navigation():
    names = re.findall(r"^  - (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
    assert sorted(names) == sorted(p.name for p in (ROOT / "docs").glob("*.md"))
