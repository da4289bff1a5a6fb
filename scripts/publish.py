"""Measures finished trainings, bundles their weights, updates the table in docs/.

python scripts/publish.py runs/conv_ae.mnist [runs/...]
"""

import argparse
import re
from pathlib import Path

from ae_zoo.code import Code
from ae_zoo.publishing.bundle import bundle
from ae_zoo.zoo.manifest import read_manifest

PAGE = Path(__file__).parent.parent / "docs" / "weights.md"
BEGIN, END = "<!-- weights:begin -->", "<!-- weights:end -->"


def make_table(entries: list[dict]) -> str:
    """The manifest's weights of small images as a Markdown table."""
    lines = [
        "| weight | parameters | code | MSE | PCA's MSE | linear probe | PCA's probe |",
        "|---|---|---|---|---|---|---|",
    ]
    for entry in entries:
        metrics, baselines = entry["metrics"], entry["baselines"]
        if "mse" not in metrics or len(entry["input"]["shape"]) != 3:
            continue  # has its own table in docs/
        size = Code(**entry["code"]).size
        lines.append(
            f"| `{entry['name']}` | {entry['parameters']:,} | {size} "
            f"| {metrics['mse']:.4f} | {baselines['pca_mse']:.4f} "
            f"| {metrics['probe_accuracy']:.3f} "
            f"| {baselines['pca_probe_accuracy']:.3f} |"
        )
    return "\n".join(lines)


def write_table(page: Path = PAGE) -> None:
    """Writes the table of the manifest's weights between the page's markers."""
    table = "\n".join([BEGIN, make_table(read_manifest()["weights"]), END])
    text = page.read_text(encoding="utf-8")
    text = re.sub(f"{BEGIN}.*{END}", lambda _: table, text, flags=re.DOTALL)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", help="folders written by ae-zoo train")
    parser.add_argument("--data-dir", help="where TFDS keeps its files")
    options = parser.parse_args()
    for run in options.runs:
        entry = bundle(run, options.data_dir, progress=print)
        print(entry["name"], entry["metrics"])
    write_table()
