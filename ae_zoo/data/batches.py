"""Training batches as a pure function of the step.

The batch of step s depends only on the source, the seed and s: the order is a
permutation drawn from (seed, pass), and the transforms draw from (seed, step, worker).
Training therefore resumes at any step without replaying earlier ones, workers take
their shares of the same batches, and every Keras backend sees the same data.
"""

import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from ae_zoo.errors import AeZooError, InputError


class Batches:
    """Batches of a source.

    Args:
        source: the examples, see `ae_zoo.data.sources`.
        batch_size: examples per batch, over all workers.
        seed: seed of the order and the transforms.
        shuffle: draw a new order for each pass; otherwise keep the order of the
            source.
        transforms: functions `(x, rng) -> x` applied to each batch, see
            `ae_zoo.data.augment`.
        corrupt: function `(x, seed) -> x` that damages the input but not the target.
        shard: this worker's number and the number of workers, which share each batch.
        replicas: devices, over all workers, that each get the examples that do not
            fill a batch, as the last, smaller batch of a pass. 0 leaves these examples
            out; the next pass has another order.

    Attributes:
        steps_per_pass: batches of one pass.
        shared_steps: those before the one that every replica gets, if there is one.
        rest: examples in that one.
        failure: the error raised while a batch was read; TensorFlow replaces it with
            an error of its own.

    Raises:
        InputError: the source does not fill one batch.
    """

    def __init__(
        self,
        source,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        transforms: Sequence[Callable] = (),
        corrupt: Callable | None = None,
        shard: tuple[int, int] = (0, 1),
        replicas: int = 0,
    ):
        self.source = source
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.transforms = transforms
        self.corrupt = corrupt
        self.shard = shard
        self.failure: AeZooError | None = None
        self.replicas = replicas
        self.steps_per_pass, self.rest = divmod(len(source), batch_size)
        self.shared_steps = self.steps_per_pass
        if replicas and self.rest:
            self.steps_per_pass += 1
            # One device needs no sharing.
            self.shared_steps += replicas == 1
        if self.steps_per_pass == 0:
            raise InputError(
                f"{len(source)} examples do not fill one batch of {batch_size}: lower "
                "training.batch_size."
            )
        self._order = functools.lru_cache(maxsize=2)(self._draw_order)

    def _draw_order(self, number: int) -> np.ndarray:
        if not self.shuffle:
            return np.arange(len(self.source))
        return np.random.default_rng((self.seed, number)).permutation(len(self.source))

    def indices(self, step: int) -> np.ndarray:
        """The indices in the source of this worker's share of a batch."""
        number, position = divmod(int(step), self.steps_per_pass)
        start = position * self.batch_size
        batch = self._order(number)[start : start + self.batch_size]
        if len(batch) < self.batch_size:
            return batch
        worker, workers = self.shard
        share = self.batch_size // workers
        return batch[worker * share : (worker + 1) * share]

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets of a step, each `(share, *input_shape)`, float32.

        Raises:
            InputError: an example cannot be read, or its values are out of range.
        """
        try:
            x = self.source.take(self.indices(step))
        except AeZooError as error:
            self.failure = error
            raise
        rng = np.random.default_rng((self.seed, int(step), self.shard[0]))
        for transform in self.transforms:
            x = transform(x, rng)
        y = x
        if self.corrupt is not None:
            damaged = self.corrupt(x, int(rng.integers(2**31)))
            x = keras.ops.convert_to_numpy(damaged)
        if int(step) % self.steps_per_pass < self.shared_steps:
            return x, y
        copies = self.replicas // self.shard[1]
        return np.concatenate([x] * copies), np.concatenate([y] * copies)

    def dataset(self, start: int, stop: int):
        """The batches of the steps from `start` up to `stop`, for Keras's `fit`.

        Returns:
            A `tf.data.Dataset` under TensorFlow, else a `keras.utils.PyDataset`.
        """
        if keras.backend.backend() == "tensorflow":
            return self._tf_dataset(start, stop)
        return ReadAhead(self, start, stop)

    def _tf_dataset(self, start, stop):
        import tensorflow as tf

        examples = self.batch_size // self.shard[1]
        if self.replicas and self.rest and stop == self.steps_per_pass:
            examples = None  # the last batch has another size
        target = self.source.take([0])
        inputs = target if self.corrupt is None else self.corrupt(target, 0)

        def read(step):
            if self.corrupt is None:  # one array to pass on instead of two
                x = tf.numpy_function(lambda s: self.batch(s)[0], [step], tf.float32)
                y = x
            else:
                x, y = tf.numpy_function(self.batch, [step], (tf.float32, tf.float32))
            return (
                tf.ensure_shape(x, (examples, *inputs.shape[1:])),
                tf.ensure_shape(y, (examples, *target.shape[1:])),
            )

        steps = tf.data.Dataset.range(start, stop)
        options = tf.data.Options()
        # There is nothing to tune, and the end of a data set waits up to a minute for
        # the next round of the tuner.
        options.autotune.enabled = False
        options.experimental_distribute.auto_shard_policy = (
            tf.data.experimental.AutoShardPolicy.OFF  # the batches are shared already
        )
        batches = steps.map(read, num_parallel_calls=2, deterministic=True)
        return batches.prefetch(4).with_options(options)


class ReadAhead(keras.utils.PyDataset):
    """Batches for backends without `tf.data`; threads read them ahead.

    NumPy and Pillow work on several cores at once.

    Args:
        batches: the batches.
        start: the first step.
        stop: the step after the last.
    """

    AHEAD = 3  # batches for each thread

    def __init__(self, batches: Batches, start: int, stop: int):
        super().__init__()
        self.batches, self.start, self.stop = batches, start, stop
        threads = min(8, max(1, (os.cpu_count() or 1) // 2))
        self.ahead = self.AHEAD * threads
        self.readers = ThreadPoolExecutor(threads)
        self.pending = {}

    def __len__(self):
        return self.stop - self.start

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i):
        for j in range(i, min(i + self.ahead, len(self))):
            if j not in self.pending:
                step = self.start + j
                self.pending[j] = self.readers.submit(self.batches.batch, step)
        return self.pending.pop(i).result()
