"""A weights folder: saved in Keras's layout, loaded as data.

A folder holds Keras's `config.json`, `metadata.json` and `model.weights.h5`, so that
`keras.saving.load_model(folder)` reads it too. `metadata.json` also holds sizes and
checksums of the other two. Loading builds registered families only: nothing in the
folder is executed, imported or unpickled.
"""

import hashlib
import inspect
import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from ae_zoo import __version__, registry
from ae_zoo._files import check_regular
from ae_zoo.errors import IntegrityError, ManifestError, UnknownNameError
from ae_zoo.zoo.manifest import KERAS_FILES, check_files

if TYPE_CHECKING:
    from ae_zoo.autoencoder import Autoencoder

CONFIG, METADATA, WEIGHTS = KERAS_FILES
_REGISTERED = "ae_zoo>Autoencoder"
_LARGEST_JSON = 1 << 20
_SCALARS = (bool, int, float, str, type(None))
_REVIVED = {"class_name", "module", "registered_name", "config", "fn"}


def save(model: "Autoencoder", folder: str | os.PathLike) -> None:
    """Saves architecture and weights, without the optimizer, into `folder`.

    Saving the same weights again gives the same bytes. Other files in an existing
    weights folder, such as its model card, are kept.

    Raises:
        ManifestError: `folder` exists and is not a weights folder.
    """
    model.finish()
    folder = Path(folder).expanduser().resolve()
    is_new = not folder.exists()
    if not is_new and not _may_overwrite(folder):
        raise ManifestError(
            f"{folder} exists and is not a weights folder; choose another folder."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}."
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix) as temporary:
        fresh = Path(temporary, "fresh")  # inside, so with the usual permissions
        fresh.mkdir()
        _write(model, fresh)
        if is_new:
            fresh.rename(folder)
        else:
            for name in KERAS_FILES:
                (fresh / name).replace(folder / name)


def load_folder(
    folder: str | os.PathLike, files: list[dict] | None = None
) -> "Autoencoder":
    """Builds the model of a weights folder and loads its weights.

    Args:
        folder: a folder that `save` wrote.
        files: the files to require, as {"name", "sha256", "size"}; by default those
            in the folder's own metadata.

    Returns:
        The model, not compiled.

    Raises:
        IntegrityError: a file differs from its checksum.
        ManifestError: the folder is malformed, is of a class of another package, or
            its weights do not fit its architecture.
        UnknownNameError: there is no such folder.
    """
    folder = Path(folder)
    check_folder(folder, promised_files(folder) if files is None else files)
    model = _build(_read_json(folder / CONFIG), folder)
    _load_weights(model, folder / WEIGHTS)
    return model


def check_folder(folder: Path, files: list[dict]) -> None:
    """Checks the files of a folder by their checksums.

    Raises:
        IntegrityError: a file is missing or differs from its checksum.
    """
    for file in files:
        if problem := find_problem(folder / file["name"], file):
            raise IntegrityError(
                f"{folder / file['name']}: {problem}; get the folder again from its "
                "source."
            )


def find_problem(path: Path, file: dict) -> str | None:
    """Describes how `path` differs from {"sha256", "size"}; None if it does not."""
    try:
        size = path.stat().st_size
        if size != file["size"]:
            return f"{size} bytes instead of {file['size']}"
        return None if sha256(path) == file["sha256"] else "wrong sha256"
    except FileNotFoundError:
        return "missing"


