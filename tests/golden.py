"""Golden outputs: those of a published weight for an input made by a formula.

They catch what checksums cannot: a change of the code, of Keras or of a layer's
name that makes the same bytes compute something else.
"""

import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).parent / "golden.json"
EXAMPLES, VALUES = 4, 8


def synthetic_input(shape) -> np.ndarray:
    """`EXAMPLES` bright spots at different places, float32 in [0, 1]."""
    grid = np.stack(
        np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij"), -1
    )
    centres = np.linspace(-0.5, 0.5, EXAMPLES)
    spots = [np.exp(-8 * np.square(grid[..., :2] - c).sum(axis=-1)) for c in centres]
    return np.stack(spots).astype("float32")


def fingerprint(model) -> dict:
    """A few evenly spaced values, and the norm, of `encode` and `reconstruct`."""
    x = synthetic_input([side or 64 for side in model.input_shape[1:]])
    return {
        method: _summary(getattr(model, method)(x))
        for method in ("encode", "reconstruct")
    }


def _summary(outputs) -> dict:
    if isinstance(outputs, (list, tuple)):  # several codes
        outputs = np.concatenate([scale.ravel() for scale in outputs])
    flat = outputs.astype("float64").ravel()
    chosen = flat[np.linspace(0, flat.size - 1, VALUES).astype(int)]
    return {
        "shape": list(outputs.shape),
        "values": [round(float(value), 6) for value in chosen],
        "norm": round(float(np.linalg.norm(flat)), 6),
    }


def check(reached: dict, expected: dict) -> None:
    """Asserts that a fingerprint equals the stored one, except for rounding."""
    for method, stored in expected.items():
        got = reached[method]
        assert got["shape"] == stored["shape"]
        np.testing.assert_allclose(
            got["values"], stored["values"], rtol=1e-4, atol=1e-4, err_msg=method
        )
        np.testing.assert_allclose(got["norm"], stored["norm"], rtol=1e-4)


def read() -> dict:
    """Fingerprints by the name of the weight."""
    return json.loads(FILE.read_text())


def write(fingerprints: dict) -> None:
    """Replaces the file by `fingerprints`, sorted by name."""
    partial = FILE.with_suffix(".partial")
    partial.write_text(json.dumps(fingerprints, indent=1, sort_keys=True) + "\n")
    partial.replace(FILE)
