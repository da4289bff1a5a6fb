"""The layers compared with NumPy: their losses and their noise."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ae_zoo import bottlenecks, corruptions, layers, models, priors
from ae_zoo.bottlenecks.contractive import DERIVATIVES
from ae_zoo.errors import InputError


@pytest.fixture
def rng(seeded):
    return np.random.default_rng(0)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def penalty(layer, inputs, training=True):
    """The one loss that `layer` adds when called on `inputs`."""
    layer(inputs, training=training)
    (loss,) = layer.losses
    return float(loss)


# Corruptions ---------------------------------------------------------------


def test_gaussian_corruption_statistics():
    x = np.full((200, 500), 0.3, "float32")
    noise = (
        np.asarray(corruptions.GaussianCorruption(0.5, seed=1)(x, training=True)) - x
    )
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert noise.std() == pytest.approx(0.5, rel=0.01)
    assert np.mean(np.abs(noise) > 1.0) == pytest.approx(0.0455, abs=0.005)  # 2 sigma


def test_masking_corruption_statistics():
    x = np.full((200, 500), 0.3, "float32")
    damaged = np.asarray(corruptions.MaskingCorruption(0.25, seed=1)(x, training=True))
    assert set(np.unique(damaged)) == {np.float32(0), np.float32(0.3)}
    assert np.mean(damaged == 0) == pytest.approx(0.25, abs=0.01)


def test_salt_and_pepper_corruption_statistics():
    x = np.full((200, 500), 0.3, "float32")
    damaged = np.asarray(
        corruptions.SaltAndPepperCorruption(0.4, seed=1)(x, training=True)
    )
    for value, fraction in ((0, 0.2), (1, 0.2), (np.float32(0.3), 0.6)):
        assert np.mean(damaged == value) == pytest.approx(fraction, abs=0.01)


def test_shift_corruption_moves_each_example(rng):
    x = rng.random((300, 9, 7)).astype("float32")
    moved = np.asarray(
        corruptions.ShiftCorruption((0.25, 0.2), seed=1)(x, training=True)
    )
    padded = np.pad(x, ((0, 0), (2, 2), (1, 1)))
    found = np.array(
        [
            [
                np.array_equal(a[i : i + 9, j : j + 7], b)
                for i in range(5)
                for j in range(3)
            ]
            for a, b in zip(padded, moved, strict=True)
        ]
    )
    assert (found.sum(axis=1) == 1).all()
    assert found.any(axis=0).all()
    with pytest.raises(InputError, match="another noise"):
        corruptions.ShiftCorruption(1)(x[:, :, 0])
    with pytest.raises(ValueError, match="one number or two"):
        corruptions.ShiftCorruption((0.1, 0.1, 0.1))


@pytest.mark.parametrize("name", corruptions.CORRUPTIONS)
def test_corruptions_share_a_contract(name):
    x = np.random.default_rng(0).random((8, 6, 6, 1), "float32")
    layer = corruptions.get(name, 0.5, seed=3)
    first, second = layer(x, training=True), layer(x, training=True)
    assert not np.array_equal(first, second), "the noise must be new on every call"
    np.testing.assert_array_equal(
        corruptions.get(name, 0.5, seed=3)(x, training=True), first
    )
    np.testing.assert_array_equal(layer(x, training=False), x)
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(corruptions.get(name, 0.0)(x, training=True), x)
    with pytest.raises(ValueError, match="-1"):
        corruptions.get(name, -1)


# Contractive ---------------------------------------------------------------


def numerical_jacobian(function, x, step=1e-3):
    """Central differences of `function` at one example `x`: `(outputs, inputs)`."""
    directions = step * np.eye(len(x), dtype="float32")
    ahead = np.asarray(function(x + directions), "float64")
    behind = np.asarray(function(x - directions), "float64")
    return (ahead - behind).T / (2 * step)


def mean_squared_jacobian(function, x):
    return np.mean([np.square(numerical_jacobian(function, row)).sum() for row in x])


@pytest.mark.parametrize("activation", DERIVATIVES)
def test_exact_contractive_norm(activation, rng):
    x = rng.normal(size=(16, 10)).astype("float32")
    layer = bottlenecks.ContractiveBottleneck(4, weight=0.7, activation=activation)
    layer.build(x.shape)
    expected = 0.7 * mean_squared_jacobian(layer.projection, x)
    assert penalty(layer, x) == pytest.approx(expected, rel=1e-2)


def contractive_pair(x):
    """The same network twice: norm in closed form, and as built with a linear
    hidden layer that is the identity, for which it is estimated."""
    exact = models.contractive_ae(x.shape[1:], 6, seed=0)
    deep = models.contractive_ae(
        x.shape[1:], 6, hidden=(x.shape[1],), seed=0, step=1e-2
    )
    hidden = deep.encoder.get_layer("hidden_1")
    hidden.activation = keras.activations.linear
    hidden.set_weights([np.eye(x.shape[1]), np.zeros(x.shape[1])])
    deep.bottleneck.set_weights(exact.bottleneck.get_weights())
    return exact, deep


def model_penalty(model, x):
    model(x, training=True)
    (loss,) = model.losses
    return float(loss)


def test_contractive_estimate_agrees_with_the_closed_form(rng):
    x = rng.random((2000, 12), "float32")
    exact, deep = contractive_pair(x)
    np.testing.assert_allclose(exact.encode(x), deep.encode(x), atol=1e-6)
    assert model_penalty(deep, x) == pytest.approx(model_penalty(exact, x), rel=0.05)


def test_contractive_estimate_behind_convolutions(rng):
    x = rng.random((1, 6, 6, 1), "float32")
    model = models.contractive_ae(
        (6, 6, 1), 3, backbone="conv", filters=(2, 4), activation="tanh", weight=1.0
    )

    def encode(flat):
        return model.bottleneck.projection(model.encoder(flat.reshape(-1, 6, 6, 1)))

    expected = mean_squared_jacobian(encode, x.reshape(1, -1))
    repeated = np.repeat(x, 4000, axis=0)
    assert model_penalty(model, repeated) == pytest.approx(expected, rel=0.1)


def test_contractive_estimate_is_silent_in_inference(rng):
    x = rng.random((4, 6, 6, 1), "float32")
    model = models.contractive_ae((6, 6, 1), 3, backbone="conv", filters=(2,))
    model(x, training=False)
    assert [float(loss) for loss in model.losses] == [0.0]


# Variational ---------------------------------------------------------------


def test_kl_of_the_gaussian_bottleneck(rng):
    h = rng.normal(size=(32, 7)).astype("float32")
    layer = bottlenecks.GaussianBottleneck(5, beta=2.5, seed=0)
    reported = penalty(layer, h)
    mean, log_variance = (
        h @ np.asarray(dense.kernel) + np.asarray(dense.bias)
        for dense in (layer.projection, layer.log_variance)
    )
    kl = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance)
    assert reported == pytest.approx(2.5 * kl.sum(axis=1).mean(), rel=1e-4)


def test_gaussian_bottleneck_samples_the_posterior(rng):
    h = np.repeat(rng.normal(size=(1, 7)).astype("float32"), 20_000, axis=0)
    layer = bottlenecks.GaussianBottleneck(3, seed=0)
    z = np.asarray(layer(h, training=True))
    mean, log_variance = (np.asarray(part)[0] for part in layer.posterior(h[:1]))
    np.testing.assert_allclose(z.mean(axis=0), mean, atol=0.05)
    np.testing.assert_allclose(z.var(axis=0), np.exp(log_variance), rtol=0.05)
    np.testing.assert_allclose(layer(h[:4], training=False), np.tile(mean, (4, 1)))


def test_prior_is_standard_normal():
    layer = bottlenecks.GaussianBottleneck(4)
    layer.build((None, 7))
    z = np.asarray(layer.prior.sample(20_000, seed=0))
    assert z.shape == (20_000, 4)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(np.cov(z.T), np.eye(4), atol=0.05)
    cold = np.asarray(layer.prior.sample(20_000, seed=0, temperature=0.5))
    np.testing.assert_allclose(cold, z / 2, rtol=1e-6)
    assert bottlenecks.PlainBottleneck(4).prior is None


@pytest.mark.parametrize("shape", [(4,), (3, 2), (2, 3, 2)])
def test_normal_prior_has_the_density_of_scipy(shape, rng):
    from scipy.stats import norm

    z = rng.normal(size=(5, *shape)).astype("float32")
    expected = norm.logpdf(z).reshape(5, -1).sum(axis=1)
    density = priors.NormalPrior(shape).log_prob(z)
    np.testing.assert_allclose(density, expected, rtol=1e-5)


# Finite scalar quantisation -------------------------------------------------


@pytest.mark.parametrize("levels", [(8, 5, 5, 5), (2,), (3, 4), (2, 2, 7)])
def test_fsq_reaches_every_level_and_counts_in_mixed_radix(levels, rng):
    layer = bottlenecks.FSQBottleneck(levels)
    h = rng.normal(0, 3, (4000, 6)).astype("float32")
    z = np.asarray(layer(h))
    for channel, count in zip(z.T, levels, strict=True):
        np.testing.assert_allclose(
            np.unique(channel), np.linspace(-1, 1, count), atol=1e-6
        )
    digits = np.rint((z + 1) / 2 * (np.array(levels) - 1)).astype(int)
    expected = np.ravel_multi_index(digits.T[::-1], levels[::-1])
    np.testing.assert_array_equal(layer.indices(z), expected)
    every = np.arange(np.prod(levels))
    np.testing.assert_array_equal(layer.indices(layer.values(every)), every)
    np.testing.assert_allclose(layer.values(expected), z, atol=1e-6)


def test_fsq_rounds_to_the_nearest_level_with_a_straight_gradient(rng):
    layer = bottlenecks.FSQBottleneck((5, 4))
    h = tf.constant(rng.normal(0, 1, (50, 3)).astype("float32"))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(h)
        z = layer(h, training=True)
        bounded = tf.tanh(layer.projection(h))
    assert np.abs(z - bounded).max() <= 0.5 * (2 / np.array([4, 3])).max() + 1e-6
    np.testing.assert_allclose(
        tape.gradient(z, h), tape.gradient(bounded, h), rtol=1e-5
    )


def test_fsq_refuses_what_is_no_alphabet():
    with pytest.raises(InputError, match="at least 2 levels"):
        bottlenecks.FSQBottleneck((8, 1))
    with pytest.raises(InputError, match="at least 2 levels"):
        bottlenecks.FSQBottleneck(())
    with pytest.raises(InputError, match="int32"):
        bottlenecks.FSQBottleneck((1000,) * 4)


# Sparse --------------------------------------------------------------------


def test_l1_sparsity_penalty(rng):
    h = rng.normal(size=(16, 7)).astype("float32")
    layer = bottlenecks.SparseBottleneck(9, weight=0.3, activation="relu")
    reported = penalty(layer, h)
    expected = 0.3 * np.abs(np.asarray(layer(h))).sum(axis=1).mean()
    assert reported == pytest.approx(expected, rel=1e-5)


def test_kl_sparsity_penalty(rng):
    h = rng.normal(size=(16, 7)).astype("float32")
    layer = bottlenecks.SparseBottleneck(
        9, penalty="kl", weight=0.3, target=0.1, activation="sigmoid"
    )
    reported = penalty(layer, h)
    rho = sigmoid(h @ np.asarray(layer.projection.kernel)).mean(axis=0)
    kl = 0.1 * np.log(0.1 / rho) + 0.9 * np.log(0.9 / (1 - rho))
    assert reported == pytest.approx(0.3 * kl.sum(), rel=1e-4)


def test_kl_sparsity_needs_activations_between_zero_and_one():
    with pytest.raises(ValueError, match="sigmoid"):
        bottlenecks.SparseBottleneck(9, penalty="kl", activation="relu")


def test_kl_sparsity_stays_finite_when_every_unit_saturates():
    layer = bottlenecks.SparseBottleneck(3, penalty="kl", activation="sigmoid")
    layer.build((4, 2))
    for bias in (-1e4, 1e4):
        layer.projection.set_weights([np.zeros((2, 3)), np.full(3, bias)])
        assert np.isfinite(penalty(layer, np.ones((4, 2), "float32")))


# Every layer ---------------------------------------------------------------

PENALISED = {
    "contractive": lambda: bottlenecks.ContractiveBottleneck(3, seed=1),
    "gaussian": lambda: bottlenecks.GaussianBottleneck(3, beta=4.0, seed=1),
    "sparse_l1": lambda: bottlenecks.SparseBottleneck(3, weight=0.2),
    "sparse_kl": lambda: bottlenecks.SparseBottleneck(
        3, penalty="kl", target=0.2, activation="sigmoid"
    ),
}
LAYERS = {
    **PENALISED,
    "plain": lambda: bottlenecks.PlainBottleneck(
        3, activation="tanh", l1=1e-3, l2=1e-2
    ),
    "gaussian_corruption": lambda: corruptions.GaussianCorruption(0.3, seed=2),
    "masking_corruption": lambda: corruptions.MaskingCorruption(0.3, seed=2),
    "salt_and_pepper": lambda: corruptions.SaltAndPepperCorruption(0.3, seed=2),
}


@pytest.mark.parametrize("name", PENALISED)
def test_penalty_scale_scales_the_penalty(name, rng):
    h = rng.normal(size=(8, 5)).astype("float32")
    layer = PENALISED[name]()
    full = penalty(layer, h)
    assert full > 0
    layer.penalty_scale.assign(0.25)
    assert penalty(layer, h) == pytest.approx(full / 4, rel=1e-5)
    assert "penalty_scale" not in {v.name for v in layer.trainable_variables}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_rebuild_from_their_config(name, rng):
    h = rng.normal(size=(8, 5)).astype("float32")
    layer = LAYERS[name]()
    expected = layer(h, training=False)
    rebuilt = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert type(rebuilt) is type(layer)
    assert rebuilt.get_config() == layer.get_config()
    rebuilt(h)
    rebuilt.set_weights(layer.get_weights())
    np.testing.assert_array_equal(rebuilt(h, training=False), expected)
    assert rebuilt.compute_output_shape(h.shape) == tuple(expected.shape)


# Convolutions ---------------------------------------------------------------

CONVOLUTIONS = {
    "conv": (layers.MatmulConv2D, keras.layers.Conv2D),
    "transpose": (layers.MatmulConv2DTranspose, keras.layers.Conv2DTranspose),
}


@pytest.mark.parametrize("size", [(4, 4), (3, 4), (2, 1), (5, 7)])
@pytest.mark.parametrize("options", [(3, 2), (4, 2), ((2, 5), (1, 2)), (1, 1)])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_matmul_convolutions_are_convolutions(name, options, size, rng):
    kernel_size, strides = options
    x = rng.normal(size=(3, *size, 5)).astype("float32")
    ours, theirs = (
        kind(6, kernel_size, strides, "same", activation="tanh")
        for kind in CONVOLUTIONS[name]
    )
    expected = theirs(x)
    assert ours(x).shape == expected.shape == ours.compute_output_shape(x.shape)
    ours.set_weights([theirs.kernel, rng.normal(size=6)])
    theirs.bias.assign(ours.bias)
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)
    rebuilt = type(ours).from_config(ours.get_config())
    rebuilt.build(x.shape)
    rebuilt.set_weights(ours.get_weights())
    np.testing.assert_array_equal(rebuilt(x), ours(x))


@pytest.mark.parametrize(
    "options", [{"padding": "valid"}, {"dilation_rate": 2}, {"groups": 2}]
)
def test_matmul_convolutions_refuse_what_they_cannot(options):
    options = {"padding": "same", **options}
    with pytest.raises(ValueError, match=r"use keras\.layers\.Conv2D\."):
        layers.MatmulConv2D(4, 3, **options).build((None, 4, 4, 2))
    if "groups" not in options:
        with pytest.raises(ValueError, match=r"use keras\.layers\.Conv2DTranspose\."):
            layers.MatmulConv2DTranspose(4, 3, **options).build((None, 4, 4, 2))


# Tied weights --------------------------------------------------------------


def test_tied_dense_transposes_its_source(rng):
    x = rng.normal(size=(6, 8)).astype("float32")
    source = keras.layers.Dense(3)
    codes = source(x)
    tied = layers.TiedDense(source, activation="tanh")
    expected = np.tanh(np.asarray(codes) @ np.asarray(source.kernel).T)
    np.testing.assert_allclose(tied(codes), expected, atol=1e-6)
    assert tied.compute_output_shape((None, 3)) == (None, 8)


def test_tied_models_share_their_kernels(digits, seeded):
    options = {"input_shape": digits.shape[1:], "latent_dim": 5, "hidden": (16,)}
    tied = models.deep_ae(tied=True, **options)
    untied = models.deep_ae(tied=False, **options)
    assert untied.count_params() - tied.count_params() == 144 * 16 + 16 * 5
    kernels = [v for v in tied.trainable_variables if v.name == "kernel"]
    assert len(kernels) == 2

    codes = np.ones((4, 5), "float32")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(tied.decoder(codes)))
    for gradient in tape.gradient(loss, [kernel.value for kernel in kernels]):
        assert np.any(gradient), "the decoder must train the encoder's kernel"


def test_tied_dense_rebuilds_from_its_config(rng):
    x = rng.normal(size=(6, 8)).astype("float32")
    source = keras.layers.Dense(3)
    source.build(x.shape)
    tied = layers.TiedDense(source, activation="tanh", name="tied")
    rebuilt = layers.TiedDense.from_config(tied.get_config())
    assert rebuilt.name == "tied"
    assert rebuilt.activation is keras.activations.tanh
    assert rebuilt.source.units == 3
    assert rebuilt(source(x)).shape == x.shape
