"""The README is short and lists every family; docs/weights.md lists every weight.

`test_docs.py` runs their code.
"""

import importlib.util
import re

import pytest
from conftest import ROOT

from ae_zoo.zoo.manifest import read_manifest

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def publish():
    """The script that writes the table of weights."""
    path = ROOT / "scripts" / "publish.py"
    spec = importlib.util.spec_from_file_location("publish", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_shows_two_commands_and_one_short_example():
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert [language for language, _ in blocks] == ["bash", "bash", "python"]
    codes = [code.strip() for _, code in blocks]
    assert codes[:2] == [
        "pip install . && ae-zoo demo",
        "pip install -e '.[test]' && pytest -m \"not slow\"",
    ]
    assert len(codes[2].splitlines()) <= 16
    assert "](docs/demo.png)" in README


@pytest.mark.parametrize("page", ["README.md", "docs/families.md"])
def test_every_family_is_listed(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    families = {entry["family"] for entry in read_manifest()["weights"]}
    assert not {name for name in families if not re.search(rf"`{name}[`(]", text)}


def test_the_table_of_weights_is_that_of_the_manifest(publish, tmp_path):
    text = publish.PAGE.read_text(encoding="utf-8")
    table = publish.make_table(read_manifest()["weights"])
    assert f"{publish.BEGIN}\n{table}\n{publish.END}" in text
    old = tmp_path / "weights.md"
    old.write_text(text.replace(table, "| an old table |"), encoding="utf-8")
    publish.write_table(old)
    assert old.read_text(encoding="utf-8") == text
