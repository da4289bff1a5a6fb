"""Stores bundled weights in half precision where that keeps their figures.

    python scripts/halve_weights.py dense_ae.mnist [NAME ...]

Measures each as `ae-zoo evaluate` does, and prints the figures in full precision, the
published ones unless they differ here, beside those in half precision. If all agree to
the third digit, the file, its checksums, card and golden outputs are written again;
else the weight stays as it is.
"""

import argparse

import make_golden

from ae_zoo.publishing.half import halve

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--data-dir", help="where TFDS keeps its files")
    options = parser.parse_args()
    for name in options.names:
        print(name, flush=True)
        figures = halve(name, options.data_dir)
        for figure in figures:
            mark = "" if figure.agrees else "  differs"
            print(f"  {figure.metric:34} {figure.full:<10.5g} ", end="")
            print(f"{figure.halved:<10.5g}{mark}")
        if all(figure.agrees for figure in figures):
            make_golden.remake([name])
            print("  stored as float16", flush=True)
        else:
            print("  stays float32", flush=True)
