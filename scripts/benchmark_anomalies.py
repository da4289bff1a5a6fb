"""How well are anomalies found? Published protocols, beside the common methods.

    python scripts/benchmark_anomalies.py DATA
        [skab fraud ecg5000 adbench adbench_semi nab]
        [--seeds N] [--methods NAME ...] [--json]

DATA holds the folders skab, creditcard, ecg5000, adbench and nab.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from anomaly_methods import (
    COMPONENTS,
    OURS,
    SKAB_DETECTOR,
    SKAB_MARGIN,
    by_windows,
    our_skab,
    peers,
)
from anomaly_protocols import Split, adbench, areas, ecg5000, fraud, nab, skab

PROTOCOLS = {  # and their folders
    "skab": "skab",
    "fraud": "creditcard",
    "ecg5000": "ecg5000",
    "adbench": "adbench",
    "adbench_semi": "adbench",
    "nab": "nab",
}


def load(protocol: str, data: Path, seeds: int) -> dict[str, list[Split]]:
    """The splits of each set of a protocol."""
    if protocol == "fraud":
        return {"fraud": fraud(data / "creditcard", range(seeds))}
    if protocol == "ecg5000":
        return {"ecg5000": ecg5000(data / "ecg5000/ECG5000_TRAIN.txt")}
    if protocol == "nab":
        return nab(data / "nab")
    normals_only = protocol == "adbench_semi"
    return dict(adbench(data / "adbench", normals_only, range(1, seeds + 1)))


def measure(protocol: str, options) -> Iterator[tuple[str, dict[str, float]]]:
    """Figures of each method, means over the sets."""
    methods = peers(COMPONENTS.get(protocol, 0.9))
    if protocol == "skab":
        scorers = {name: by_windows(method) for name, method in methods.items()}
        scorers = {"ae_zoo": our_skab(**SKAB_DETECTOR)} | scorers
        margins = {"ae_zoo": SKAB_MARGIN}
        for name in among(scorers, options.methods):
            figures = [
                skab(options.data / "skab", scorers[name], margins.get(name), seed)
                for seed in range(options.seeds)
            ]
            yield name, means(figures)
        return
    methods = OURS | methods
    sets = load(protocol, options.data, options.seeds)
    for name in among(methods, options.methods):
        yield name, means([areas(methods[name], splits) for splits in sets.values()])


def means(figures: list[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([f[key] for f in figures])) for key in figures[0]}


def among(known: dict, names: list[str] | None) -> list[str]:
    """Those of the names that are known, or all."""
    return [name for name in known if not names or name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the data sets")
    parser.add_argument(
        "protocols", nargs="*", default=["skab", "fraud", "ecg5000"], metavar="protocol"
    )
    parser.add_argument(
        "--seeds", type=int, default=3, help="of skab; splits of fraud and of ADBench"
    )
    parser.add_argument("--methods", nargs="+", help="by default all, by their names")
    parser.add_argument("--json", action="store_true", help="print JSON at the end")
    options = parser.parse_args()
    if unknown := set(options.protocols) - set(PROTOCOLS):
        parser.error(f"no protocols {unknown}; there are {', '.join(PROTOCOLS)}")
    for protocol in options.protocols:
        if not (folder := options.data / PROTOCOLS[protocol]).is_dir():
            parser.error(f"there is no folder {folder}")
    names = [*OURS, *peers()]
    if "skab" in options.protocols:
        names = ["ae_zoo", *peers()]
    if unknown := set(options.methods or ()) - set(names):
        parser.error(f"no methods {unknown}; there are {', '.join(names)}")
    results = {}
    for protocol in options.protocols:
        for name, figures in measure(protocol, options):
            prefix = protocol if name == "ae_zoo" else f"{name}_{protocol}"
            results |= {f"{prefix}_{key}": value for key, value in figures.items()}
            text = ", ".join(f"{key} {value:.4f}" for key, value in figures.items())
            line = f"{protocol} {name}: {text}"
            print(line, file=sys.stderr if options.json else None, flush=True)
    if options.json:
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
