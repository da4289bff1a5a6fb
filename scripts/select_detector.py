"""Compares settings of `AnomalyDetector` on the faults of SKAB's valve1.

    python scripts/select_detector.py DATA

DATA holds the folder skab. It prints figures of the 16 files of valve1, each setting
with its best margin, and leaves the other 18 files alone.
"""

import argparse
import itertools
from pathlib import Path

from anomaly_methods import SKAB_DETECTOR, our_skab
from anomaly_protocols import skab

GRID = {
    "window": (20, 28, 35, 40),
    "combine": ("max", "mahalanobis"),
    "holdout": (0.25, 0.5),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the data sets")
    folder = parser.parse_args().data / "skab"
    if not folder.is_dir():
        parser.error(f"there is no folder {folder}")
    found = []
    for values in itertools.product(*GRID.values()):
        options = dict(zip(GRID, values, strict=True))
        score = our_skab(**SKAB_DETECTOR | options)
        figures = skab(folder, score, groups=("valve1",))
        line = ", ".join(f"{key} {value}" for key, value in options.items())
        for key in ("margin", "f1", "far", "mar", "auroc"):
            line += f", {key} {figures[key]:.4g}"
        print(line, flush=True)
        found.append((figures["f1"], line))
    print("best:", max(found)[1])


if __name__ == "__main__":
    main()
