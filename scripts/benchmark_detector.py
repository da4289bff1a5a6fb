"""Compares speed and memory of `AnomalyDetector` and PyOD's default AutoEncoder.

The data are a seeded table of 1,000,000 rows and 30 columns, made of five latent
factors and noise. The detectors are fitted to the first 20,000 rows and score all. Each
runs in its own process (PyTorch crashes beside TensorFlow); they alternate. Peak memory
is relative to that before `fit`, with library and table loaded (Linux).

    python scripts/benchmark_detector.py [--rows N] [--fitted N] [--rounds N]
"""

import argparse
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

COLUMNS, FACTORS = 30, 5
NAMES = ("ae_zoo", "pyod")

_worker = {}  # table and detector of a process


def table(rows: int, seed: int = 0) -> np.ndarray:
    """A table `(rows, 30)`, float64: a curved surface of five dimensions with noise."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((FACTORS, COLUMNS))
    x = np.tanh(rng.standard_normal((rows, FACTORS)) @ mixing)
    x += 0.1 * rng.standard_normal(x.shape)
    return x


def load(name: str, rows: int) -> None:
    """Makes the table and the detector of this process."""
    if name == "pyod":
        from pyod.models.auto_encoder import AutoEncoder

        _worker["detector"] = AutoEncoder(random_state=0, verbose=0)
        _worker["score"] = _worker["detector"].decision_function
    else:
        import keras  # noqa: F401, so that its memory is not counted in fit

        from ae_zoo.tasks import AnomalyDetector

        _worker["detector"] = AnomalyDetector(random_state=0)
        _worker["score"] = _worker["detector"].anomaly_score
    _worker["table"] = table(rows)


def fit(rows: int) -> tuple[float, float]:
    """Fits the detector; returns seconds, and peak MiB above those before."""
    before, start = _held(), time.perf_counter()
    _worker["detector"].fit(_worker["table"][:rows])
    _worker["before"] = before
    return time.perf_counter() - start, _peak() - before


def score() -> tuple[float, float]:
    """Scores all rows; returns rows a second, and peak MiB above those before `fit`."""
    start = time.perf_counter()
    scores = _worker["score"](_worker["table"])
    seconds = time.perf_counter() - start
    if not np.isfinite(scores).all():
        raise RuntimeError("A score is not finite.")
    return len(scores) / seconds, _peak() - _worker["before"]


def _held() -> float:
    """Resident memory in MiB; resets the peak that `_peak` returns."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak() -> float:
    return _status("VmHWM")


def _status(key: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"This system does not report {key}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--fitted", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    pools = {name: ProcessPoolExecutor(1, context) for name in NAMES}
    try:
        for name, pool in pools.items():
            pool.submit(load, name, options.rows).result()
            seconds, memory = pool.submit(fit, options.fitted).result()
            print(
                f"{name}: fit of {options.fitted:,} rows {seconds:.1f} s, "
                f"{memory:,.0f} MiB more",
                flush=True,
            )
        speeds = {name: [] for name in NAMES}
        for _ in range(options.rounds):
            for name, pool in pools.items():
                speed, memory = pool.submit(score).result()
                speeds[name].append(speed)
                print(
                    f"{name}: {speed:,.0f} rows/s, {memory:,.0f} MiB more", flush=True
                )
    finally:
        for pool in pools.values():
            pool.shutdown()
    ours, theirs = (np.median(speeds[name]) for name in NAMES)
    print(
        f"ae_zoo / pyod, medians of {options.rounds}, {os.cpu_count()} cores: "
        f"{ours:,.0f} / {theirs:,.0f} rows/s = {ours / theirs:.1f}"
    )


if __name__ == "__main__":
    main()