def sha256(path: str | os.PathLike) -> str:
    """The SHA-256 of a file's bytes, 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def promised_files(folder: Path) -> list[dict]:
    """The files in a folder's own metadata, as {"name", "sha256", "size"}.

    Raises:
        UnknownNameError: there is no such folder.
        ManifestError: its metadata has no checksums.
    """
    if not folder.is_dir():
        raise UnknownNameError(f"There is no weights folder {folder}; check the path.")
    metadata = _read_json(folder / METADATA)
    ours = metadata.get("ae_zoo")
    files = ours.get("files") if isinstance(ours, dict) else None
    if not isinstance(files, dict):
        raise ManifestError(
            f"{folder / METADATA} has no checksums, so the folder was not saved by "
            "ae_zoo; load it with keras.saving.load_model if you trust it, and save "
            "it again with ae_zoo.save(model, folder)."
        )
    listed = [
        {**file, "name": name} for name, file in files.items() if isinstance(file, dict)
    ]
    check_files(listed, str(folder / METADATA), required=(CONFIG, WEIGHTS))
    return listed


def _may_overwrite(folder: Path) -> bool:
    """Whether `folder` is empty or a weights folder."""
    if not folder.is_dir():
        return False
    present = {path.name for path in folder.iterdir()}
    return not present or set(KERAS_FILES) <= present


def _write(model: "Autoencoder", folder: Path) -> None:
    import keras

    # A model built again from the config has neither optimizer nor metrics, and
    # proves that the config fits the weights.
    config = model.get_config()
    bare = type(model).from_config(config)
    bare.set_weights(model.get_weights())

    serialized = keras.saving.serialize_keras_object(bare)
    content = {
        "module": serialized["module"],
        "class_name": serialized["class_name"],
        "config": config,
        "registered_name": serialized["registered_name"],
    }
    _write_json(content, folder / CONFIG)
    _write_weights(bare, folder / WEIGHTS)
    files = {
        name: {"sha256": sha256(folder / name), "size": (folder / name).stat().st_size}
        for name in (CONFIG, WEIGHTS)
    }
    ours = {"version": __version__, "files": files}
    _write_json({"keras_version": keras.__version__, "ae_zoo": ours}, folder / METADATA)


def _write_json(content: dict, path: Path) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _write_weights(model: "Autoencoder", path: Path) -> None:
    """Writes weights as Keras does, without layer names, which vary between builds."""
    import h5py

    draft = path.with_name("draft.weights.h5")
    model.save_weights(draft)
    with h5py.File(draft) as source, h5py.File(path, "w") as target:
        for name, dataset in _datasets(source):
            target[name] = dataset[()]
            target[name].attrs.update(dataset.attrs)
    draft.unlink()


def _read_json(path: Path) -> dict:
    try:
        check_regular(path)
        if path.stat().st_size > _LARGEST_JSON:
            raise ManifestError(f"{path} is too large for a config; do not load it.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ManifestError(
            f"Cannot read {path} ({error}); get the folder again."
        ) from error
    if not isinstance(content, dict):
        raise ManifestError(f"{path} is not a JSON object; get the folder again.")
    return content


def _build(config: dict, folder: Path) -> "Autoencoder":
    """The model that a `config.json` describes, built by its family."""
    found = config.get("registered_name") or config.get("class_name")
    if config.get("class_name") != "Autoencoder" or found != _REGISTERED:
        raise ManifestError(
            f"{folder / CONFIG} describes a {found!r}; ae_zoo builds only its own "
            f"{_REGISTERED!r}."
        )
    arguments = config.get("config")
    if not isinstance(arguments, dict) or not all(map(_is_plain, arguments.values())):
        raise ManifestError(
            f"{folder / CONFIG} has arguments that are not plain values; save the "
            "model again with ae_zoo.save(model, folder)."
        )
    name = arguments.get("family")
    if not isinstance(name, str) or name not in registry.names():
        raise ManifestError(
            f"{folder / CONFIG} is of the unknown family {name!r}; update ae_zoo, or "
            "import the module that registers the family before loading."
        )
    try:
        given = {k: arguments[k] for k in arguments if k not in registry.RESERVED}
        inspect.signature(registry.family(name).build).bind(**given)
        return registry.from_config(arguments)
    except (TypeError, ValueError, AttributeError, ArithmeticError, LookupError) as e:
        raise ManifestError(
            f"{folder / CONFIG} has arguments that {name!r} does not take ({e}); "
            "update ae_zoo, or save the model again."
        ) from e


def _is_plain(value: object) -> bool:
    """Whether `value` consists of scalars, so that Keras does not deserialise it.

    Lists and dictionaries may be nested. Keras builds an object from a dictionary with
    a class or a module.
    """
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return not _REVIVED & set(value) and all(map(_is_plain, value.values()))
    return isinstance(value, _SCALARS)


def _load_weights(model: "Autoencoder", path: Path) -> None:
    import h5py

    try:
        with h5py.File(path) as file:
            _check_hdf5(file, len(model.weights), path)
        with warnings.catch_warnings():
            # Keras only warns if it leaves layers at their initial weights.
            warnings.filterwarnings("error", "Skipping nested container")
            model.load_weights(path)
    except (OSError, ValueError, KeyError, RuntimeError, UserWarning) as error:
        raise ManifestError(
            f"{path} does not hold the weights of this architecture "
            f"({_first_line(error)}); get the folder again."
        ) from error


def _check_hdf5(file, expected: int, path: Path) -> None:
    """Raises for links, external data and other weights, which Keras never writes."""
    import h5py

    links = []
    file.visititems_links(lambda _, link: links.append(link))
    datasets = [dataset for _, dataset in _datasets(file)]
    if (
        not all(isinstance(link, h5py.HardLink) for link in links)
        or any(dataset.external or dataset.is_virtual for dataset in datasets)
        or sum(dataset.nbytes for dataset in datasets) > path.stat().st_size
    ):
        raise ValueError("it refers to data outside the file")
    if len(datasets) != expected:
        raise ValueError(f"it holds {len(datasets)} arrays instead of {expected}")


def _datasets(file) -> list:
    """Every array of an HDF5 file with its path, in a fixed order."""
    import h5py

    items = []
    file.visititems(lambda name, item: items.append((name, item)))
    return [(name, item) for name, item in items if isinstance(item, h5py.Dataset)]


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
