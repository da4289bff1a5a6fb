"""Compares the speed of training a VAE on MNIST with pythae's, in images a second.

Both sides train the same network by Adam at 1e-3 on the same images in memory, in
batches of 100, on all cores. Ours is `ae_zoo.models.vae`, fed and trained as
`ae-zoo train` does. pythae's is its `VAE`, of binary cross-entropy, driven by its own
`BaseTrainer`. A round is an epoch; time after the last batch, such as for saving the
model, does not count. Neither shows progress.

Three networks:
    mlp: 784-400-40 and back, from pythae's reproduction of the likelihood of a VAE.
    conv: pythae's benchmark network for MNIST, four convolutions (4 x 4, stride 2,
        128 to 1024 channels) with batch normalisation and without the biases that
        this cancels, mirrored in the decoder.
    small: two convolutions (3 x 3, stride 2, 32 and 64 channels), mirrored.

pythae runs in its own process, which waits while the other side trains, so that it
may be installed in another environment (`pip install pythae`, see --pythae-python). The
two alternate, each starting every other round. Prints the ratio of throughputs
(above 1 means that ae_zoo is faster) of every round and their median, and the median
ratio of the CPU time used, which other processes on the machine disturb less.

On a busy machine PyTorch's threads lose most of their time in busy waiting, which
would favour ae_zoo: OMP_WAIT_POLICY is PASSIVE for pythae, unless it is set.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BATCH_SIZE = 100


@dataclass(frozen=True)
class Network:
    """A network to train: options of ae_zoo's vae, and number of images a round."""

    options: dict
    latent_dim: int
    images: int


NETWORKS = {
    "mlp": Network({"backbone": "dense", "hidden": (400,)}, 40, 60_000),
    "conv": Network(
        {
            "backbone": "conv",
            "filters": (128, 256, 512, 1024),
            "kernel_size": 4,
            "batch_norm": True,
        },
        16,
        1_000,
    ),
    "small": Network(
        {"backbone": "conv", "filters": (32, 64), "kernel_size": 3}, 16, 20_000
    ),
}


def clocks() -> np.ndarray:
    """Elapsed seconds, and CPU seconds of all threads."""
    return np.array([time.perf_counter(), time.process_time()])


class Ours:
    """ae_zoo's side; `epoch` trains for an epoch and returns the times of `clocks`."""

    name = "ae_zoo"

    def __init__(self, network: str, x: np.ndarray):
        import keras

        import ae_zoo
        from ae_zoo.data.batches import Batches
        from ae_zoo.data.sources import Arrays

        chosen = NETWORKS[network]
        self.model = ae_zoo.models.vae(
            x.shape[1:], chosen.latent_dim, activation="relu", seed=0, **chosen.options
        )
        self.model.compile()
        self.batches = Batches(Arrays(x, x.shape[1:]), BATCH_SIZE)
        self.ended = keras.callbacks.LambdaCallback(on_epoch_end=self._stop_clock)
        weights = self.model.trainable_variables
        self.parameters = sum(int(np.prod(weight.shape)) for weight in weights)

    def epoch(self) -> np.ndarray:
        start, steps = clocks(), self.batches.steps_per_pass
        self.model.fit(
            self.batches.dataset(0, steps),
            steps_per_epoch=steps,
            callbacks=[self.ended],
            shuffle=False,
            verbose=0,
        )
        return self.stopped - start

    def _stop_clock(self, epoch, logs=None):
        self.stopped = clocks()


