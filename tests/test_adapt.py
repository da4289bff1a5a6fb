"""Weights loaded for other sizes, channels and types, or left out."""

import json

import numpy as np
import pytest

import ae_zoo
from ae_zoo import models
from ae_zoo.errors import InputError

BUILDERS = {
    "conv": lambda: models.conv_ae((12, 12, 1), latent_dim=4, filters=(4, 8)),
    "dense": lambda: models.deep_ae((12, 12, 1), latent_dim=4, hidden=(8,)),
    "tied": lambda: models.deep_ae((12, 12, 1), latent_dim=4, hidden=(8,), tied=True),
    "grid": lambda: models.fsq_ae((12, 12, 1), levels=(8, 8), filters=(4, 8)),
}


@pytest.fixture
def saved(tmp_path, seeded):
    def save(model):
        ae_zoo.save(model, tmp_path / "saved")
        return tmp_path / "saved"

    return save


@pytest.mark.parametrize("name", ["conv", "dense", "grid"])
def test_grey_to_rgb_and_back(name, saved, digits, eager):
    grey = BUILDERS[name]()
    folder = saved(grey)
    colour = ae_zoo.load(folder, input_shape=(12, 12, 3))
    x = np.repeat(digits, 3, axis=-1)
    np.testing.assert_allclose(colour.encode(x), grey.encode(digits), atol=1e-5)
    expected = np.repeat(grey.reconstruct(digits), 3, axis=-1)
    np.testing.assert_allclose(colour.reconstruct(x), expected, atol=1e-5)
    ae_zoo.save(colour, folder)
    again = ae_zoo.load(folder, input_shape=(12, 12, 1))
    np.testing.assert_allclose(
        again.reconstruct(digits), grey.reconstruct(digits), atol=1e-5
    )


def test_other_sizes_where_the_weights_fit(saved, digits, eager):
    folder = saved(BUILDERS["grid"]())
    large = ae_zoo.load(folder, input_shape=(20, 16, 1))
    assert large.encode(np.zeros((1, 20, 16, 1))).shape == (1, 5, 4, 2)
    folder = saved(models.conv_ae((28, 28, 1), latent_dim=4, filters=(4, 4, 8)))
    assert ae_zoo.load(folder, input_shape=(32, 32, 1)).code.size == 4  # 4 x 4 inside
    with pytest.raises(InputError, match="weights=False"):
        ae_zoo.load(folder, input_shape=(40, 40, 1))
    fresh = ae_zoo.load(folder, input_shape=(40, 40, 1), weights=False)
    assert fresh.reconstruct(np.zeros((1, 40, 40, 1))).shape == (1, 40, 40, 1)


@pytest.mark.parametrize("shape", [(12, 12, 2), (12, 12), (0, 12, 1)])
def test_shapes_that_do_not_fit_are_one_sentence(shape, saved):
    with pytest.raises(InputError):
        ae_zoo.load(saved(BUILDERS["conv"]()), input_shape=shape)


def test_the_architecture_alone(saved, digits, eager):
    model = BUILDERS["tied"]()
    fresh = ae_zoo.load(saved(model), weights=False)
    assert json.dumps(fresh.get_config()) == json.dumps(model.get_config())
    assert np.abs(fresh.encode(digits) - model.encode(digits)).max() > 1e-3


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_other_types(dtype, saved, digits, eager):
    model = BUILDERS["conv"]()
    loaded = ae_zoo.load(saved(model), dtype=dtype)
    assert loaded.dtype_policy.name == dtype
    expected = model.reconstruct(digits)
    np.testing.assert_allclose(loaded.reconstruct(digits), expected, atol=0.02)
    with pytest.raises(InputError, match="mixed_float16"):
        ae_zoo.load(saved(model), dtype="float17")
