"""Fixtures that every test may use, and a quiet, CPU-only TensorFlow."""

import gc
import os
import sys
from pathlib import Path

# Read once, when TensorFlow is first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent


def pytest_collection_modifyitems(items):
    """Whatever reads the real data sets is slow."""
    for item in items:
        if "data_dir" in item.fixturenames:
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish(session):
    """Gives TensorFlow two logical CPUs, for MirroredStrategy, before it starts.

    Runs that collected nothing with TensorFlow in it do not pay for its import. Graphs
    are not optimised, which takes longer than it saves in a few steps of small models;
    tests in processes of their own optimise them as usual.
    """
    gc.freeze()  # what was imported: tracing a graph would have it searched again
    if "tensorflow" not in sys.modules:
        return
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    cpu = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2
        )
    except RuntimeError as error:
        raise pytest.UsageError(
            "A test module computes with TensorFlow while it is imported, too early "
            "for two logical CPUs: build layers and models in tests and fixtures."
        ) from error


@pytest.fixture(scope="module", autouse=True)
def no_old_garbage():
    """Keeps the collector from searching what earlier modules have left for good."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Where TFDS finds the real data sets; skips the test where it is absent."""
    configured = os.environ.get("TFDS_DATA_DIR", "").split(os.pathsep)[0]
    folder = Path(configured or ROOT.parent / "shared" / "data" / "tfds")
    if not folder.is_dir():
        pytest.skip("needs TFDS_DATA_DIR, a folder with prepared TFDS data sets")
    return folder


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    """64 real handwritten digits, float32 in [0, 1], `(64, 12, 12, 1)`."""
    from sklearn.datasets import load_digits

    images = load_digits().images[:64].astype("float32") / 16.0
    return np.pad(images, ((0, 0), (2, 2), (2, 2)))[..., None]


@pytest.fixture(scope="session")
def mirrored():
    """A MirroredStrategy on two logical CPUs."""
    from ae_zoo.training.placement import get_placement

    strategy = get_placement("mirrored").strategy
    assert strategy.num_replicas_in_sync == 2
    return strategy


@pytest.fixture
def eager():
    """Runs functions without compiling them, which would take longer than one call."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def policy(request):
    """Sets the dtype policy named by the test's parameter, then restores it."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.fixture
def seeded():
    """Fixes every global seed: NumPy's, Python's and Keras's."""
    import keras

    keras.utils.set_random_seed(0)
