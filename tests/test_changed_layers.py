"""Frozen and quantised parts, copies by Keras, and warm-ups that end early."""

import keras
import numpy as np
import pytest
from model_cases import BY_ID, layout

import ae_zoo
from ae_zoo import models
from ae_zoo.errors import InputError, UnknownNameError
from ae_zoo.training import PenaltyWarmup

TIED = BY_ID["deep_ae-tied"]
KERNELS = ["hidden_1/kernel", "hidden_2/kernel", "bottleneck/projection/kernel"]
OWN_BIASES = ["decoder_1/bias", "decoder_2/bias", "decoder_3/bias"]


def paths(model):
    return [variable.path for variable in model.trainable_weights]


def test_a_frozen_tied_decoder_keeps_its_function(digits, tmp_path):
    model = TIED.build()
    every, z = paths(model), model.encode(digits)
    decoded = model.decode(z)
    model.decoder.trainable = False
    left = [path for path in every if path not in KERNELS + OWN_BIASES]
    assert paths(model) == left and len(left) == 3  # the encoder's biases
    model.compile(keras.optimizers.SGD(1.0), run_eagerly=True)
    model.fit(digits[:8], verbose=0)
    np.testing.assert_array_equal(model.decode(z), decoded)
    assert np.abs(model.encode(digits) - z).max() > 0
    model.save(tmp_path / "model.keras")
    assert paths(keras.saving.load_model(tmp_path / "model.keras")) == left
    model.decoder.trainable = True
    assert paths(model) == every


def test_a_frozen_tied_encoder_leaves_the_decoder_its_biases():
    model = TIED.build()
    model.encoder.trainable = False
    projection = [path for path in paths(model) if "projection" in path]
    assert paths(model) == [*projection, *OWN_BIASES]
    model.decoder.trainable = False
    model.decoder.trainable = True
    assert not model.encoder.trainable_weights


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("part", ["model", "encoder", "decoder"])
def test_a_quantised_part_is_used_by_every_method(part, tied, digits, tmp_path):
    keras.utils.set_random_seed(0)
    model = TIED.build(tied=tied)
    before = model.reconstruct(digits), model.decode(model.encode(digits))
    (model if part == "model" else getattr(model, part)).quantize("int8")
    after = model.reconstruct(digits), model.decode(model.encode(digits))
    for old, new in zip(before, after, strict=True):
        assert 0 < np.abs(old - new).max() < 0.05
    np.testing.assert_allclose(*after, atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.reconstruct(digits), after[0], atol=1e-6)


def test_tied_kernels_take_no_other_quantisation(digits):
    model = TIED.build()
    model.decoder.quantize("int4")
    with pytest.raises(InputError, match="use 'int8', or build the model with tied=Fa"):
        model.decode(np.zeros((1, 6), "float32"))


@pytest.mark.parametrize("name", ["deep_ae-tied", "vae-conv"])
def test_keras_copies_by_the_config_alone(name):
    model = BY_ID[name].build()
    with pytest.raises(InputError, match="copy it by type"):
        keras.models.clone_model(model)
    copy = type(model).from_config(model.get_config())
    assert copy.family == model.family and layout(copy) == layout(model)
    outer = keras.Sequential([keras.Input(model.input_shape[1:]), model])
    assert type(keras.models.clone_model(outer).layers[0]) is type(model)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: models.conv_ae((None, None, 3)), "such as \\(28, 28, 1\\)"),
        (lambda: models.conv_ae(filters=32), "such as \\(32, 64\\)"),
        (lambda: models.conv_ae(input_shape=28), "such as \\(28, 28, 1\\)"),
        (lambda: ae_zoo.load(""), "see `ae-zoo list`"),
        (lambda: ae_zoo.load(None), "not None; see `ae-zoo list`"),
        (lambda: ae_zoo.load(3), "not 3; see `ae-zoo list`"),
    ],
)
def test_impossible_arguments_are_one_sentence(build, words):
    with pytest.raises((InputError, UnknownNameError), match=words):
        build()


def scale(model):
    return float(keras.ops.convert_to_numpy(model.bottleneck.penalty_scale))


class During(keras.callbacks.Callback):
    """Does something after the first epoch."""

    def __init__(self, action):
        super().__init__()
        self.action = action

    def on_epoch_end(self, epoch, logs=None):
        assert scale(self.model) == 0.25
        self.action(self.model)


def interrupt(model):
    raise KeyboardInterrupt


def stop(model):
    model.stop_training = True


ENDS = {
    "stopped": stop,
    "interrupted": interrupt,
    # As EarlyStopping brings back weights, after the end of the warm-up.
    "brought back": lambda model: setattr(model, "kept", model.get_weights()),
}


@pytest.fixture
def vae():
    model = BY_ID["vae-dense"].build()
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    return model


@pytest.mark.parametrize("as_list", [True, False])
@pytest.mark.parametrize("name", ENDS)
def test_a_warm_up_that_ends_early_leaves_the_full_penalty(name, as_list, vae, digits):
    class BringBack(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            if hasattr(self.model, "kept"):
                self.model.set_weights(self.model.kept)
                assert scale(self.model) == 0.25

    callbacks = [PenaltyWarmup(4), During(ENDS[name]), BringBack()]
    if not as_list:
        callbacks = keras.callbacks.CallbackList(callbacks, add_history=True, model=vae)
    try:
        vae.fit(digits[:4], None, 4, 1, 0, callbacks)
    except KeyboardInterrupt:
        assert name == "interrupted"
    assert scale(vae) == 1


def test_files_of_a_warm_up_have_the_full_penalty(vae, digits, tmp_path):
    def write(model):
        model.save(tmp_path / "model.keras")
        model.save_weights(tmp_path / "all.weights.h5")
        ae_zoo.save(model, tmp_path / "folder")

    vae.fit(digits[:4], verbose=0, callbacks=[PenaltyWarmup(4), During(write)])
    assert scale(keras.saving.load_model(tmp_path / "model.keras")) == 1
    assert scale(ae_zoo.load(tmp_path / "folder")) == 1
    other = BY_ID["vae-dense"].build()
    other.bottleneck.scale_penalty(0.5)
    other.load_weights(tmp_path / "all.weights.h5")
    assert scale(other) == 1
