"""The networks whose results a file's reader and writer must share to the last bit."""

import dataclasses
import tracemalloc

import keras
import numpy as np
import pytest

import ae_zoo
from ae_zoo.errors import InputError
from ae_zoo.tasks.codec import hyperprior_model
from ae_zoo.tasks.codec.hyperprior_model import HyperpriorEntropyModel, Networks
from ae_zoo.tasks.codec.range_coder import Tables
from ae_zoo.tasks.codec.start import transforms

HIDDEN, SIDE, CHANNELS = 12, 6, 16
SIZE = 42, 19, CHANNELS // 2
TABLES = Tables.from_probabilities(np.full((64, 4), 0.2), np.zeros(64, int))


@pytest.fixture(scope="module")
def networks():
    """Networks of random weights, and random codes."""
    rng = np.random.default_rng(0)

    def layers(*shapes):
        return [
            tuple(np.rint(2**12 * rng.normal(0, 0.3, s)) / 2**12 for s in (shape, n))
            for shape, n in ((shape, shape[3:]) for shape in shapes)
        ]

    return Networks(
        synthesis=layers((3, 3, SIDE, HIDDEN), (3, 3, HIDDEN, HIDDEN)),
        first=layers((1, 1, HIDDEN, 2 * CHANNELS)),
        context=layers((1, 1, CHANNELS, HIDDEN), (3, 3, HIDDEN, HIDDEN)),
        second=layers((1, 1, 2 * HIDDEN, HIDDEN), (1, 1, HIDDEN, 2 * CHANNELS)),
        factors=rng.uniform(1, 30, (2, CHANNELS)),
        side_factors=rng.uniform(0.3, 1, (2, SIDE)),
        shifts=rng.uniform(0, 60, (2, CHANNELS)),
        step=8.0,
    )


@pytest.fixture(scope="module")
def codes():
    rng = np.random.default_rng(1)
    side = rng.integers(-9, 9, (11, 5, SIDE), "int32")
    first, second = rng.integers(-300, 300, (2, *SIZE), "int32")
    return side, first, second


def expected(networks, codes):
    """What to expect of both codes after the side code."""
    model = HyperpriorEntropyModel(None, TABLES, None, networks)
    told = [np.concatenate([*model.expect(list(codes[:n]), SIZE, 1)]) for n in (1, 2)]
    assert all(part.shape == SIZE for part in told)
    return told


def test_predictions_have_no_seam(networks, codes, monkeypatch):
    """In windows and bands of any size they are those of the whole."""
    whole = expected(networks, codes)
    assert whole[1]["mean"].std() > 1 and len(np.unique(whole[1]["table"])) > 20
    for window in ((1, 1), (4, 3), (5, 7), (64, 4)):
        monkeypatch.setattr(hyperprior_model, "WINDOW", window)
        np.testing.assert_equal(expected(networks, codes), whole)
    monkeypatch.setattr(hyperprior_model, "MOST_VALUES", 1)
    np.testing.assert_equal(expected(networks, codes), whole)


def test_sums_are_the_same_in_any_order(networks, codes):
    """Since they are not rounded."""
    order = np.random.default_rng(2).permutation(HIDDEN)

    def permute(layers):
        (kernel, bias), *rest = layers
        layers = [(kernel[..., order], bias[order])]
        layers += [(k[:, :, order][..., order], b[order]) for k, b in rest]
        return layers

    (first, bias), *_ = networks.first
    (wide, hidden_bias), (last, last_bias) = networks.second
    both = np.concatenate([order, HIDDEN + order])
    shuffled = dataclasses.replace(
        networks,
        synthesis=permute(networks.synthesis),
        context=permute(networks.context),
        first=[(first[:, :, order], bias)],
        second=[
            (wide[:, :, both][..., order], hidden_bias[order]),
            (last[:, :, order], last_bias),
        ],
    )
    np.testing.assert_equal(expected(shuffled, codes), expected(networks, codes))


def test_codes_give_back_the_rounded_latent_values(networks, codes):
    rng = np.random.default_rng(3)
    latents = rng.normal(0, 4, (*SIZE[:2], CHANNELS)).astype("float32")

    class Side:
        """A side code that does not depend on the latent values."""

        def quantise(self, values, quality):
            return [codes[0]]

    model = HyperpriorEntropyModel(Side(), TABLES, lambda y, q: y, networks)
    side, first, second = model.quantise(latents, 1)
    assert first.shape == second.shape == SIZE
    told = np.concatenate([*model.expect([side, first], SIZE, 1)])
    parts = [
        model.restore(second[rows], told[rows], rows.start)
        for rows in (slice(0, 5), slice(5, 42))
    ]
    restored = np.concatenate(parts)
    assert restored.dtype == np.float32
    distance = np.abs(restored - latents * networks.factors[1])
    assert distance.max() < 0.51 and distance.mean() > 0.2


def test_the_start_is_an_orthonormal_transform():
    """Its outputs are uncorrelated, in the order of their variance."""
    found, spreads = transforms(3, (64, 64, 40))
    for transform in found:
        matrix = transform.reshape(-1, transform.shape[-1])
        np.testing.assert_allclose(
            matrix.T @ matrix, np.eye(matrix.shape[1]), atol=1e-9
        )
    assert [transform.shape[-1] for transform in found] == [12, 48, 40]
    assert (np.diff(spreads) <= 0).all() and spreads[0] > 1


def test_a_new_model_codes_pictures():
    """Before any training, as the transform of its start."""
    keras.utils.set_random_seed(0)
    model = ae_zoo.models.hyperprior_ae(
        filters=(16, 48, 96), blocks=1, hidden=8, side=4, lambdas=(0.01, 5.0)
    )
    rows, columns = np.mgrid[:64, :96] / 40
    picture = np.stack([np.sin(rows), np.cos(columns), rows * columns / 4], -1)
    errors = []
    for quality in (0, 1):
        x = np.concatenate([picture, np.full((64, 96, 1), quality)], -1)[None]
        restored = model.reconstruct(x.astype("float32"))[0]
        errors.append(np.mean((restored - picture) ** 2))
    assert errors[1] < errors[0] / 10 and errors[1] < 1e-4


def test_an_odd_number_of_channels_is_refused():
    with pytest.raises(InputError, match="even last number of filters, not 5"):
        ae_zoo.models.hyperprior_ae(filters=(4, 5))


def test_large_codes_are_expected_in_bands(networks, monkeypatch):
    """Four times the rows need no more memory."""
    monkeypatch.setattr(hyperprior_model, "WINDOW", (16, 16))
    model = HyperpriorEntropyModel(None, TABLES, None, networks)

    def memory(rows):
        known = [np.ones((rows // 4, 8, SIDE), "int32")]
        known.append(np.ones((rows, 32, CHANNELS // 2), "int32"))
        tracemalloc.start()
        for band in model.expect(known, known[1].shape, 0):
            assert len(band) == 16
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    memory(32)
    assert memory(512) < 1.2 * memory(128)
