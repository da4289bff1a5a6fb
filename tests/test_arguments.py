"""Arguments that families take and refuse, and models that `save` refuses."""

import inspect
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

import ae_zoo
from ae_zoo import backbones, bottlenecks, models, registry
from ae_zoo.assemble import join
from ae_zoo.errors import InputError, UnknownNameError
from ae_zoo.zoo import limits

IMAGE = (8, 8, 1)
SMALL = {"input_shape": IMAGE, "latent_dim": 3, "hidden": (4,)}


@keras.saving.register_keras_serializable("test_arguments")
def wavy(x):
    return keras.ops.sin(x)


def unregistered(x):
    return x


# --- sizes, in every family that has them


@pytest.mark.parametrize("family", sorted(registry.built_in()))
@pytest.mark.parametrize("value", [0, -3, 2.5, True, "32", [32], float("nan")])
def test_no_size_of_a_code(family, value):
    known = registry.family(family).arguments
    size = next(n for n in ("latent_dim", "levels", "filters") if n in known)
    value = value if size == "latent_dim" else [value, 4]
    with pytest.raises(InputError, match=rf"^{size} (cannot be|holds).*: give .*\.$"):
        registry.build(family, **{size: value})


@pytest.mark.parametrize("family", sorted(registry.built_in()))
@pytest.mark.parametrize("shape", [28, "28", (), (28, 28.0, 1), (0, 28, 1), (-1,)])
def test_no_shape_of_an_example(family, shape):
    with pytest.raises(InputError, match=f"{family} has no examples of input_shape"):
        registry.build(family, input_shape=shape)


@pytest.mark.parametrize("family", sorted(registry.built_in()))
def test_only_some_families_take_examples_of_any_size(family):
    known = inspect.signature(registry.family(family).build).parameters
    shape = known["input_shape"].default
    free = None in shape
    changed = (*shape[:-1], None) if free else (None, *shape[1:])
    with pytest.raises(InputError, match="None for any size" if free else "such as"):
        registry.build(family, input_shape=changed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 32}, r"filters cannot be 32: give a list .* such as \(32, 64\)"),
        ({"filters": (32, 0)}, "filters cannot be"),
        ({"filters": [4] * 1000}, "up to 100 whole numbers"),
        ({"kernel_size": "3"}, "kernel_size cannot be '3'"),
        ({"run": "rm"}, "unexpected keyword argument 'run': it takes input_shape"),
    ],
)
def test_what_conv_ae_refuses(arguments, message):
    with pytest.raises(InputError, match=message):
        models.conv_ae(**arguments)


def test_options_of_another_backbone():
    with pytest.raises(InputError, match=r"dense backbone takes no flatten.*hidden"):
        models.vae(backbone="dense", flatten=False)
    with pytest.raises(UnknownNameError, match="dense, conv"):
        models.vae(backbone=["dense"])


def test_kernels_and_dilations_beyond_the_example():
    with pytest.raises(InputError, match="16 steps"):
        models.conv1d_ae((16, 2), dilations=(1, 1000))
    with pytest.raises(InputError, match="28 x 12"):
        models.conv_ae((28, 12, 1), kernel_size=1000)


def test_other_packages_may_mean_something_else_by_a_name():
    @registry.register("test_arguments_levels", "nobody", ("features",))
    def build(input_shape=IMAGE, levels=(0.1, 0.5), side="left", latent_dim=None):
        """Takes noise levels."""
        return models.dense_ae(input_shape, latent_dim or 3)

    for given in ({}, {"levels": [0.2]}, {"side": "right"}, {"latent_dim": 2}):
        assert registry.build("test_arguments_levels", **given).arguments
    with pytest.raises(InputError, match="latent_dim cannot be 0"):
        build(latent_dim=0)


def test_channels_first_is_refused(tmp_path):
    ae_zoo.save(models.dense_ae(IMAGE, 2), tmp_path / "model")
    keras.config.set_image_data_format("channels_first")
    try:
        for build in (
            lambda: models.conv_ae(IMAGE),
            lambda: ae_zoo.load(tmp_path / "model"),
        ):
            with pytest.raises(InputError, match="'channels_last'"):
                build()
    finally:
        keras.config.set_image_data_format("channels_last")


# --- what a config can store


def test_values_of_numpy_become_plain(tmp_path):
    model = models.vae(
        input_shape=np.array(IMAGE),
        latent_dim=np.int64(3),
        hidden=np.array([4]),
        beta=np.float32(0.5),
        activation=np.str_("relu"),
    )
    expected = {"latent_dim": 3, "hidden": [4], "beta": 0.5, "activation": "relu"}
    assert expected.items() <= model.arguments.items()
    assert model.arguments["input_shape"] == [8, 8, 1]
    assert {type(value) for value in model.arguments["input_shape"]} == {int}
    json.dumps(model.get_config())
    ae_zoo.save(model, tmp_path / "model")
    assert ae_zoo.load(tmp_path / "model").arguments == model.arguments


