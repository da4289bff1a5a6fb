"""Compares the video autoencoder with one of single frames, at equal code size.

    python scripts/compare_video.py

convlstm_ae: the bundled weight, one code for a whole video.
conv_ae: trained here on the frames of the same videos, with as many channels, by
    default on 2.0 million frames (convlstm_ae: 1.9 million); the codes of the frames of
    a video have together the size of the code of convlstm_ae.
pca: of whole videos, and of frames, with codes of that size; fitted to `FITTED`
    examples.

The script prints the mean squared error of test videos.
"""

import argparse
import json

import keras
import numpy as np
from sklearn.decomposition import PCA

import ae_zoo
from ae_zoo.datasets import load_arrays
from ae_zoo.models import conv_ae

NAME = "convlstm_ae.bouncing_mnist"
FITTED = 5000  # examples that PCA is fitted to


def pca_error(train: np.ndarray, test: np.ndarray, code: int) -> float:
    """Mean squared error of the best linear code of `FITTED` examples."""
    step = max(1, len(train) // FITTED)
    fitted = PCA(code, random_state=0).fit(train[::step].reshape(-1, test[0].size))
    x = test.reshape(len(test), -1)
    return float(np.mean((fitted.inverse_transform(fitted.transform(x)) - x) ** 2))


def train_on_frames(frames: np.ndarray, code: int, filters, epochs: int):
    """Trains a `conv_ae` of single frames."""
    keras.utils.set_random_seed(0)
    model = conv_ae(frames.shape[1:], latent_dim=code, filters=filters, output="linear")
    batch = 256
    steps = epochs * -(-len(frames) // batch)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(optimizer=keras.optimizers.Adam(rate))
    model.fit(frames, frames, batch_size=batch, epochs=epochs, verbose=2)
    return model


def compare(epochs: int, data_dir) -> dict:
    video = ae_zoo.load(NAME)
    frames, height, width, channels = shape = video.input_shape[1:]
    train, test = (
        load_arrays("bouncing_mnist", split, data_dir, shape).x
        for split in ("train", "test")
    )
    whole = video.code.size
    each = whole // frames
    alone = train.reshape(-1, height, width, channels)
    alone_test = test.reshape(-1, height, width, channels)
    still = train_on_frames(alone, each, video.backbone.filters, epochs)
    return {
        "videos": len(test),
        "code": whole,
        NAME.split(".")[0]: float(np.mean((video.reconstruct(test) - test) ** 2)),
        "conv_ae": float(np.mean((still.reconstruct(alone_test) - alone_test) ** 2)),
        "pca_of_videos": pca_error(train, test, whole),
        "pca_of_frames": pca_error(alone, alone_test, each),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10, help="of conv_ae on frames")
    parser.add_argument("--data-dir", help="where TFDS keeps its files")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    result = compare(options.epochs, options.data_dir)
    if options.json:
        print(json.dumps(result, indent=2))
        return
    for name, value in result.items():
        print(f"{name:<16}{value:>10.5g}")


if __name__ == "__main__":
    main()
