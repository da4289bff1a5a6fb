"""MirroredStrategy on two logical CPUs against one device."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from model_cases import BY_ID, CASES, Case

from ae_zoo import layers
from ae_zoo.layers import corruption

STEPS, BATCH = 20, 16


@pytest.fixture(scope="module")
def mirrored():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    return strategy


def has_estimated_penalty(case):
    """The contractive estimate draws noise that nothing can switch off."""
    model = case.build()
    return "perturbation" in {layer.name for layer in model.layers}


def silence(model):
    """Takes the noise out of training, where a case has any."""
    if model.corruption is not None:
        model.corruption.level = 0.0
    if isinstance(model.bottleneck, layers.GaussianBottleneck):
        # A posterior so narrow that its sample is its mean.
        model.bottleneck.log_variance.bias.assign([-40.0] * model.latent_dim)


def train(case, x, strategy, initial=None):
    """`STEPS` steps of SGD on batches that the replicas of `strategy` share.

    Returns:
        The weights before and after, and the mean loss.
    """
    with strategy.scope():
        model = case.build()
        silence(model)
        if initial is not None:
            model.set_weights(initial)
        model.compile(optimizer=keras.optimizers.SGD(1e-3, momentum=0.9))
    initial = model.get_weights()
    data = tf.data.Dataset.from_tensor_slices((x, x)).repeat()
    data = data.batch(BATCH, drop_remainder=True)
    history = model.fit(data, steps_per_epoch=STEPS, verbose=0).history
    return initial, model.get_weights(), history["loss"][0]


# Without their noise, the kinds of corruption are the same model.
QUIET_CASES = [case for case in CASES if "noise" not in case.arguments]


@pytest.mark.parametrize("case", QUIET_CASES, ids=lambda case: case.id)
def test_two_replicas_train_like_one(case: Case, mirrored, digits, seeded):
    if has_estimated_penalty(case):
        pytest.skip("the contractive estimate is random; see the test of its noise")
    single = tf.distribute.get_strategy()
    initial, expected, expected_loss = train(case, digits, single)
    _, reached, loss = train(case, digits, mirrored, initial)
    moved = [np.abs(a - b).max() for a, b in zip(initial, expected, strict=True)]
    assert max(moved) > 0.01
    for ours, theirs in zip(reached, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert loss == pytest.approx(expected_loss, rel=1e-4)


NOISY_LAYERS = {
    **{
        name: (lambda kind=kind: kind(0.5, seed=0))
        for name, kind in corruption.CORRUPTIONS.items()
    },
    "gaussian_bottleneck": lambda: layers.GaussianBottleneck(6, seed=0),
}


@pytest.mark.parametrize("name", NOISY_LAYERS)
def test_each_replica_draws_its_own_noise(name, mirrored, digits):
    x = tf.constant(digits[:4].reshape(4, -1))
    with mirrored.scope():
        layer = NOISY_LAYERS[name]()
        layer.build(x.shape)

    @tf.function
    def step():
        return mirrored.run(lambda: layer(x, training=True))

    first, second = mirrored.experimental_local_results(step())
    assert not np.allclose(first, second, atol=1e-3)
    again, _ = mirrored.experimental_local_results(step())
    assert not np.allclose(first, again, atol=1e-3)


def test_each_replica_estimates_the_contractive_norm_by_its_own_noise(mirrored, digits):
    x = tf.constant(digits[:4])
    with mirrored.scope():
        model = BY_ID["contractive_ae-conv"].build()

    @tf.function
    def step():
        def penalty():
            model(x, training=True)
            return model.losses[0]

        return mirrored.run(penalty)

    first, second = map(float, mirrored.experimental_local_results(step()))
    assert first > 0 and second > 0
    assert first != pytest.approx(second, rel=1e-6)
