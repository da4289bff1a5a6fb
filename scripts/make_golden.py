"""Writes tests/golden.json: the golden outputs of bundled weights.

    python scripts/make_golden.py                  # weights without golden outputs
    python scripts/make_golden.py conv_ae.mnist    # these again

Golden numbers of published weights change only with the weights.
"""

import argparse
import sys
from pathlib import Path

import ae_zoo

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import golden


def remake(names: list[str]) -> None:
    """Measures these bundled weights, or without names those that lack golden outputs.

    What is stored of weights that are no longer bundled is removed.
    """
    bundled = [n for n in ae_zoo.list_models() if ae_zoo.model_info(n)["bundled"]]
    kept = {name: value for name, value in golden.read().items() if name in bundled}
    for name in names or sorted(set(bundled) - set(kept)):
        kept[name] = golden.fingerprint(ae_zoo.load(name))
        print(name)
    golden.write(kept)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="weights to measure again")
    remake(parser.parse_args().names)
