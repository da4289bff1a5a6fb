"""Measures finished trainings and adds them to the bundled weights.

python scripts/publish.py runs/conv_ae.mnist [runs/...]
"""

import argparse

from ae_zoo.zoo.publisher import bundle

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", help="folders written by ae-zoo train")
    parser.add_argument("--data-dir", help="where TFDS keeps its files")
    options = parser.parse_args()
    for run in options.runs:
        entry = bundle(run, options.data_dir, progress=print)
        print(entry["name"], entry["metrics"])
