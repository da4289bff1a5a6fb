"""Over what a training is spread: one device, the GPUs of a machine, machines."""

import functools
import os

import keras

from ae_zoo.errors import RecipeError

STRATEGIES = ("auto", "single", "mirrored", "multiworker")
PORT = 8470  # of every worker, where the cluster's manager names none


class Spread:
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
        return self.strategy.scope() if self.strategy else keras.name_scope("training")


def get_spread(name: str = "auto") -> Spread:
    """The spread called `name`.

    'auto' takes several workers where the environment describes them (`TF_CONFIG`, or
    several tasks of `srun`), else every GPU of the machine, else its CPU.

    Raises:
        RecipeError: unknown name, or one that the backend or the machine cannot do.
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
        return Spread(_mirrored(tf, "GPU" if gpus else "CPU"))
    return Spread(tf.distribute.get_strategy())


@functools.cache  # two on the same devices would mix up their collectives
def _mirrored(tf, kind: str):
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    return tf.distribute.MirroredStrategy(devices)


def _by_keras(name: str) -> Spread:
    """`keras.distribution` over the devices of this machine."""
    if name == "multiworker":
        raise RecipeError(
            "The strategy 'multiworker' needs TensorFlow: unset KERAS_BACKEND."
        )
    devices = keras.distribution.list_devices()
    if name == "mirrored" or (name == "auto" and len(devices) > 1):
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(devices=devices)
        )
        return Spread(devices=len(devices))
    return Spread()


def _workers_described() -> bool:
    return "TF_CONFIG" in os.environ or _slurm_tasks() > 1


def _slurm_tasks() -> int:
    """Processes that `srun` started together with this one."""
    return int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))


def _multiworker(tf) -> Spread:
    resolver = find_workers()
    strategy = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    workers = resolver.cluster_spec().num_tasks("worker")
    return Spread(strategy, resolver.task_id, workers)


def find_workers():
    """TensorFlow's resolver of who the workers are, and which of them this is.

    Raises:
        RecipeError: the environment does not describe any.
    """
    import tensorflow as tf

    resolvers = tf.distribute.cluster_resolver
    if "TF_CONFIG" in os.environ:
        return resolvers.TFConfigClusterResolver()
    if _slurm_tasks() > 1:
        options = {}
        if not tf.config.list_physical_devices("GPU"):
            # The resolver shares out GPUs, and fails where there are none to share.
            options = {"gpus_per_node": _slurm_tasks(), "gpus_per_task": 1}
            options["auto_set_gpu"] = False
        return resolvers.SlurmClusterResolver(port_base=PORT, **options)
    if "JOB_COMPLETION_INDEX" in os.environ:
        return _kubernetes(resolvers)
    raise RecipeError(
        "The strategy 'multiworker' finds no description of the workers: set "
        "TF_CONFIG, start them by srun, or as an Indexed Job of Kubernetes."
    )


def _kubernetes(resolvers):
    """The pods of an Indexed Job, on their hosts' network."""
    try:
        from kubernetes import client, config
    except ImportError as error:
        raise RecipeError(
            "Training in Kubernetes needs its client: pip install kubernetes, or set "
            "TF_CONFIG."
        ) from error
    config.load_incluster_config()
    resolver = resolvers.KubernetesClusterResolver(
        {"worker": [f"job-name={os.environ.get('JOB_NAME', 'ae-zoo')}"]},
        tf_server_port=PORT,
        override_client=client.CoreV1Api(),
    )
    resolver.task_type = "worker"
    resolver.task_id = int(os.environ["JOB_COMPLETION_INDEX"])
    return resolver
