"""Every family of pictures of any size through the same checks."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from model_cases import PICTURE_CASES, Case, layout

import ae_zoo
from ae_zoo import losses, registry
from ae_zoo.autoencoder import Autoencoder
from ae_zoo.corruptions.mapped import with_map
from ae_zoo.errors import InputError
from ae_zoo.tasks import AutoencoderTransformer, FeatureExtractor

# Networks with skips, whose code begins with the picture itself.
PYRAMIDS = [
    case
    for case in PICTURE_CASES
    if "lambdas" not in registry.family(case.family).arguments  # which codecs have
]

each_case = pytest.mark.parametrize("case", PICTURE_CASES, ids=lambda case: case.id)
each_pyramid = pytest.mark.parametrize("case", PYRAMIDS, ids=lambda case: case.id)


@pytest.fixture(scope="module", params=PICTURE_CASES, ids=lambda case: case.id)
def built(request):
    """A case and its model, shared by the tests that do not change the weights."""
    keras.utils.set_random_seed(0)
    return request.param, request.param.build()


@pytest.fixture
def pair(digits):
    """A corrupted input with its map, and the target, 32 x 32 pixels."""
    target = np.pad(digits, ((0, 0), (10, 10), (10, 10), (0, 0)))

    def make(model):
        return model.corruption.corrupt(target, 0), target

    return make


def test_get_config_rebuilds_exactly(built, pair):
    case, model = built
    config = json.loads(json.dumps(model.get_config()))
    rebuilt = Autoencoder.from_config(config)
    assert config["family"] == rebuilt.family == case.family
    assert json.loads(json.dumps(rebuilt.get_config())) == config
    assert layout(rebuilt) == layout(model)
    rebuilt.set_weights(model.get_weights())
    x, _ = pair(model)
    np.testing.assert_array_equal(rebuilt(x), model(x))


def assert_passed_on(model, x):
    """The code begins with the picture; missing pixels may be estimated."""
    first, channels = model.encode(x)[0], x.shape[-1] - 1
    inpaints = "inpaint" in model.tasks
    known = x[..., -1] == 0 if inpaints else np.full(x.shape[:-1], True)
    assert known.any()
    np.testing.assert_array_equal(first[known][:, :channels], x[known][:, :channels])


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (16, 16), (33, 18)])
@each_pyramid
def test_any_size(case, size, eager):
    model = case.build()
    x = np.random.default_rng(0).random((2, *size, *model.input_shape[3:]), "float32")
    x[..., -1] = x[..., -1] > 0.9
    restored = model.reconstruct(x)
    assert restored.shape == (2, *size, model.output_shape[-1])
    pyramid = model.encode(x)
    assert_passed_on(model, x)
    np.testing.assert_allclose(model.decode(pyramid), restored, atol=1e-6)
    np.testing.assert_allclose(model(x, training=False), restored, atol=1e-6)


def test_features(built, pair, eager):
    _, model = built
    x, _ = pair(model)
    sizes = []
    for key in model.feature_keys[:-1]:
        features = model.features(x, key)
        assert np.isfinite(features).all() and features.std() > 0
        sizes.append(features.shape[1])
    assert sizes == [16, 8, 4][: len(sizes)]


def test_it_depends_on_its_map(built, pair):
    _, model = built
    x = 20 * pair(model)[0][..., :-1]  # for a code that does not round to 0
    told = [model(with_map(x, value)) for value in (0, 1)]
    assert np.abs(told[0] - told[1]).max() > 1e-4


@each_pyramid
def test_no_output_sees_farther_than_the_reach(case, seeded):
    model = case.build(filters=(4, 6), blocks=1)
    side, reach = 160, model.backbone.reach
    x = np.zeros((1, side, side, *model.input_shape[3:]), "float32")
    x[..., -1] = 1  # nothing is known
    changed = x.copy()
    changed[:, 0, 0] = [*[1] * (x.shape[-1] - 1), 0]
    moved = np.abs(np.asarray(model(changed)) - np.asarray(model(x)))[0].max(axis=-1)
    rows, columns = np.nonzero(moved)
    assert 0 < max(rows.max(), columns.max()) <= reach < side


def test_a_gradient_reaches_every_trainable_variable(built, pair):
    _, model = built
    for variable in model.trainable_variables:  # kernels that begin at 0
        if len(variable.shape) == 4 and not np.any(variable):
            variable.assign(keras.random.normal(variable.shape, stddev=0.05, seed=0))
    x, y = pair(model)
    x = with_map(20 * x[..., :-1], x[..., -1:])  # for a code that does not round to 0
    with tf.GradientTape() as tape:
        loss = losses.get(model.recommended_loss)(y, model(x, training=True))
        loss += sum(model.losses)
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        gradient = tf.convert_to_tensor(gradient).numpy()  # may be sparse
        assert gradient.any() and np.isfinite(gradient).all(), variable.path


@each_case
def test_fit_then_save_and_load(case: Case, pair, seeded, tmp_path):
    model = case.build()
    x, y = (part[:16] for part in pair(model))
    model.compile()
    history = model.fit(x, y, batch_size=8, epochs=5, verbose=0).history["loss"]
    assert np.isfinite(history).all() and history[-1] < history[0]
    model.save(tmp_path / "model.keras")
    ae_zoo.save(model, tmp_path / "folder")
    for loaded in (
        keras.saving.load_model(tmp_path / "model.keras"),
        ae_zoo.load(tmp_path / "folder"),
    ):
        assert loaded.family == case.family
        np.testing.assert_array_equal(loaded(x), model(x))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"], indirect=True)
@each_case
def test_mixed_precision(case: Case, policy, pair, seeded, eager):
    model = case.build()
    x, y = pair(model)
    if policy == "mixed_float16":  # the training of the other takes the same path
        model.compile()
        assert np.isfinite(model.train_on_batch(x, y))
    assert all(v.dtype == "float32" for v in model.trainable_variables)
    restored = model.reconstruct(x)
    assert restored.dtype == np.float32 and np.isfinite(restored).all()
    if case in PYRAMIDS:  # the picture, to which a correction is added, is not rounded
        assert_passed_on(model, x)


@each_case
def test_weight_penalties(case: Case, seeded):
    model = case.build(l1=1e-3, l2=1e-2)
    kernels = [np.asarray(v) for v in model.trainable_variables if v.name == "kernel"]
    expected = sum(
        1e-3 * np.abs(kernel).sum() + 1e-2 * np.square(kernel).sum()
        for kernel in kernels
    )
    assert sum(map(float, model.losses)) == pytest.approx(expected, rel=1e-4)
    assert not case.build().losses


@pytest.mark.slow
@each_pyramid
def test_two_replicas_train_like_one(case: Case, mirrored, pair, seeded):
    reached, initial = [], None
    for strategy in (tf.distribute.get_strategy(), mirrored):
        with strategy.scope():
            model = case.build()
            initial = model.get_weights() if initial is None else initial
            model.set_weights(initial)
            model.compile(optimizer=keras.optimizers.SGD(1e-4))
        data = tf.data.Dataset.from_tensor_slices(pair(model)).batch(16)
        model.fit(data, epochs=2, verbose=0)
        reached.append(model.get_weights())
    assert max(np.abs(a - b).max() for a, b in zip(initial, reached[0], strict=True))
    for one, two in zip(*reached, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


@each_case
def test_damage_is_seeded_and_told(case: Case, digits):
    corruption = case.build().corruption
    x = corruption.corrupt(digits, 1)
    assert x.shape == (*digits.shape[:-1], digits.shape[-1] + 1)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(corruption.corrupt(digits, 1), x)
    assert not np.array_equal(corruption.corrupt(digits, 2), x)


def test_noise_has_the_level_of_its_map():
    model = ae_zoo.models.restoration_ae(level=0.2, filters=(4,), blocks=1)
    clean = np.zeros((200, 32, 32, 1), "float32")
    x = model.corruption.corrupt(clean, 0)
    levels = x[:, 0, 0, 1]
    assert 0 < levels.min() < 0.02 and 0.18 < levels.max() < 0.2
    assert (x[..., 1] == levels[:, None, None]).all()
    np.testing.assert_allclose(x[..., 0].std(axis=(1, 2)), levels, rtol=0.15)


def test_wrong_arguments_are_refused():
    with pytest.raises(InputError, match=r"2 \* channels.*received \(None, None, 1\)"):
        ae_zoo.models.restoration_ae(input_shape=(None, None, 1))
    with pytest.raises(InputError, match="filters"):
        ae_zoo.models.restoration_ae(filters=())
    with pytest.raises(ValueError, match="level must be above 0"):
        ae_zoo.models.restoration_ae(level=0)


def test_tasks_for_codes_of_one_size_say_so(built, digits):
    case, model = built
    with pytest.raises(InputError, match=r"no code of one size.*ae-zoo list"):
        FeatureExtractor(model)
    with pytest.raises(InputError, match=r"no code of one size.*dense_ae"):
        AutoencoderTransformer(case.family).fit(np.eye(4))
