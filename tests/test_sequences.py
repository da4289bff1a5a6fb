"""Properties of the backbones of sequences and video."""

import keras
import numpy as np
import pytest

from ae_zoo import models, registry
from ae_zoo.errors import InputError, UnknownNameError
from ae_zoo.losses import get

SMALL = {
    "conv1d": {"input_shape": (9, 3), "filters": (4, 6), "dilations": (1, 3)},
    "recurrent": {"input_shape": (9, 3), "units": (6, 4)},
    "convlstm": {"input_shape": (3, 8, 8, 2), "filters": (4, 6)},
}
# A family for each bottleneck and corruption.
FAMILIES = ("vae", "denoising_ae", "sparse_ae", "contractive_ae")


@pytest.mark.slow
@pytest.mark.parametrize("backbone", SMALL)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_bottleneck_works_with_every_backbone(family, backbone, seeded):
    model = registry.build(
        family, latent_dim=16, backbone=backbone, loss="mse", **SMALL[backbone]
    )
    x = np.random.default_rng(0).random((8, *model.input_shape[1:]), "float32")
    # Tracing would cost more than these few steps.
    model.compile(optimizer=keras.optimizers.Adam(1e-2), run_eagerly=True)
    first = model.train_on_batch(x, x)
    for _ in range(2):
        model.reset_metrics()
        last = model.train_on_batch(x, x)
    assert last < first
    codes = model.encode(x)
    assert codes.shape == (8, 16) and codes.std() > 0
    np.testing.assert_allclose(model.decode(codes), model.reconstruct(x), atol=1e-6)


@pytest.mark.parametrize("length", [1, 2, 7, 16])
def test_conv1d_takes_sequences_of_any_length(length):
    model = models.conv1d_ae(input_shape=(length, 2), filters=(4, 4, 4))
    x = np.zeros((2, length, 2), "float32")
    assert model.reconstruct(x).shape == x.shape


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_steps_of_zeros_are_skipped(cell, bidirectional):
    """A sequence has the code of the same one in a model of greater length."""
    rng = np.random.default_rng(0)
    short, long = (
        models.recurrent_ae(
            input_shape=(length, 2),
            units=(5, 4),
            cell=cell,
            bidirectional=bidirectional,
        )
        for length in (6, 10)
    )
    long.encoder.set_weights(short.encoder.get_weights())
    long.bottleneck.set_weights(short.bottleneck.get_weights())
    x = rng.normal(size=(3, 6, 2)).astype("float32")
    filled = np.pad(x, ((0, 0), (0, 4), (0, 0)))
    np.testing.assert_allclose(long.encode(filled), short.encode(x), atol=1e-6)


def test_feedback_reads_the_truth_in_training_and_itself_later(seeded):
    model = models.recurrent_ae(input_shape=(5, 3), units=(7,), decoding="feedback")
    rng = np.random.default_rng(0)
    x, other = rng.normal(size=(2, 4, 5, 3)).astype("float32")
    code = model.bottleneck(model.encoder(x))
    writer = model.decoder.get_layer("writer")
    # Later steps depend on the truth, and none on the truth of its own or later.
    one, two = (np.asarray(writer([code, t], training=True)) for t in (x, other))
    np.testing.assert_array_equal(one[:, 0], two[:, 0])
    assert (one[:, 1:] != two[:, 1:]).any(axis=(0, 2)).all()
    mixed = np.concatenate([x[:, :2], other[:, 2:]], axis=1)
    three = np.asarray(writer([code, mixed], training=True))
    np.testing.assert_array_equal(one[:, :3], three[:, :3])
    # Reading its own output as the truth changes nothing.
    own = np.asarray(writer(code, training=False))
    again = np.asarray(writer([code, own], training=True))
    np.testing.assert_allclose(again, own, atol=1e-6)
    np.testing.assert_array_equal(writer([code, x], training=False), own)


def test_cross_entropy_of_characters(seeded):
    """In nats an example; padding does not count."""
    truth = np.eye(4, dtype="float32")[[[0, 1, 2], [3, 3, 3]]]
    truth[1, 2] = 0
    uniform = np.full((2, 3, 4), 0.25, "float32")
    loss = float(get("cce")(truth, uniform))
    assert loss == pytest.approx(np.log(4) * (3 + 2) / 2, rel=1e-5)
    model = models.conv1d_ae((12, 4), 16, filters=(16,), loss="cce", output="softmax")
    x = np.eye(4, dtype="float32")[np.random.default_rng(0).integers(4, size=(64, 12))]
    model.compile(optimizer=keras.optimizers.Adam(1e-2))
    model.fit(x, x, epochs=60, verbose=0)
    told = model.reconstruct(x)
    np.testing.assert_allclose(told.sum(axis=-1), 1, rtol=1e-5)
    assert np.mean(told.argmax(-1) == x.argmax(-1)) > 0.9
    with pytest.raises(ValueError, match="use output='softmax'"):
        models.conv1d_ae((12, 4), loss="cce")


@pytest.mark.parametrize(
    ("family", "arguments", "words"),
    [
        ("conv1d_ae", {"input_shape": (9,)}, r"\(length, channels\); received \(9,\)"),
        ("conv1d_ae", {"filters": ()}, "needs filters"),
        ("recurrent_ae", {"input_shape": (9, 3, 1)}, "takes sequences"),
        ("recurrent_ae", {"units": ()}, "needs units"),
        ("convlstm_ae", {"input_shape": (9, 8, 8)}, "takes videos"),
        ("convlstm_ae", {"input_shape": (9, 10, 8, 1)}, "multiples of 4"),
    ],
)
def test_what_a_backbone_cannot_take(family, arguments, words):
    with pytest.raises(InputError, match=words):
        registry.build(family, **arguments)


def test_unknown_cells_and_decodings():
    with pytest.raises(UnknownNameError, match="lstm, gru"):
        models.recurrent_ae(cell="rnn")
    with pytest.raises(UnknownNameError, match="repeat, feedback"):
        models.recurrent_ae(decoding="beam")
