"""Every family through the same checks; a new family is tested by registering it."""

import itertools
import json
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from model_cases import (
    BY_ID,
    CASES,
    FAMILIES,
    IMAGE,
    SHAPES,
    SIZED_FAMILIES,
    Case,
    layout,
)
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from ae_zoo import bottlenecks, layers, losses, models, registry
from ae_zoo.assemble import join
from ae_zoo.autoencoder import Autoencoder
from ae_zoo.errors import InputError, NotGenerativeError, UnknownNameError

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
each_family = pytest.mark.parametrize("family", SIZED_FAMILIES, ids=lambda f: f.name)


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.id)
def built(request):
    """A case and its model, shared by the tests that do not change the weights."""
    keras.utils.set_random_seed(0)
    return request.param, request.param.build()


@pytest.fixture
def digits(digits, request):
    """The digits as the model of the test takes them."""
    if "case" in request.fixturenames:
        return request.getfixturevalue("case").examples(digits)
    if "built" in request.fixturenames:
        return request.getfixturevalue("built")[0].examples(digits)
    return digits


def test_get_config_rebuilds_exactly(built, digits):
    case, model = built
    config = json.loads(json.dumps(model.get_config()))
    rebuilt = Autoencoder.from_config(config)
    assert rebuilt.family == case.family
    assert json.loads(json.dumps(rebuilt.get_config())) == config
    assert layout(rebuilt) == layout(model)
    assert rebuilt.recommended_loss == model.recommended_loss
    rebuilt.set_weights(model.get_weights())
    assert_same_outputs(rebuilt, model, digits)


def test_config_holds_every_argument(built):
    case, model = built
    config = model.get_config()
    assert set(registry.family(case.family).arguments) <= set(config)
    assert config | case.arguments == config


def test_shapes(built, digits, eager):
    case, model = built
    codes = model.encode(digits)
    assert codes.shape == (64, *model.code.shapes[0])
    assert codes.shape[-1] == case.arguments.get("latent_dim", codes.shape[-1])
    shape = case.shape
    assert model.decode(np.zeros_like(codes[:3])).shape == (3, *shape)
    assert model.reconstruct(digits).shape == digits.shape
    assert model.compute_output_shape((None, *shape)) == (None, *shape)
    assert model.interpolate(digits[0], digits[1], steps=5).shape == (5, *shape)


def test_features(built, digits, eager):
    _, model = built
    assert model.feature_keys[-1] == "code"
    for key in model.feature_keys:
        activations = model.features(digits[:8], key)
        promised = model.code_encoder(key).output_shape
        assert activations.shape == (8, *promised[1:])
        assert np.isfinite(activations).all()
        assert activations.std() > 0
    np.testing.assert_array_equal(model.features(digits), model.encode(digits))
    with pytest.raises(UnknownNameError, match=model.feature_keys[0]):
        model.features(digits, "no such layer")


def test_inference_is_deterministic_and_consistent(built, digits):
    _, model = built
    codes = model.encode(digits)
    assert codes.dtype == np.float32
    np.testing.assert_array_equal(model.encode(digits), codes)
    reconstructed = model.reconstruct(digits)
    np.testing.assert_allclose(model.decode(codes), reconstructed, atol=1e-6)
    np.testing.assert_allclose(model(digits, training=False), reconstructed, atol=1e-6)
    assert reconstructed.min() >= 0 and reconstructed.max() <= 1


def test_interpolation_runs_from_one_example_to_the_other(built, digits, eager):
    _, model = built
    path = model.interpolate(digits[0], digits[1], steps=4)
    ends = model.reconstruct(digits[:2])
    np.testing.assert_allclose(path[[0, -1]], ends, atol=1e-6)


def test_sample(built, eager):
    _, model = built
    if model.prior is None:
        with pytest.raises(NotGenerativeError, match="vae"):
            model.sample()
        return
    images = model.sample(5, seed=1)
    assert images.shape == (5, *IMAGE)
    assert np.isfinite(images).all()
    np.testing.assert_array_equal(model.sample(5, seed=1), images)
    assert not np.array_equal(model.sample(5, seed=2), images)


def test_sample_agrees_with_the_declared_tasks(built):
    case, model = built
    declared = "generate" in registry.family(case.family).tasks
    assert (model.prior is not None) is declared


def test_a_gradient_reaches_every_trainable_variable(built, digits):
    _, model = built
    with tf.GradientTape() as tape:
        outputs = model(digits, training=True)
        loss = losses.get(model.recommended_loss)(digits, outputs)
        loss += sum(model.losses)
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all(), variable.path
        assert np.any(gradient), variable.path


