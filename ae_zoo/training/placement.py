"""Where a training runs: on one device, the GPUs of a machine, or several machines."""

import contextlib
import functools
import json
import os
import socket

import keras

from ae_zoo.errors import RecipeError
from ae_zoo.training.meeting import wait_for_workers
from ae_zoo.training.recipe import Training

STRATEGIES = ("auto", "single", "mirrored", "multiworker")
PORT = 8470  # of every worker, where the cluster's manager gives none


class Placement:
    """One process's place in a training.

    Attributes:
        scope: context manager in which models and optimizers are made.
        replicas: devices that share each batch, over all workers.
        shard: number of this worker and number of workers.
        chief: whether this worker writes files.
        strategy: of `tf.distribute`; None under other backends.
    """

    def __init__(self, strategy=None, worker: int = 0, workers: int = 1, devices=1):
        self.strategy = strategy
        self.shard = (worker, workers)
        self.chief = worker == 0
        self.replicas = strategy.num_replicas_in_sync if strategy else devices

    def scope(self):
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()


def get_placement(name: str = "auto") -> Placement:
    """The placement called `name`.

    'auto' takes several workers where the environment describes them (`TF_CONFIG`, or
    several tasks of `srun`), else every GPU of the machine, else its CPU.

    Raises:
        RecipeError: unknown name, or the backend or machine does not support it.
        TrainingError: another worker does not come.
    """
    if name not in STRATEGIES:
        raise RecipeError(
            f"Unknown strategy {name!r}; choose one of {', '.join(STRATEGIES)}."
        )
    if keras.backend.backend() != "tensorflow":
        return _by_keras(name)
    import tensorflow as tf

    if name == "multiworker" or (name == "auto" and _workers_described()):
        return _multiworker(tf)
    gpus = tf.config.list_physical_devices("GPU")
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        return Placement(_mirrored(tf, "GPU" if gpus else "CPU"))
    return Placement(tf.distribute.get_strategy())


def check_replicas(placement: Placement, options: Training) -> None:
    """Refuses options that a placement's replicas cannot follow.

    Raises:
        RecipeError: names the option and what to use instead.
    """
    size = options.batch_size // options.accumulate
    if size % placement.replicas:
        raise RecipeError(
            f"A batch of {size} cannot be shared by {placement.replicas} replicas: "
            "change training.batch_size."
        )
    if placement.strategy is None or placement.replicas == 1:
        return
    if options.accumulate > 1:
        raise RecipeError(
            "training.accumulate works on one device only: Keras cannot accumulate "
            "under tf.distribute. Lower training.batch_size or leave it out."
        )
    if options.precision == "mixed_float16":
        raise RecipeError(
            "training.precision 'mixed_float16' works on one device only: Keras scales "
            "the loss by the gradients of a single replica. Use 'mixed_bfloat16'."
        )


@functools.cache  # two on the same devices would mix up their collectives
def _mirrored(tf, kind: str):
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    return tf.distribute.MirroredStrategy(devices)


def _by_keras(name: str) -> Placement:
    """`keras.distribution` over the devices of this machine."""
    if name == "multiworker":
        raise RecipeError(
            "The strategy 'multiworker' needs TensorFlow: unset KERAS_BACKEND."
        )
    one = keras.backend.backend() != "jax"
    if name == "mirrored" and one:
        raise RecipeError(
            "The strategy 'mirrored' needs TensorFlow or JAX: set KERAS_BACKEND to one "
            "of them, or train on one device by the strategy 'single'."
        )
    if name == "single" or one:
        return Placement()
    devices = keras.distribution.list_devices()
    if name == "auto" and len(devices) == 1:
        return Placement()
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=devices)
    )
    return Placement(devices=len(devices))


def _workers_described() -> bool:
    return len(_tf_config_tasks()) > 1 or _slurm_tasks() > 1


def _tf_config_tasks() -> list[tuple[str, int]]:
    """The tasks that TF_CONFIG describes, the chief first."""
    try:
        cluster = json.loads(os.environ.get("TF_CONFIG", "{}")).get("cluster", {})
        return _tasks(cluster)
    except (ValueError, AttributeError, TypeError) as error:
        raise RecipeError(f"TF_CONFIG cannot be read: {error}") from error


def _tasks(cluster: dict[str, list[str]]) -> list[tuple[str, int]]:
    """Type and number of everyone who trains, in TensorFlow's order."""
    kinds = ("chief", "worker")
    return [(kind, i) for kind in kinds for i in range(len(cluster.get(kind, ())))]


def _slurm_tasks() -> int:
    """Processes that `srun` started together with this one."""
    return int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))


def _multiworker(tf) -> Placement:
    resolver = find_workers()
    tasks = _tasks(resolver.cluster_spec().as_dict())
    me = (resolver.task_type, resolver.task_id)
    if me not in tasks:
        raise RecipeError(
            f"This task, {me[0]} {me[1]}, is none of the workers {tasks}."
        )
    hosts = resolver.cluster_spec().as_dict()
    addresses = [hosts[kind][number] for kind, number in tasks]
    wait_for_workers(addresses, tasks.index(me))
    strategy = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    return Placement(strategy, tasks.index(me), len(tasks))


def find_workers():
    """TensorFlow's resolver of the workers, and of which of them this process is.

    Raises:
        RecipeError: the environment does not describe any.
    """
    import tensorflow as tf

    resolvers = tf.distribute.cluster_resolver
    if _tf_config_tasks():
        return resolvers.TFConfigClusterResolver()
    if _slurm_tasks() > 1:
        options = {}
        if not tf.config.list_physical_devices("GPU"):
            # The resolver shares out GPUs, and fails where there are none to share.
            options = {"gpus_per_node": _slurm_tasks(), "gpus_per_task": 1}
            options["auto_set_gpu"] = False
        return resolvers.SlurmClusterResolver(port_base=PORT, **options)
    if "JOB_COMPLETION_INDEX" in os.environ and "AE_ZOO_WORKERS" in os.environ:
        return _indexed_job(tf)
    raise RecipeError(
        "The strategy 'multiworker' finds no description of the workers: set "
        "TF_CONFIG, start them by srun, or as an Indexed Job of Kubernetes with "
        "AE_ZOO_WORKERS."
    )


def _indexed_job(tf):
    """The pods of a Kubernetes Indexed Job, by the names that a headless service gives.

    Not by TensorFlow's KubernetesClusterResolver, which takes any pod that is not
    running yet, or any more, for an error, and orders ten and more of them wrongly.
    """
    index = int(os.environ["JOB_COMPLETION_INDEX"])
    job = socket.gethostname().removesuffix(f"-{index}")
    workers = range(int(os.environ["AE_ZOO_WORKERS"]))
    hosts = [f"{job}-{i}.{job}:{PORT}" for i in workers]
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": hosts}), task_type="worker", task_id=index
    )
