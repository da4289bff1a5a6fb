"""Every bundled weight still computes what it computed when it was published."""

import golden
import numpy as np
import pytest

import ae_zoo

BUNDLED = [n for n in ae_zoo.list_models() if ae_zoo.model_info(n)["bundled"]]


@pytest.mark.parametrize("name", BUNDLED)
def test_outputs_equal_the_stored_ones(name, eager):
    stored = golden.read()
    assert name in stored, f"run `python scripts/make_golden.py {name}`"
    golden.check(golden.fingerprint(ae_zoo.load(name)), stored[name])


def test_no_golden_numbers_without_a_weight():
    assert set(golden.read()) <= set(BUNDLED)


def test_synthetic_input_is_in_range_and_varied():
    for shape in ((28, 28, 1), (13, 17, 3), (40,)):
        x = golden.synthetic_input(shape)
        assert x.shape == (golden.EXAMPLES, *shape)
        assert x.dtype == np.float32
        assert x.min() >= 0 and 0.8 < x.max() <= 1
        assert not np.allclose(x[0], x[-1], atol=0.1)