def test_corruption_is_active_in_training_only(built, digits):
    _, model = built
    if model.corruption is None:
        pytest.skip("the family does not damage its input")
    noisy = model.corruption(digits, training=True)
    assert np.mean((noisy - digits) ** 2) > 0.01
    np.testing.assert_array_equal(model.corruption(digits, training=False), digits)
    assert not np.allclose(
        model(digits, training=True), model(digits, training=False), atol=1e-4
    )


@each_case
def test_fit_without_arguments(case: Case, digits, seeded):
    model = case.build()
    model.compile()
    x = np.tile(digits, (4, *[1] * (digits.ndim - 1)))
    history = model.fit(x, x, batch_size=16, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][-1] < history["loss"][0]


# Seeds and penalties, statistics of the batch, shared kernels.
SAVED_WHOLE = ("vae-conv", "conv_ae-batch_norm", "stacked_ae-default")


@pytest.mark.parametrize("case", map(BY_ID.get, SAVED_WHOLE), ids=lambda case: case.id)
def test_keras_saves_a_compiled_model_whole(case: Case, digits, seeded, tmp_path):
    model = case.build()
    model.compile()
    model.fit(digits, digits, batch_size=16, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    model.save(tmp_path / "folder", zipped=False)
    for saved in (tmp_path / "model.keras", tmp_path / "folder"):
        loaded = keras.saving.load_model(saved)
        assert type(loaded) is Autoencoder
        assert loaded.family == case.family
        assert_same_outputs(loaded, model, digits)
        assert_same_optimizer(loaded.optimizer, model.optimizer)
        assert loaded.loss.get_config() == model.loss.get_config()
    assert_same_outputs(pickle.loads(pickle.dumps(model)), model, digits)
    files = {path.name for path in (tmp_path / "folder").iterdir()}
    assert files >= {"config.json", "metadata.json", "model.weights.h5"}


def assert_same_outputs(ours, theirs, x):
    np.testing.assert_array_equal(ours(x, training=False), theirs(x, training=False))


def assert_same_optimizer(ours, theirs):
    assert int(ours.iterations) == int(theirs.iterations) > 0
    assert ours.get_config() == theirs.get_config()
    for our, their in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_array_equal(our, their)


def test_a_loaded_model_goes_on_training_as_if_never_saved(digits, seeded, tmp_path):
    model = models.deep_ae(IMAGE, latent_dim=6, hidden=(16,))
    model.compile(optimizer=keras.optimizers.AdamW(3e-3), loss="mae")
    model.fit(digits, digits, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for each in (model, loaded):
        each.fit(digits, digits, shuffle=False, epochs=2, verbose=0)
    assert_same_outputs(loaded, model, digits)


@pytest.mark.parametrize(
    "policy", ["mixed_float16", "mixed_bfloat16", "float64"], indirect=True
)
@each_case
def test_other_precisions(case: Case, policy, digits, seeded, eager):
    model = case.build()
    assert model.bottleneck.compute_dtype == policy.removeprefix("mixed_")
    if policy != "mixed_bfloat16":  # whose training takes the path of the first
        model.compile()
        assert np.isfinite(model.train_on_batch(digits, digits))
    kept = "float32" if policy.startswith("mixed") else policy
    assert all(v.dtype == kept for v in model.trainable_variables)
    reconstructed = model.reconstruct(digits)
    assert reconstructed.dtype == np.float32
    assert np.isfinite(reconstructed).all()


@pytest.mark.parametrize(
    "name", ["vae-dense", "sparse_ae-kl", "contractive_ae-exact", "denoising_ae-shift"]
)
def test_double_precision_everywhere(name, digits, seeded, eager):
    """For parts that draw noise or add penalties."""
    keras.config.set_floatx("float64")
    try:
        model = BY_ID[name].build()
        model.compile()
        assert np.isfinite(model.train_on_batch(digits, digits))
        assert np.isfinite(model.reconstruct(digits)).all()
    finally:
        keras.config.set_floatx("float32")


ACTIVATED = [
    case.id
    for case in CASES
    if case.arguments.get("penalty") != "kl" and case.family != "recurrent_ae"
]


@pytest.mark.parametrize(
    ("name", "activation"),
    [(name, "tanh") for name in ACTIVATED]
    + list(
        itertools.product(
            ["contractive_ae-exact", "conv_ae-default", "vae-dense"],
            ["linear", "sigmoid", "relu", "gelu"],
        )
    ),
)
def test_activations(name, activation, digits, seeded):
    case = BY_ID[name]
    model = case.build(activation=activation)
    assert model.get_config()["activation"] == activation
    used = {
        layer.activation
        for part in (model.encoder, model.bottleneck, model.decoder)
        for layer in part._flatten_layers()
        if hasattr(layer, "activation")
    }
    assert keras.activations.get(activation) in used
    assert np.isfinite(model(case.examples(digits), training=True)).all()
    assert np.isfinite([float(loss) for loss in model.losses]).all()


@each_case
def test_weight_penalties(case: Case, seeded):
    plain, penalised = case.build(), case.build(l1=1e-3, l2=1e-2)
    kernels = [v for v in penalised.trainable_variables if v.name == "kernel"]
    expected = sum(
        1e-3 * np.abs(kernel).sum() + 1e-2 * np.square(kernel).sum()
        for kernel in map(np.asarray, kernels)
    )
    # Each kernel once, a shared one too; other penalties need inputs.
    assert sum(map(float, penalised.losses)) == pytest.approx(expected, rel=1e-4)
    assert not plain.losses


def has_droppable_layers(case):
    """Whether dropout acts on the encoder's output, not only further inside."""
    family, arguments = registry.family(case.family), case.arguments
    if family.name == "convlstm_ae":
        return False
    accepted = "dropout" in family.arguments or "backbone" in arguments
    return accepted and bool(arguments.get("hidden") or arguments.get("filters"))


@pytest.mark.parametrize(
    "case", filter(has_droppable_layers, CASES), ids=lambda case: case.id
)
def test_dropout(case: Case, digits, seeded):
    encoder = case.build(dropout=0.5).encoder
    inert = np.asarray(encoder(digits, training=False))
    np.testing.assert_array_equal(encoder(digits, training=False), inert)
    dropped = np.asarray(encoder(digits, training=True))
    active = inert != 0
    assert np.mean(dropped[active] == 0) == pytest.approx(0.5, abs=0.15)


def test_backbones_refuse_what_would_do_nothing():
    with pytest.raises(InputError, match="hidden"):
        models.contractive_ae(hidden=(), dropout=0.5)
    with pytest.raises(InputError, match="filters"):
        models.conv_ae(filters=())


@pytest.mark.parametrize("output", ["sigmoid", "linear"])
@pytest.mark.parametrize("loss", ["mse", "mae", "bce"])
@each_family
def test_loss_and_output(family, loss, output):
    shape = SHAPES.get(family.name, IMAGE)
    options = {"input_shape": shape, "loss": loss, "output": output}
    options |= {"latent_dim": 4} if "latent_dim" in family.arguments else {}
    if (loss, output) == ("bce", "linear"):
        with pytest.raises(ValueError, match="sigmoid"):
            family.build(**options)
        return
    model = family.build(**options)
    model.compile()
    assert model.loss.name == loss
    assert model.decoder.layers[-1].activation is keras.activations.get(output)


def test_only_tiny_images_are_convolved_by_matrix_products():
    model = models.conv_ae(input_shape=(28, 28, 1), filters=(4, 4, 4, 8))
    by_product = (layers.MatmulConv2D, layers.MatmulConv2DTranspose)
    parts = (*model.encoder.layers, *model.decoder.layers)
    # 28, 14, 7, 4 and 2 pixels: the last convolution, and the first one back.
    named = [layer.name for layer in parts if isinstance(layer, by_product)]
    assert named == ["conv_4", "deconv_1"]


@pytest.mark.parametrize("shape", [(13, 17, 3), (28, 28, 1), (7, 5, 2), (16, 16, 1)])
@pytest.mark.parametrize(
    "case",
    [c for c in CASES if "filters" in c.arguments and c.shape == IMAGE],
    ids=lambda case: case.id,
)
def test_conv_takes_images_of_any_size(case: Case, shape):
    model = case.build(input_shape=shape, filters=(4, 8, 8))
    x = np.random.default_rng(0).random((2, *shape), "float32")
    assert model(x).shape == x.shape
    halved = [(side + 1) // 2 for side in shape[:2]]
    assert model.encoder.get_layer("conv_1").output.shape == (None, *halved, 4)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_families_describe_themselves(family):
    assert registry.family(family.name) is family
    assert family.reference and family.tasks
    assert ("reconstruct" in family.tasks) is (family in SIZED_FAMILIES)
    assert family.summary.endswith(".")
    for section in ("Args:", "Example:", "Use it "):
        assert section in family.build.__doc__
    documented = family.build.__doc__.split("Args:")[1]
    for argument in family.arguments:
        assert argument in documented


def test_defaults_of_the_classical_network():
    model = models.deep_ae()
    units = [model.encoder.get_layer(key).units for key in model.backbone.feature_names]
    assert [*units, model.code.size] == [1000, 500, 250, 30]
    assert model.feature_keys == ("hidden_1", "hidden_2", "hidden_3", "code")


def test_unknown_names_are_refused_with_a_suggestion():
    with pytest.raises(UnknownNameError, match="conv_ae"):
        registry.build("conv_au")
    with pytest.raises(UnknownNameError, match="dense, conv"):
        models.vae(backbone="transformer")
    with pytest.raises(UnknownNameError, match="mse, mae, bce"):
        models.dense_ae(loss="huber")
    with pytest.raises(UnknownNameError, match="masking"):
        models.denoising_ae(noise="rain")
    with pytest.raises(UnknownNameError, match="'kl'"):
        models.sparse_ae(penalty="l0")
    with pytest.raises(InputError, match="dense"):
        models.conv_ae(input_shape=(784,))


def test_dense_families_take_flat_data():
    model = models.dense_ae(input_shape=(9,), latent_dim=2)
    assert model.reconstruct(np.zeros((4, 9), "float32")).shape == (4, 9)


def test_a_model_without_family_cannot_be_saved(tmp_path):
    from ae_zoo import backbones

    model = join(backbones.get("dense", (8,)), bottlenecks.PlainBottleneck(2))
    with pytest.raises(ValueError, match="register"):
        model.save(tmp_path / "model.keras")


def test_losses_against_numpy():
    rng = np.random.default_rng(0)
    target = rng.random((5, 4, 3, 1), "float32")
    output = rng.uniform(0.01, 0.99, target.shape).astype("float32")
    squared = np.square(target - output).sum(axis=(1, 2, 3)).mean()
    entropy = -(target * np.log(output) + (1 - target) * np.log1p(-output))
    assert float(losses.get("mse")(target, output)) == pytest.approx(squared, rel=1e-5)
    absolute = np.abs(target - output).sum(axis=(1, 2, 3)).mean()
    assert float(losses.get("mae")(target, output)) == pytest.approx(absolute, rel=1e-5)
    assert float(losses.get("bce")(target, output)) == pytest.approx(
        entropy.sum(axis=(1, 2, 3)).mean(), rel=1e-5
    )


def test_variational_loss_is_the_negative_evidence_bound(digits, seeded):
    """Bernoulli reconstruction plus KL, in nats an example, as `evaluate` reports."""
    model = models.vae(IMAGE, latent_dim=4, hidden=(16,))
    model.compile()
    reported = model.evaluate(digits, digits, batch_size=64, verbose=0)
    mean, log_variance = map(
        np.asarray, model.bottleneck.posterior(model.encoder(digits))
    )
    p = model.reconstruct(digits)
    reconstruction = -(digits * np.log(p) + (1 - digits) * np.log1p(-p))
    divergence = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance)
    expected = reconstruction.sum((1, 2, 3)) + divergence.sum(1)
    assert reported == pytest.approx(expected.mean(), rel=1e-4)


def fit_linear(x, code, steps, batch_size, learning_rate):
    """Trains the linear `dense_ae` on `x` and gives its mean squared error."""
    keras.utils.set_random_seed(0)
    model = models.dense_ae(x.shape[1:], code, activation="linear", output="linear")
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(optimizer=keras.optimizers.Adam(schedule))
    batches = tf.data.Dataset.from_tensor_slices((x, x)).batch(batch_size).cache()
    model.fit(batches.repeat(), steps_per_epoch=steps, verbose=0)
    return np.mean((model.reconstruct(x) - x) ** 2)


def pca_error(x, code):
    flat = x.reshape(len(x), -1)
    pca = PCA(code, svd_solver="covariance_eigh").fit(flat)
    return np.mean((pca.inverse_transform(pca.transform(flat)) - flat) ** 2)


def assert_as_good_as_pca(x, code, **training):
    """Within 1% of PCA, and never below: PCA is the best linear code."""
    best, reached = pca_error(x, code), fit_linear(x, code, **training)
    assert best * (1 - 1e-4) <= reached <= best * 1.01


def test_linear_dense_ae_reaches_pca_on_digits():
    x = (load_digits().images / 16.0).astype("float32")[..., None]
    assert_as_good_as_pca(x, code=10, steps=1000, batch_size=len(x), learning_rate=3e-2)


def test_linear_dense_ae_reaches_pca_on_mnist(data_dir):
    from ae_zoo.datasets import load_arrays

    x = load_arrays("mnist", "train[:10000]", data_dir).x
    assert_as_good_as_pca(x, code=32, steps=1000, batch_size=500, learning_rate=5e-3)
