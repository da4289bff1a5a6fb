"""Exports bundled weights to every format, runs them, updates the table in docs/.

    python scripts/export_weights.py                  # all
    python scripts/export_weights.py conv_ae.mnist    # these again

Each is exported whole, and compared with the model as `ae-zoo export` does.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

import keras

import ae_zoo
from ae_zoo.errors import ExportError

PAGE = Path(__file__).parent.parent / "docs" / "export.md"
BEGIN, END = "<!-- exports:begin -->", "<!-- exports:end -->"
HEADER = ["| weight | ONNX | MB | SavedModel | LiteRT |", "|---|---|---|---|---|"]
NAMES = {"onnx": "network.onnx", "saved_model": "network", "litert": "network.tflite"}
REQUIRED = ("onnx", "saved_model")  # of every weight


def export_all(name: str) -> dict[str, "ae_zoo.publishing.export.Exported | str"]:
    """By format what was exported, or why not."""
    model, found = ae_zoo.load(name), {}
    for format, file in NAMES.items():
        with tempfile.TemporaryDirectory() as folder:
            try:
                found[format] = ae_zoo.export(model, Path(folder, file), format)
            except ExportError as error:
                found[format] = str(error)
    keras.utils.clear_session()
    return found


def make_row(name: str, found: dict) -> str:
    """The row of a weight, in Markdown."""
    onnx = found["onnx"]
    size = "" if isinstance(onnx, str) else f"{onnx.bytes / 1e6:.1f}"
    cells = [describe(onnx), size, *(describe(found[f]) for f in list(NAMES)[1:])]
    return f"| `{name}` | {' | '.join(cells)} |"


def describe(done) -> str:
    """The largest difference, or why there is none."""
    if isinstance(done, str):
        return done.replace("|", "/")
    flex = f"needs {', '.join(done.flex_ops)}" if done.flex_ops else ""
    difference = "not run" if done.difference is None else f"{done.difference:.0e}"
    difference = "0" if done.difference == 0 else difference
    return f"{difference}; {flex}" if flex else difference


def write_row(name: str, row: str, page: Path = PAGE) -> None:
    """Adds a row to the table between the page's markers, or replaces it."""
    text = page.read_text(encoding="utf-8")
    before, table, after = re.split(f"{BEGIN}|{END}", text)
    rows = {line.split("`")[1]: line for line in table.splitlines() if "`" in line}
    rows[name] = row
    lines = [BEGIN, *HEADER, *(rows[name] for name in sorted(rows)), END]
    page.write_text(before + "\n".join(lines) + after, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="weights; by default all bundled ones")
    names = parser.parse_args().names or [
        name for name in ae_zoo.list_models() if ae_zoo.model_info(name)["bundled"]
    ]
    failed = []
    for name in names:
        found = export_all(name)
        row = make_row(name, found)
        write_row(name, row)
        print(row, flush=True)
        failed += [name for f in REQUIRED if isinstance(found[f], str)]
    if failed:
        print("not exported:", ", ".join(failed), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
