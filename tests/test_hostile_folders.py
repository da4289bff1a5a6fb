"""Weights folders of strangers: refused in one sentence, soon and in little memory.

One process of its own loads them all, as what is tested could end it. Most have the
bundled weights beside another config, or the other way round.
"""

import functools
import hashlib
import json
import os
import random
import re
import resource
import socket
import time
from pathlib import Path

import forkserver
import h5py
import numpy as np
import pytest

import ae_zoo
from ae_zoo import registry

BUNDLED = Path(ae_zoo.__file__).parent / "weights"
GOOD = BUNDLED / "vae_conv.mnist"
CONFIG, METADATA, WEIGHTS = FILES = ("config.json", "metadata.json", "model.weights.h5")
UNCHECKED = "unchecked"  # a file in a folder to load without checksums
HUGE = 30_000_000
MOST_MEMORY, MOST_SECONDS = 300e6, 5.0  # two seconds on a machine of its own


# --- folders, each made by a function that gets an empty one


def fill(folder, arguments=None, weights=GOOD / WEIGHTS, text=None):
    """A folder with these arguments or this config; metadata promise what it holds."""
    arguments = arguments or arguments_of(GOOD)
    config = {"class_name": "Autoencoder", "registered_name": "ae_zoo>Autoencoder"}
    text = text or json.dumps(config | {"config": arguments})
    (folder / CONFIG).write_text(text)
    if not (folder / WEIGHTS).exists():
        (folder / WEIGHTS).symlink_to(weights)
    promise(folder)


def promise(folder, **contents):
    """Writes metadata; `contents` stand for files that cannot be read."""
    files = {}
    for name in (CONFIG, WEIGHTS):
        content = contents.get(name)
        content = (folder / name).read_bytes() if content is None else content
        digest = hashlib.sha256(content).hexdigest()
        files[name] = {"sha256": digest, "size": len(content)}
    (folder / METADATA).write_text(json.dumps({"ae_zoo": {"files": files}}))


@functools.cache
def arguments_of(weight: Path) -> dict:
    return json.loads((weight / CONFIG).read_text())["config"]


def with_arguments(weight=GOOD, **changes):
    arguments = arguments_of(weight) | changes
    return lambda folder: fill(folder, arguments, weight / WEIGHTS)


def with_value(text):
    """JSON that Python's writer does not write."""
    config = (GOOD / CONFIG).read_text()
    assert '"beta": 1.0' in config
    return lambda folder: fill(folder, text=config.replace('"beta": 1.0', text))


def with_weights(write):
    """The weights changed, or for a function with one argument written anew."""

    def make(folder):
        with h5py.File(folder / WEIGHTS, "w") as file:
            with h5py.File(GOOD / WEIGHTS) as good:
                for name in good:
                    good.copy(name, file)
            write(file)
        fill(folder)

    return make


def with_special(name, make, checked=True):
    """Something else than a file called `name`, whose promise would be kept."""

    def make_folder(folder):
        fill(folder)
        (folder / name).unlink()
        make(folder / name)
        if not checked:
            (folder / UNCHECKED).touch()
        elif name != METADATA:
            promise(folder, **{name: b""})

    return make_folder


# --- what asks for too much


SIZES = ("latent_dim", "filters", "hidden", "units", "kernel_size", "dilations")
SIZES += ("levels", "blocks", "side", "input_shape")


def huge_arguments():
    """Every size of every family's bundled weight, tens of millions."""
    seen = {"fsq_ae"}  # it has none
    for weight in sorted(BUNDLED.iterdir()):
        arguments = arguments_of(weight)
        family = arguments["family"]
        for name in SIZES if family not in seen else ():
            value = arguments.get(name)
            if isinstance(value, list):
                yield f"{family} {name}", weight, {name: [HUGE, *value[1:]]}
                yield f"{family} last {name}", weight, {name: [*value[:-1], HUGE]}
            elif value is not None:
                yield f"{family} {name}", weight, {name: HUGE}
        seen.add(family)
    assert seen == registry.built_in()


def huge_levels(folder):
    same = {name: arguments_of(GOOD)[name] for name in ("filters", "activation")}
    fill(folder, {"family": "fsq_ae", "levels": [HUGE, HUGE], **same})


def nested(depth):
    return functools.reduce(lambda value, _: [value], range(depth), 1)


