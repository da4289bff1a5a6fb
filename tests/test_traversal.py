"""Walks through the code: traversals, arcs, and what they refuse."""

import keras
import numpy as np
import pytest
from model_cases import BY_ID, CASES, PICTURE_CASES
from outside_families import outside_grid, outside_indices, outside_tokens

from ae_zoo.code import Code
from ae_zoo.errors import InputError, UnknownNameError

ONE_EACH = list({case.family: case for case in CASES[::-1]}.values())


@pytest.fixture(scope="module")
def vae():
    keras.utils.set_random_seed(0)
    return BY_ID["vae-dense"].build()


@pytest.mark.parametrize("case", ONE_EACH, ids=lambda case: case.id)
def test_every_family_with_one_array_is_traversed(case, digits, eager):
    model = case.build()
    x = case.examples(digits[:1])[0]
    dims = [0, model.code.shapes[0][-1] - 1]
    found = model.traverse(x, dims, span=1.0, steps=3)
    assert found.shape == (2, 3, *case.shape) and np.isfinite(found).all()
    if model.prior is None and model.code.levels is None:
        middle = model.reconstruct(x[None])
        np.testing.assert_allclose(found[:, 1], np.repeat(middle, 2, 0), atol=1e-5)


@pytest.mark.parametrize("case", PICTURE_CASES, ids=lambda case: case.id)
def test_a_pyramid_is_one_sentence(case, digits):
    with pytest.raises(InputError, match="is a pyramid, whose arrays"):
        case.build().traverse(digits[0])


def test_a_gaussian_dimension_takes_deviations_of_the_prior(vae, digits):
    found = vae.traverse(digits[0], span=2.0, steps=5)
    code = vae.encode(digits[:1])
    assert found.shape == (6, 5, 12, 12, 1)
    for dim in range(6):
        z = np.repeat(code, 5, axis=0)
        z[:, dim] = [-2, -1, 0, 1, 2]
        np.testing.assert_allclose(found[dim], vae.decode(z), atol=1e-6)


def test_one_dimension_may_be_a_number(vae, digits):
    every, one = vae.traverse(digits[0]), vae.traverse(digits[0], 4)
    assert one.shape == (1, 7, 12, 12, 1)
    np.testing.assert_allclose(one[0], every[4], atol=1e-6)
    vae.prior.__class__.deviation = 2.0  # of another prior
    try:
        doubled = vae.traverse(digits[0], 4, span=1.5)
    finally:
        vae.prior.__class__.deviation = 1.0
    np.testing.assert_allclose(doubled[0], every[4], atol=1e-6)


def test_a_code_without_prior_moves_around_its_own_values(digits):
    model = BY_ID["deep_ae-default"].build()
    found = model.traverse(digits[3], dims=[2], span=0.5, steps=3)
    z = np.repeat(model.encode(digits[3:4]), 3, axis=0)
    z[:, 2] += [-0.5, 0.0, 0.5]
    np.testing.assert_allclose(found[0], model.decode(z), atol=1e-6)


@pytest.mark.parametrize("build", [outside_grid, outside_tokens])
def test_a_channel_changes_at_every_position(build, digits):
    model = build()
    x = digits[..., 0] if build is outside_tokens else digits
    found = model.traverse(x[0], dims=[1], span=1.0, steps=2)
    z = np.repeat(model.encode(x[:1]), 2, axis=0)
    for code, value in zip(z, (-1, 1), strict=True):
        code[..., 1] = value + (0 if model.prior else code[..., 1])
    np.testing.assert_allclose(found[0], model.decode(z), atol=1e-6)


def test_a_discrete_code_takes_possible_values(digits):
    model = outside_indices()  # of 4 and 3 levels
    seen = []
    decode = model.decode
    model.decode = lambda z: seen.append(z) or decode(z)
    model.traverse(digits[0], span=2.0, steps=9)
    levels = [np.linspace(-1, 1, 4), np.linspace(-1, 1, 3)]
    for channel, possible in enumerate(levels):
        values = np.unique(seen[0][..., channel])
        assert len(values) == len(possible)
        np.testing.assert_allclose(values, possible, atol=1e-6)
    z = model.encode(digits)
    np.testing.assert_allclose(model.bottleneck.nearest(z), z, atol=1e-6)


def test_an_arc_turns_evenly_and_its_length_goes_from_end_to_end():
    rng = np.random.default_rng(0)
    ends = rng.standard_normal((2, 4, 50)).astype("float32")
    ends *= (np.sqrt(200) / np.linalg.norm(ends.reshape(2, -1), axis=1))[:, None, None]
    code = Code(((4, 50),), "tokens")
    arc = code.slerp(ends, 7)
    assert arc.shape == (7, 4, 50) and arc.dtype == np.float32
    np.testing.assert_allclose(arc[[0, -1]], ends, atol=1e-5)
    rows = arc.reshape(7, -1) / np.sqrt(200)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    cosines = np.sum(rows[1:] * rows[:-1], axis=1)
    np.testing.assert_allclose(cosines, cosines[0], rtol=1e-5)
    line = code.lerp(ends, 7).reshape(7, -1)
    assert np.linalg.norm(line[3]) < 0.8 * np.sqrt(200)


@pytest.mark.parametrize("factor", [2.0, -1.0, 0.0])
def test_an_arc_without_a_plane_is_a_line(factor):
    first = np.arange(1.0, 6.0, dtype="float32")
    ends = np.stack([first, factor * first])
    code = Code(((5,),), "vector")
    arc, line = code.slerp(ends, 5), code.lerp(ends, 5)
    np.testing.assert_allclose(arc, line, atol=1e-5)


def test_interpolate_by_an_arc(vae, digits):
    found = vae.interpolate(digits[0], digits[1], steps=4, method="spherical")
    expected = vae.decode(vae.code.slerp(vae.encode(digits[:2]), 4))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    line = vae.interpolate(digits[0], digits[1], steps=4)
    np.testing.assert_allclose(found[[0, -1]], line[[0, -1]], atol=1e-5)
    assert np.abs(found - line).max() > 1e-4


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m, x: m.traverse(x), "received a batch.*x\\[0\\]"),
        (lambda m, x: m.traverse(x[0, 0]), "reshape or resize"),
        (lambda m, x: m.traverse(x[0], dims=[6]), "dimensions 0 to 5"),
        (lambda m, x: m.traverse(x[0], dims=[-1]), "dimensions 0 to 5"),
        (lambda m, x: m.traverse(x[0], dims=[]), "None for all"),
        (lambda m, x: m.traverse(x[0], dims=1.5), "None for all"),
        (lambda m, x: m.traverse(x[0], steps=0), "steps must be an integer"),
        (lambda m, x: m.traverse(x[0], span=np.inf), "span must be a finite"),
        (lambda m, x: m.interpolate(x[0], x[1], steps=-1), "steps must be"),
        (lambda m, x: m.interpolate(x[:2], x[1]), "x\\[0\\]"),
        (lambda m, x: m.interpolate(x[0], x[1, :5]), "two of one size"),
        (lambda m, x: m.interpolate(x[0], x[1], method="cubic"), "linear, spherical"),
    ],
)
def test_what_is_no_walk_is_one_sentence(call, words, vae, digits):
    with pytest.raises((InputError, UnknownNameError), match=words):
        call(vae, digits)