class Theirs:
    """pythae's side: a line to the worker process requests an epoch."""

    name = "pythae"

    def __init__(self, network: str, x: np.ndarray, python: str, folder: Path):
        np.save(folder / "x.npy", x.transpose(0, 3, 1, 2))
        command = [python, __file__, network, "--work-on", str(folder / "x.npy")]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"OMP_WAIT_POLICY": "PASSIVE"} | os.environ | {"TQDM_DISABLE": "1"},
        )
        self.parameters = int(self._answer())

    def epoch(self) -> np.ndarray:
        print("epoch", file=self.process.stdin, flush=True)
        return np.array(self._answer().split(), float)

    def _answer(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            sys.exit("The process that runs pythae ended: see its error above.")
        return line

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def work(network: str, path: str) -> None:
    """The worker: prints its number of parameters, then trains an epoch per line."""
    import logging

    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    logging.disable(logging.INFO)
    torch.set_num_threads(os.cpu_count())
    x = torch.from_numpy(np.load(path))
    chosen = NETWORKS[network]
    shape = tuple(x.shape[1:])
    config = VAEConfig(shape, chosen.latent_dim, reconstruction_loss="bce")
    model = VAE(config, *_parts(chosen, shape))
    with tempfile.TemporaryDirectory() as folder:
        options = BaseTrainerConfig(
            folder, per_device_train_batch_size=BATCH_SIZE, learning_rate=1e-3
        )
        data = BaseDataset(x, torch.ones(len(x)))
        trainer = BaseTrainer(model, data, training_config=options)
        trainer.prepare_training()
        print(sum(p.numel() for p in model.parameters()), flush=True)
        for number, _ in enumerate(sys.stdin, 1):
            start = clocks()
            trainer.train_step(number)  # pythae's name for an epoch
            print(*(clocks() - start), flush=True)


def _parts(network: Network, shape: tuple[int, ...]):
    """Encoder and decoder of ae_zoo's backbone, for pythae."""
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from torch import nn

    options = dict(network.options)
    kind = {"dense": _dense, "conv": _convolutions}[options.pop("backbone")]
    below, flat, above = kind(shape, **options)

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(*below)
            self.embedding = nn.Linear(flat, network.latent_dim)
            self.log_var = nn.Linear(flat, network.latent_dim)

        def forward(self, x):
            h = self.layers(x)
            return ModelOutput(
                embedding=self.embedding(h), log_covariance=self.log_var(h)
            )

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            first = nn.Linear(network.latent_dim, flat)
            self.layers = nn.Sequential(first, nn.ReLU(), *above, nn.Sigmoid())

        def forward(self, z):
            return ModelOutput(reconstruction=self.layers(z))

    return Encoder(), Decoder()


def _dense(shape, hidden):
    """Layers below the code, units beside it, layers above its first."""
    from torch import nn

    (units,) = hidden
    size = int(np.prod(shape))
    below = [nn.Flatten(), nn.Linear(size, units), nn.ReLU()]
    return below, units, [nn.Linear(units, size), nn.Unflatten(1, shape)]


def _convolutions(shape, filters, kernel_size, batch_norm=False):
    """As `_dense`."""
    from torch import nn

    def activate(channels):
        return [nn.BatchNorm2d(channels)] * batch_norm + [nn.ReLU()]

    channels, size, _ = shape
    below, above = [], []
    for i, wider in enumerate(filters):
        coarser = -(-size // 2)
        padding = next(
            p for p in range(9) if (size + 2 * p - kernel_size) // 2 + 1 == coarser
        )
        surplus = size - (2 * (coarser - 1) - 2 * padding + kernel_size)
        options = {"kernel_size": kernel_size, "stride": 2, "padding": padding}
        down = nn.Conv2d(channels, wider, bias=not batch_norm, **options)
        below += [down, *activate(wider)]
        options |= {"output_padding": surplus, "bias": i == 0 or not batch_norm}
        up = nn.ConvTranspose2d(wider, channels, **options)
        above = [up, *(activate(channels) if i else []), *above]
        channels, size = wider, coarser
    grid = (channels, size, size)
    return [*below, nn.Flatten()], int(np.prod(grid)), [nn.Unflatten(1, grid), *above]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", nargs="?", default="mlp", choices=NETWORKS)
    parser.add_argument("--images", type=int, help="a round; default by the network")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pythae-python", default=sys.executable, metavar="PATH")
    parser.add_argument("--work-on", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work_on:
        work(args.network, args.work_on)
        return

    from ae_zoo.datasets import load_arrays

    images = args.images or NETWORKS[args.network].images
    x = load_arrays("mnist", "train")[0][:images]
    with tempfile.TemporaryDirectory() as folder:
        theirs = Theirs(args.network, x, args.pythae_python, Path(folder))
        sides = [Ours(args.network, x), theirs]
        for side in sides:
            side.epoch()  # traces and compiles
        counts = ", ".join(f"{side.name} {side.parameters:,}" for side in sides)
        print(f"{args.network}, {len(x):,} images a round; parameters: {counts}")
        ratios = []
        for i in range(args.rounds):
            order = sides if i % 2 == 0 else sides[::-1]
            taken = {side.name: side.epoch() for side in order}
            ratios.append(taken["pythae"] / taken["ae_zoo"])
            speeds = ", ".join(
                f"{side.name} {len(x) / taken[side.name][0]:,.0f} images/s"
                for side in sides
            )
            print(f"round {i + 1}: {speeds}, ratio {ratios[-1][0]:.3f}", flush=True)
        theirs.close()
    seconds, cpu_seconds = np.median(ratios, axis=0)
    print(f"median ratio {seconds:.3f} (of CPU time {cpu_seconds:.3f})")


if __name__ == "__main__":
    main()
