"""Times the training of a VAE on MNIST against pythae's, in images a second.

Both sides train the same network by Adam at 1e-3 on the same images in memory, in
batches of 100, on all cores. Ours is `ae_zoo.models.vae`, `compile()` and `fit`.
pythae's is its `VAE`, of binary cross-entropy, driven by its own `BaseTrainer`: one
round is one `train_step`, which is its name for an epoch, data loader included; what
`BaseTrainer.train` does between epochs (copying and saving the model) is left out.
Neither side shows progress.

Two networks:
    mlp: 784-512-16 and back, which is pythae's default.
    conv: pythae's benchmark network for MNIST, four convolutions (4 x 4, stride 2,
        128 to 1024 channels), mirrored in the decoder, without batch normalization,
        which the conv backbone does not have.

pythae runs in a process of its own, which waits while the other side trains, so that
it may live in another environment (`pip install pythae`, see --pythae-python). The
two alternate, each starting every other round. Prints the ratio of throughputs
(above 1 means that ae_zoo is faster) of every round and their median, and the median
ratio of the CPU time used, which other work on the machine disturbs less.

Beside other work PyTorch's threads lose most of their time waiting for each other
awake, which flatters us: OMP_WAIT_POLICY is PASSIVE for pythae, unless it is set.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BATCH_SIZE = 100
CODE = 16
FILTERS = (128, 256, 512, 1024)
NETWORKS = {  # options of ae_zoo's vae, and images a round
    "mlp": ({"backbone": "dense", "hidden": (512,)}, 60_000),
    "conv": ({"backbone": "conv", "filters": FILTERS, "kernel_size": 4}, 1_000),
}


def timed(function, *arguments, **options) -> tuple[float, float]:
    """Seconds, and seconds of CPU time over all threads, that a call takes."""
    start = time.perf_counter(), time.process_time()
    function(*arguments, **options)
    return time.perf_counter() - start[0], time.process_time() - start[1]


class Ours:
    """ae_zoo's side; `epoch` trains for one and tells what `timed` does."""

    name = "ae_zoo"

    def __init__(self, network: str, x: np.ndarray):
        import ae_zoo

        options, _ = NETWORKS[network]
        self.x = x
        self.model = ae_zoo.models.vae(
            x.shape[1:], CODE, activation="relu", seed=0, **options
        )
        self.model.compile()
        weights = self.model.trainable_variables
        self.parameters = sum(int(np.prod(weight.shape)) for weight in weights)

    def epoch(self) -> tuple[float, float]:
        return timed(self.model.fit, self.x, self.x, batch_size=BATCH_SIZE, verbose=0)


class Theirs:
    """pythae's side: asks the worker process for an epoch by a line."""

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

    def epoch(self) -> tuple[float, float]:
        print("epoch", file=self.process.stdin, flush=True)
        seconds, cpu_seconds = self._answer().split()
        return float(seconds), float(cpu_seconds)

    def _answer(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            sys.exit("The process that runs pythae ended: see its error above.")
        return line

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def work(network: str, path: str) -> None:
    """The worker: tells its number of parameters, then trains an epoch a line."""
    import logging

    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    logging.disable(logging.INFO)
    torch.set_num_threads(os.cpu_count())
    x = torch.from_numpy(np.load(path))
    config = VAEConfig(tuple(x.shape[1:]), CODE, reconstruction_loss="bce")
    model = VAE(config, **(_convolutions() if network == "conv" else {}))
    with tempfile.TemporaryDirectory() as folder:
        options = BaseTrainerConfig(
            folder, per_device_train_batch_size=BATCH_SIZE, learning_rate=1e-3
        )
        data = BaseDataset(x, torch.ones(len(x)))
        trainer = BaseTrainer(model, data, training_config=options)
        trainer.prepare_training()
        print(sum(p.numel() for p in model.parameters()), flush=True)
        for number, _ in enumerate(sys.stdin, 1):
            print(*timed(trainer.train_step, number), flush=True)


def _convolutions() -> dict:
    """Encoder and decoder of ae_zoo's conv backbone, for pythae."""
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from torch import nn

    channels = (1, *FILTERS)
    pairs = list(itertools.pairwise(channels))
    paddings = (1, 1, 2, 1)  # 28, 14, 7, 4 and 2 pixels, as with Keras's 'same'
    flat = FILTERS[-1] * 2 * 2

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            layers = []
            for (below, above), padding in zip(pairs, paddings, strict=True):
                layers += [nn.Conv2d(below, above, 4, 2, padding), nn.ReLU()]
            self.layers = nn.Sequential(*layers, nn.Flatten())
            self.embedding = nn.Linear(flat, CODE)
            self.log_var = nn.Linear(flat, CODE)

        def forward(self, x):
            h = self.layers(x)
            return ModelOutput(
                embedding=self.embedding(h), log_covariance=self.log_var(h)
            )

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            layers = [nn.Linear(CODE, flat), nn.ReLU(), nn.Unflatten(1, (-1, 2, 2))]
            for (below, above), p in zip(pairs[::-1], paddings[::-1], strict=True):
                layers += [nn.ConvTranspose2d(above, below, 4, 2, p, p - 1), nn.ReLU()]
            self.layers = nn.Sequential(*layers[:-1], nn.Sigmoid())

        def forward(self, z):
            return ModelOutput(reconstruction=self.layers(z))

    return {"encoder": Encoder(), "decoder": Decoder()}


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

    from ae_zoo.data import load_arrays

    images = args.images or NETWORKS[args.network][1]
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
            taken = {side.name: np.array(side.epoch()) for side in order}
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