REFUSED_CONFIG = r"asks for|does not take|too few arrays"
CONFIGS = {
    **{
        name: (with_arguments(weight, **changes), REFUSED_CONFIG)
        for name, weight, changes in huge_arguments()
    },
    "fsq_ae levels": (huge_levels, "more than an int32 can number"),
    "large pictures": (
        with_arguments(
            BUNDLED / "restoration_ae_grey.bsds500", input_shape=[100_000, 100_000, 2]
        ),
        "asks for examples of shape",
    ),
    "many axes": (with_arguments(input_shape=[1] * 50), "asks for examples of shape"),
    "1,000 layers": (with_arguments(filters=[16] * 1000), "a list of up to"),
    "20,000 layers": (with_arguments(filters=[16] * 20_000), "a list of 20000 values"),
    "many blocks": (
        with_arguments(BUNDLED / "restoration_ae_grey.bsds500", blocks=10**6),
        "too few arrays",
    ),
    "deep": (with_arguments(beta=nested(20)), "beta holds .*no config can store"),
    "deeper": (with_arguments(beta=nested(800)), "beta holds .*no config can store"),
    "NaN": (with_value('"beta": NaN'), "not finite"),
    "infinity": (with_value('"beta": -Infinity'), "not finite"),
    "1e400": (with_value('"beta": 1e400'), "not finite"),
    "10 to the 30": (with_arguments(latent_dim=10**30), "beyond"),
    "5,000 digits": (with_value(f'"beta": {"9" * 5000}'), "Cannot read"),
    "negative": (with_arguments(latent_dim=-3), "latent_dim cannot be -3"),
    "negative filters": (with_arguments(filters=[-16, 32]), "filters cannot be"),
    "a long name": (with_arguments(activation="A" * 100_000), "identifier: A+"),
    "a name to print": (with_arguments(activation="\x1b[2J"), r"identifier: \?\[2J"),
    "a list as policy": (with_arguments(dtype_policy=["float32"]), "does not take"),
}


# --- what HDF5 can hold


KERNEL = "layers/gaussian_bottleneck/projection/vars/0"


def replace(values, **options):
    """Puts other values in the place of a kernel."""

    def write(file):
        shape = file[KERNEL].shape
        del file[KERNEL]
        data = values(shape) if callable(values) else values
        file.create_dataset(KERNEL, data=data, **options)

    return with_weights(write)


def filled(value, dtype="float32"):
    return replace(lambda shape: np.full(shape, value, dtype))


def nest(file):
    for _ in range(1000):
        file = file.create_group("a")


def branch(file):
    for _ in range(18):
        inner = file.create_group("a")
        file["b"] = inner
        file = inner


def huge_chunk(file):
    shape = file[KERNEL].shape
    del file[KERNEL]
    chunks = {"maxshape": (None, None), "chunks": (1 << 11, 1 << 11)}
    file.create_dataset(KERNEL, shape, "float32", **chunks, compression="gzip")[:] = 1


def bomb(file):
    array = file.create_dataset("x", (1 << 28,), "float32", chunks=(1 << 20,))
    array[0] = 1


def long_lists(file):
    """Many lists in one place of the file, so that reading multiplies them."""
    array = file.create_dataset("x", (3,), h5py.vlen_dtype("float32"))
    array[0] = np.zeros(1000)


def long_attribute(file):
    file[KERNEL].attrs["dtype"] = np.array(["bfloat16"] * 100, dtype=object)


ARRAYS = {
    "NaN in a kernel": (filled(np.nan), "not finite"),
    "infinity in a kernel": (filled(np.inf, "float64"), "not finite"),
    "half NaN": (filled(np.nan, "float16"), "not finite"),
    "half compressed": (
        replace(lambda shape: np.ones(shape, "float16"), compression="gzip"),
        "compressed arrays, or arrays in chunks",
    ),
    "half never written": (
        with_weights(lambda f: f.create_dataset("x", (1 << 28,), "float16")),
        "larger arrays than the file holds",
    ),
    "half of another size": (
        replace(lambda shape: np.ones((shape[0], 2 * shape[1]), "float16")),
        "too few arrays of shape",
    ),
    "complex": (filled(1, "complex64"), "values of type complex64"),
    "bool": (filled(True, bool), "values of type bool"),
    "integers": (filled(1, "int32"), "or of other types"),
    "texts": (filled(b"1", "S1"), "values of type"),
    "lists": (with_weights(long_lists), "values of type object"),
    "huge chunk": (with_weights(huge_chunk), "compressed arrays, or arrays in chunks"),
    "bomb": (with_weights(bomb), "compressed arrays, or arrays in chunks"),
    "compressed": (
        replace(lambda shape: np.ones(shape, "float32"), compression="gzip"),
        "compressed arrays, or arrays in chunks",
    ),
    "never written": (
        with_weights(lambda f: f.create_dataset("x", (1 << 28,), "float32")),
        "larger arrays than the file holds",
    ),
    "no values": (with_weights(lambda f: f.update({"x": h5py.Empty("f")})), "else"),
    "a type": (with_weights(lambda f: f.update({"x": np.dtype("f")})), "a Datatype"),
    "long attribute": (with_weights(long_attribute), "something else than arrays"),
    "nested groups": (with_weights(nest), "more than 20 deep"),
    "a group in itself": (
        with_weights(lambda f: f.update({"layers/self": f["layers"]})),
        "more than 20 deep",
    ),
    "branching groups": (with_weights(branch), "more than 4000 arrays and groups"),
    "many groups": (
        with_weights(lambda f: [f.create_group(f"a/{i}") for i in range(5000)]),
        "more than 4000 arrays and groups",
    ),
    "soft link": (
        with_weights(lambda f: f.update({"x": h5py.SoftLink("/layers")})),
        "outside the file",
    ),
}


