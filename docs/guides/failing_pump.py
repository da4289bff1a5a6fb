"""Find a failing pump: when it starts to fail, and which sensor shows it.

    python docs/guides/failing_pump.py
    python docs/guides/failing_pump.py data.csv --first 400 --ignore anomaly,changepoint

Without a file the script simulates the readings of a pump with a slowly closing suction
valve. It accepts any CSV or Parquet table of sensors with normal first rows. It writes
pump.png and pump/, the detector.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np

from ae_zoo.data.tables import Frame, read_frame
from ae_zoo.tasks import AnomalyDetector
from ae_zoo.tasks.detector import detect


def simulate(rows: int = 1200, fault: int = 900, seed: int = 0) -> Frame:
    """Six sensors, one reading a second; the valve starts to close at row `fault`."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(rows)
    load = 1 + 0.1 * np.sin(seconds / 40) + 0.02 * rng.standard_normal(rows)
    valve = np.clip(1 - (seconds - fault) / 150, 0.3, 1)
    flow = 30 * load * valve
    current = 2 * load + 0.8 * (1 - valve)
    heat = np.convolve(current**2, 0.05 * np.exp(-np.arange(300) / 60))[:rows]
    columns = {
        "flow, l/min": flow,
        "pressure, bar": 1.5 * load**2 - 0.6 * (1 - valve),
        "current, A": current,
        "voltage, V": 230 + rng.standard_normal(rows),
        "temperature, °C": 60 + heat,
        "vibration, mm/s": 1.2 * load + 3 * (1 - valve) ** 2,
    }
    values = np.stack(list(columns.values()), axis=1)
    values *= 1 + 0.01 * rng.standard_normal(values.shape)
    return Frame(list(columns), values)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="?", help="a .csv or .parquet file")
    parser.add_argument("--first", type=int, default=600, help="number of normal rows")
    parser.add_argument("--ignore", default="", help="columns to leave out")
    options = parser.parse_args(arguments)
    ignored = [name for name in options.ignore.split(",") if name]
    pump = read_frame(options.table, ignored) if options.table else simulate()

    # A window of 20 readings: noise averages out, a lasting deviation does not.
    detector = AnomalyDetector(window=20, measure="error", margin=2.0, random_state=0)
    detector.fit(pump.values[: options.first], names=pump.names)
    found = detect(detector, pump)
    found.draw().savefig("pump.png")
    for interval in found.intervals():
        print(
            f"{found.place(interval.start)} to {found.place(interval.stop - 1)}: "
            f"{found.worst(interval.peak)}"
        )

    # A monitor beside the pump: it loads the detector and scores each new reading.
    if Path("pump", "detector.json").is_file():  # of an earlier run
        shutil.rmtree("pump")
    detector.save("pump")
    live = AnomalyDetector.load("pump")
    for row, reading in enumerate(pump.values):
        [score] = live.update(reading)
        if score > -live.offset_:
            print(f"live: alarm at {found.place(row)}, score {score:.1f}")
            break
    return found


if __name__ == "__main__":
    main()
