"""Screen card payments: rank them for review, with a reason for each.

    python docs/guides/card_payments.py
    python docs/guides/card_payments.py payments.csv --categories merchant,country

Without a file the script generates 5,000 payments, among them 25 frauds. The detector
gets no labels. They only serve to count the frauds found, also by scikit-learn's
isolation forest. The script writes payment_scores.csv.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score

from ae_zoo.data.tables import read_frame
from ae_zoo.tasks import AnomalyDetector
from ae_zoo.tasks.detector import detect

# Mean of the logarithm of the amount, usual hour, countries of the purchases.
MERCHANTS = {
    "food": (3.2, 13, ["home"]),
    "fuel": (4.0, 9, ["home", "neighbour"]),
    "travel": (5.5, 19, ["home", "neighbour", "overseas"]),
    "online": (3.6, 21, ["home", "overseas"]),
}


def simulate(rows: int = 5000, frauds: int = 25, seed: int = 0):
    """A table of payments, and labels `(rows,)`, 1 for frauds.

    No single value of a fraud is abnormal. The amount, the hour or the country does not
    match the merchant.
    """
    rng = np.random.default_rng(seed)
    names = list(MERCHANTS)
    merchant = rng.choice(names, rows, p=[0.5, 0.2, 0.1, 0.2])
    other = rng.choice(names, rows)
    is_fraud = rng.permutation(rows) < frauds
    kind = np.where(is_fraud, rng.integers(1, 4, rows), 0)
    draw = np.array([MERCHANTS[name][:2] for name in merchant])
    swapped = np.array([MERCHANTS[name][:2] for name in other])
    draw[kind == 1, 0] = swapped[kind == 1, 0] + 1.5
    draw[kind == 2, 1] += 9
    country = [rng.choice(MERCHANTS[name][2]) for name in merchant]
    country = np.where(kind == 3, "overseas", country)
    table = {
        "merchant": np.where(kind == 3, "fuel", merchant),
        "country": country,
        "amount": np.exp(draw[:, 0] + 0.3 * rng.standard_normal(rows)).round(2),
        "hour": ((draw[:, 1] + 1.5 * rng.standard_normal(rows)) % 24).round(1),
        "balance": np.exp(7 + 0.8 * rng.standard_normal(rows)).round(2),
    }
    return pd.DataFrame(table), is_fraud.astype(int)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="?", help="a .csv or .parquet file")
    parser.add_argument("--categories", default="merchant,country")
    parser.add_argument("--share", type=float, default=0.005, help="to review")
    options = parser.parse_args(arguments)
    kinds = [name for name in options.categories.split(",") if name]
    frauds = None
    if options.table:
        payments = read_frame(options.table, categories=kinds)
    else:
        table, frauds = simulate()
        with tempfile.TemporaryDirectory() as folder:
            table.to_csv(Path(folder, "payments.csv"), index=False)
            payments = read_frame(Path(folder, "payments.csv"), categories=kinds)

    detector = AnomalyDetector(
        categories=kinds, contamination=options.share, random_state=0
    )
    detector.fit(payments.values, names=payments.names)
    found = detect(detector, payments)
    with open("payment_scores.csv", "wb") as file:
        found.write_csv(file)
    for row in np.argsort(-found.scores)[:10]:
        values = ", ".join(map(str, payments.values[row]))
        print(f"{found.scores[row]:6.1f}  {values}: {found.worst(row)}")

    if frauds is None:
        return found
    one_hot = pd.get_dummies(table)
    forest = IsolationForest(random_state=0).fit(one_hot)
    scores = {
        "AnomalyDetector": found.scores,
        "isolation forest": -forest.score_samples(one_hot),
    }
    for name, values in scores.items():
        caught = frauds[np.argsort(-values)[: frauds.sum()]].sum()
        area = average_precision_score(frauds, values)
        print(
            f"{name}: {caught} of {frauds.sum()} frauds among as many top scores, "
            f"AUPR {area:.2f}"
        )
    return {
        name: average_precision_score(frauds, value) for name, value in scores.items()
    }


if __name__ == "__main__":
    main()