def test_shapes_of_tensorflow_become_plain():
    tf = pytest.importorskip("tensorflow")
    model = models.dense_ae(tf.TensorShape(IMAGE), 2)
    assert model.arguments["input_shape"] == [8, 8, 1]


@pytest.mark.parametrize(
    ("function", "name"),
    [(keras.activations.gelu, "gelu"), (wavy, "test_arguments>wavy")],
)
def test_functions_that_keras_can_name(function, name, tmp_path):
    model = models.vae(**SMALL, activation=function)
    assert model.get_config()["activation"] == name
    assert model.encoder.get_layer("hidden_1").activation is function
    ae_zoo.save(model, tmp_path / "model")
    loaded = ae_zoo.load(tmp_path / "model")
    assert loaded.encoder.get_layer("hidden_1").activation is function
    x = np.random.default_rng(0).random((2, *IMAGE), "float32")
    np.testing.assert_array_equal(loaded(x), model(x))


def test_a_name_that_nobody_registered():
    with pytest.raises(InputError, match="'theirs>wavy': import the module"):
        models.vae(**SMALL, activation="theirs>wavy")


def test_a_registered_activation_of_a_contractive_code():
    model = models.contractive_ae(IMAGE, 3, activation=wavy)
    assert model.bottleneck.activation is wavy


STRANGE = {
    "lambda": lambda: lambda x: x,
    "unregistered": lambda: unregistered,
    "another function of Keras": lambda: keras.ops.relu,
    "layer": keras.layers.ReLU,
    "class": lambda: keras.layers.ReLU,
    "tensor": lambda: keras.ops.ones((3, 3)),
    "set": lambda: {4},
    "bytes": lambda: b"relu",
    "complex": lambda: 1j,
    "infinity": lambda: [float("inf")],
    "NaN of NumPy": lambda: np.float32("nan"),
    "object of NumPy": lambda: np.array([1, object()]),
    "nested": lambda: [[[[[[[[[1]]]]]]]]],
    "an object's config": lambda: [{"class_name": "Lambda"}],
    "numbers as keys": lambda: {1: 2},
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_no_config_can_store(name):
    with pytest.raises(InputError, match=r"^activation holds .* no config can") as told:
        models.vae(**SMALL, activation=STRANGE[name]())
    assert "\n" not in str(told.value)


# --- weights that a folder does not hold


def test_only_the_thread_that_loads_is_limited():
    add_weight = keras.Layer.add_weight
    shapes = Counter({(64, 2): 1, (2,): 1})
    with (
        ThreadPoolExecutor() as pool,
        pytest.raises(limits.WeightError, match=r"too few arrays of shape \(\)"),
        limits.allow_weights(shapes),
    ):
        for _ in range(2):
            pool.submit(models.dense_ae, IMAGE, 2).result()
        models.dense_ae(IMAGE, 2)
    assert keras.Layer.add_weight is add_weight
    models.dense_ae(IMAGE, 2)


# --- models that a folder cannot hold


def test_save_refuses_what_load_could_not_build(tmp_path):
    model = models.dense_ae(IMAGE, 2)
    head = keras.Sequential([keras.layers.Dense(2)])
    parts = (model.encoder, model.code_encoder(), head)
    for other in (*parts, "dense_ae", None):
        with pytest.raises(InputError, match=r"takes an Autoencoder .* save the whole"):
            ae_zoo.save(other, tmp_path / "model")
    joined = join(backbones.get("dense", IMAGE), bottlenecks.PlainBottleneck(2))
    with pytest.raises(InputError, match="into a function decorated with"):
        ae_zoo.save(joined, tmp_path / "model")
    model.set_weights([np.full(w.shape, np.nan) for w in model.weights])
    with pytest.raises(InputError, match="not finite"):
        ae_zoo.save(model, tmp_path / "model")
    changed = models.vae(**SMALL)
    changed.encoder.get_layer("hidden_1").enable_lora(2)
    with pytest.raises(InputError, match="other layers than its family built"):
        ae_zoo.save(changed, tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("policy", ["bfloat16", "float16", "float64"], indirect=True)
def test_weights_of_other_types_are_saved(policy, tmp_path):
    model = models.vae(**SMALL)
    ae_zoo.save(model, tmp_path / "model")
    keras.config.set_dtype_policy("float32")
    loaded = ae_zoo.load(tmp_path / "model")
    assert loaded.weights[0].dtype == policy
    for mine, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(mine.astype("float64"), theirs.astype("float64"))


def test_a_folder_that_leads_to_itself_is_not_overwritten(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ae_zoo.errors.ManifestError, match="not a weights folder"):
        ae_zoo.save(models.dense_ae(IMAGE, 2), tmp_path / "loop")