# --- what is no file


def listen(path):
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(path.parent)  # a socket's path is short
        server.bind(path.name)
        os.chdir(here)


SPECIAL = {
    f"{kind} as {name}": (with_special(name, make), f"{name}.* (not a|cannot be read)")
    for name in FILES
    for kind, make in {
        "pipe": os.mkfifo,
        "socket": listen,
        "folder": Path.mkdir,
        "device": lambda path: path.symlink_to("/dev/zero"),
        "loop": lambda path: path.symlink_to(path.name),
    }.items()
} | {
    f"unchecked pipe as {name}": (
        with_special(name, os.mkfifo, checked=False),
        f"{name} is missing or is not a file",
    )
    for name in (CONFIG, WEIGHTS)
}

CASES = CONFIGS | ARRAYS | SPECIAL
MUTATIONS = 40


def mutate(folder, seed):
    """Weights with a few bytes changed, mostly of HDF5's own."""
    rng, data = random.Random(seed), bytearray((GOOD / WEIGHTS).read_bytes())
    for _ in range(rng.randrange(1, 8)):
        at = rng.randrange(20_000)
        match rng.randrange(3):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at : at + 8] = bytes([rng.choice((0, 255, at % 256))]) * 8
            case 2:
                data[at : at + 16] = data[at // 2 : at // 2 + 16]
    if seed % 10 == 0:
        del data[rng.randrange(len(data)) :]
    (folder / WEIGHTS).write_bytes(data)
    fill(folder)


# --- the process that loads them


def load_all(root, report):
    """Writes what each load said, and its CPU time and memory, after each."""
    from ae_zoo.zoo.folder import load_folder

    fill(root)
    load_folder(root)  # sets up what any first load does
    rows = {}
    for folder in sorted(filter(Path.is_dir, root.iterdir())):
        start, before = time.process_time(), peak_memory()
        try:
            load_folder(folder, [] if (folder / UNCHECKED).exists() else None)
            said = None
        except Exception as error:
            said = [type(error).__name__, str(error)]
        rows[folder.name] = {
            "said": said,
            "seconds": time.process_time() - start,
            "bytes": peak_memory() - before,
        }
        report.write_text(json.dumps(rows))


def peak_memory() -> int:
    """Bytes; its rise is what a load took."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    root = tmp_path_factory.mktemp("hostile")
    names = {name: str(i) for i, name in enumerate(CASES)}
    for name, (make, _) in CASES.items():
        (root / names[name]).mkdir()
        make(root / names[name])
    for seed in range(MUTATIONS):
        (root / f"mutated{seed}").mkdir()
        mutate(root / f"mutated{seed}", seed)
    path = tmp_path_factory.mktemp("report") / "report.json"
    process = forkserver.start(load_all, root, path)
    process.join(300)
    if process.is_alive():
        process.kill()
    rows = json.loads(path.read_text())
    return {name: rows.get(names[name]) for name in CASES} | {
        "mutated": [rows.get(f"mutated{seed}") for seed in range(MUTATIONS)],
        "exit": process.exitcode,
    }


def assert_cheap(row):
    assert row["seconds"] < MOST_SECONDS and row["bytes"] < MOST_MEMORY


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_folder_is_refused_in_one_sentence(report, name):
    row, (_, message) = report[name], CASES[name]
    assert row, "loading it, or the folder before, never ended"
    kind, said = row["said"]
    assert kind in ("ManifestError", "IntegrityError" if name in SPECIAL else "")
    assert re.search(message, said)
    assert said.isprintable() and len(said) < 600
    assert_cheap(row)


def test_damaged_weights_are_refused_or_loaded(report):
    assert report["exit"] == 0
    said = [row["said"] for row in report["mutated"]]
    assert {kind for kind, _ in filter(None, said)} == {"ManifestError"}
    for row in report["mutated"]:
        assert_cheap(row)
