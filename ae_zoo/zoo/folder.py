"""A weights folder: saved in Keras's layout, loaded as data.

A folder holds Keras's `config.json`, `metadata.json` and `model.weights.h5`, so that
`keras.saving.load_model(folder)` reads it too. `metadata.json` also holds sizes and
checksums of the other two. Loading builds registered families only: nothing in the
folder is executed, imported or unpickled, and the memory taken is bounded by the size
of its files.
"""

import hashlib
import json
import os
import stat
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ae_zoo import __version__, registry
from ae_zoo.arguments import check_layout
from ae_zoo.errors import (
    InputError,
    IntegrityError,
    ManifestError,
    UnknownNameError,
    first_line,
)
from ae_zoo.zoo import hdf5, limits
from ae_zoo.zoo.manifest import KERAS_FILES, check_files

if TYPE_CHECKING:
    from ae_zoo.autoencoder import Autoencoder

CONFIG, METADATA, WEIGHTS = KERAS_FILES
_REGISTERED = "ae_zoo>Autoencoder"
LARGEST_JSON = 1 << 20


def save(
    model: "Autoencoder", folder: str | os.PathLike, *, half: bool = False
) -> None:
    """Saves architecture and weights, without the optimizer, into `folder`.

    What is frozen is not saved: `load` gives a model that is trainable throughout.

    Saving the same weights again gives the same bytes. Other files in an existing
    weights folder, such as its model card, are kept.

    Args:
        model: the model of a registered family.
        folder: a new folder, an empty one, or a weights folder to replace.
        half: stores arrays as float16, in half the bytes, with three to four digits;
            arrays with values outside float16's range, and those of one axis, stay
            float32. `load` gives a float32 model all the same. A codec, whose files
            need the very same weights to be read, is not changed: of its arrays only
            those that already are of float16's numbers are stored so.

    Raises:
        ManifestError: `folder` exists and is not a weights folder.
        InputError: `model` is not an `Autoencoder` of a registered family as the family
            built it, its weights are not finite, or `load` would refuse it for its
            size.
    """
    _check_model(model)
    model.finish()
    folder = Path(os.path.realpath(Path(folder).expanduser()))
    is_new = not os.path.lexists(folder)
    if not is_new and not _may_overwrite(folder):
        raise ManifestError(
            f"{folder} exists and is not a weights folder; choose another folder."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}."
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix) as temporary:
        fresh = Path(temporary, "fresh")  # inside, so with the usual permissions
        fresh.mkdir()
        _write(model, fresh, half)
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
        ManifestError: the folder is malformed, is of a class of another package, asks
            for more weights than it holds, or its weights do not fit its architecture.
        UnknownNameError: there is no such folder.
        InputError: Keras is set to images with the channels first.
    """
    folder = Path(folder)
    check_folder(folder, promised_files(folder) if files is None else files)
    check_layout()
    arguments = _read_arguments(folder / CONFIG)
    held = _read_layout(folder / WEIGHTS)
    model = _build(arguments, held, folder)
    _load_weights(model, held, folder / WEIGHTS)
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
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # not to be opened, see _require_file
            return "not a file"
        if status.st_size != file["size"]:
            return f"{status.st_size} bytes instead of {file['size']}"
        return None if sha256(path) == file["sha256"] else "wrong sha256"
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


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


def _check_model(model: object) -> None:
    """Raises InputError unless `save` can write, and `load` build, such a model."""
    from ae_zoo.autoencoder import Autoencoder

    if not isinstance(model, Autoencoder):
        raise InputError(
            f"ae_zoo.save takes an Autoencoder that a family built, not a "
            f"{type(model).__name__}: save the whole model, or use Keras's own "
            "model.save for parts and other models."
        )
    config = model.get_config()  # InputError if it is of no family
    try:
        limits.check_arguments(config)
    except ValueError as error:
        raise InputError(
            f"The model's arguments hold {error}, too much for a config: build it with "
            "smaller ones."
        ) from error


def _may_overwrite(folder: Path) -> bool:
    """Whether `folder` is empty or a weights folder."""
    if not folder.is_dir():
        return False
    present = {path.name for path in folder.iterdir()}
    return not present or set(KERAS_FILES) <= present


def _write(model: "Autoencoder", folder: Path, half: bool) -> None:
    import keras

    # A model built again from the config has neither optimizer nor metrics, and
    # proves that the config fits the weights.
    config = model.get_config()
    if config.pop("layer_state", {}).get("quantized"):
        raise InputError(
            "A weights folder holds no quantised weights: save them with Keras's own "
            "model.save('model.keras')."
        )
    bare = type(model).from_config(config)
    try:
        bare.set_weights(model.get_weights())
    except ValueError as error:
        raise InputError(
            f"The model has other layers than its family built ({first_line(error)}):"
            " undo the change, or use Keras's own model.save_weights."
        ) from error

    serialized = keras.saving.serialize_keras_object(bare)
    content = {
        "module": serialized["module"],
        "class_name": serialized["class_name"],
        "config": config,
        "registered_name": serialized["registered_name"],
    }
    _write_json(content, folder / CONFIG)
    error = 0.0 if "compress" in model.tasks else hdf5.LARGEST_ERROR
    try:
        hdf5.write(bare, folder / WEIGHTS, error if half else None)
    except ValueError as error:
        raise InputError(
            f"The model's weights cannot be saved ({error}): train it again, or build "
            "a smaller model."
        ) from error
    files = {
        name: {"sha256": sha256(folder / name), "size": (folder / name).stat().st_size}
        for name in (CONFIG, WEIGHTS)
    }
    ours = {"version": __version__, "files": files}
    _write_json({"keras_version": keras.__version__, "ae_zoo": ours}, folder / METADATA)


def _write_json(content: dict, path: Path) -> None:
    text = json.dumps(content, indent=1) + "\n"
    if len(text) > LARGEST_JSON:
        raise InputError(
            f"The model's arguments make a config of {len(text)} bytes, too large to "
            "load again: build it with smaller ones."
        )
    path.write_text(text, encoding="utf-8")


def _require_file(path: Path) -> None:
    """Raises unless `path` is a file; to open a pipe would be to wait for ever."""
    if not path.is_file():
        raise ManifestError(
            f"{path} is missing or is not a file; get the folder again."
        )


def _read_json(path: Path) -> dict:
    _require_file(path)
    try:
        with open(path, "rb") as file:
            text = file.read(LARGEST_JSON + 1)
        if len(text) > LARGEST_JSON:
            raise ManifestError(f"{path} is too large for a config; do not load it.")
        content = json.loads(text.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ManifestError(
            f"Cannot read {path} ({error}); get the folder again."
        ) from error
    if not isinstance(content, dict):
        raise ManifestError(f"{path} is not a JSON object; get the folder again.")
    return content


def _read_arguments(path: Path) -> dict:
    """The family and its arguments in a `config.json`, within limits."""
    config = _read_json(path)
    found = config.get("registered_name") or config.get("class_name")
    if config.get("class_name") != "Autoencoder" or found != _REGISTERED:
        raise ManifestError(
            f"{path} describes a {found!r:.80}; ae_zoo builds only its own "
            f"{_REGISTERED!r}."
        )
    arguments = config.get("config")
    if not isinstance(arguments, dict):
        raise ManifestError(
            f"{path} has no arguments by name; save the model again with "
            "ae_zoo.save(model, folder)."
        )
    try:
        limits.check_arguments(arguments)
    except ValueError as error:
        raise ManifestError(f"{path} asks for {error}; do not load it.") from error
    name = arguments.get("family")
    if not isinstance(name, str) or name not in registry.names():
        raise ManifestError(
            f"{path} is of the unknown family {name!r:.80}; update ae_zoo, or import "
            "the module that registers the family before loading."
        )
    return arguments


def _read_layout(path: Path) -> Counter:
    _require_file(path)
    try:
        return hdf5.read_layout(path)
    except Exception as error:  # of a parser, on bytes of a stranger
        raise _misfit(path, error) from error


def _build(arguments: dict, held: Counter, folder: Path) -> "Autoencoder":
    """The model of these arguments, if the arrays `held` are enough for its weights."""
    shapes = Counter()
    for (shape, _), number in held.items():
        shapes[shape] += number
    try:
        with limits.allow_weights(shapes):
            return registry.from_config(arguments)
    except limits.WeightError as error:
        raise _misfit(folder / WEIGHTS, error) from error
    except Exception as error:  # whatever a family does with values of a stranger
        raise ManifestError(
            f"{folder / CONFIG} has arguments that {arguments['family']!r} does not "
            f"take ({first_line(error)}); update ae_zoo, or save the model again."
        ) from error


def _load_weights(model: "Autoencoder", held: Counter, path: Path) -> None:
    try:
        if held != hdf5.layout(model):
            raise ValueError(
                f"{held.total()} arrays instead of {len(model.weights)}, or of other "
                "types"
            )
        with warnings.catch_warnings():
            # Keras only warns if it leaves layers at their initial weights.
            warnings.filterwarnings("error", "Skipping nested container")
            model.load_weights(path)
    except Exception as error:  # of a parser, on bytes of a stranger
        raise _misfit(path, error) from error


def _misfit(path: Path, error: Exception) -> ManifestError:
    return ManifestError(
        f"{path} does not hold the weights of this architecture "
        f"({first_line(error)}); get the folder again."
    )
