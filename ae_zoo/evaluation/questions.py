"""The questions that are measured, in order, and the measurement of all of them."""

import os
from collections.abc import Callable

from ae_zoo.autoencoder import Autoencoder
from ae_zoo.datasets import load_arrays
from ae_zoo.errors import InputError, UnknownNameError
from ae_zoo.evaluation import (
    camera_noise,
    denoising,
    detection,
    inpainting,
    likelihood,
    probe,
    rate_distortion,
    reconstruction,
    restoration,
    sentences,
    sparsity,
    speakers,
)
from ae_zoo.evaluation.measured import Measured, Photographs

QUESTIONS = (
    reconstruction,
    probe,
    likelihood,
    restoration,
    camera_noise,
    sparsity,
    denoising,
    inpainting,
    rate_distortion,
    speakers,
    sentences,
    detection,
)


def evaluate(
    model_or_name: Autoencoder | str | os.PathLike,
    dataset: str | None = None,
    data_dir: str | os.PathLike | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict:
    """Measures a model on its test split by every question that applies to it.

    Args:
        model_or_name: an `Autoencoder`, or a name or path for `ae_zoo.load`.
        dataset: TFDS name of a labelled image set; by default the one in the
            model's manifest entry. Models of photographs have test sets of their own.
        data_dir: where TFDS keeps its files, else `TFDS_DATA_DIR`.
        progress: called with the name of each question before it is measured.

    Returns:
        `{"name": str, "metrics": {key: float}, "baselines": {key: float}}`. A
        baseline's key is the method and the metric, as in 'pca_mse'.

    Raises:
        InputError: no data set is known, or its images do not fit the model.
        UnknownNameError: no such model or data set.
        DownloadError: the weights or the data cannot be downloaded.
    """
    entry, model = find_model(model_or_name)
    dataset = dataset or entry.get("dataset")
    if dataset is None and not _takes_any_size(model):
        raise InputError(
            f"{entry['name']!r} does not say what it was trained on: give the TFDS "
            "name of its data as the dataset, such as 'mnist', or measure it on a "
            "folder or file by evaluate_data."
        )
    if _takes_any_size(model):  # its questions name their test sets
        subject = Photographs(model, data_dir)
    else:
        shape = model.input_shape[1:]
        train, test = (
            load_arrays(dataset, split, data_dir, shape) for split in ("train", "test")
        )
        subject = Measured(model, train, test, dataset, data_dir)
    return {"name": entry["name"]} | ask(subject, progress)


def ask(subject, progress: Callable[[str], None] | None = None) -> dict:
    """The metrics of every question that applies to a subject, and the baselines.

    Args:
        subject: see `ae_zoo.evaluation.measured`.
        progress: as of `evaluate`.

    Returns:
        `{"metrics": {key: float}, "baselines": {key: float}}`.
    """
    metrics, baselines = {}, {}
    for question in QUESTIONS:
        if not question.applies(subject):
            continue
        if progress is not None:
            progress(question.__name__.rpartition(".")[2])
        measured, beside = question.measure(subject)
        metrics |= measured
        baselines |= beside
    return {
        "metrics": {key: float(value) for key, value in metrics.items()},
        "baselines": {key: float(value) for key, value in baselines.items()},
    }


def _takes_any_size(model: Autoencoder) -> bool:
    return None in model.input_shape[1:]


def find_model(
    model_or_name: Autoencoder | str | os.PathLike,
) -> tuple[dict, Autoencoder]:
    """Manifest entry, of others their name alone, and the model."""
    if isinstance(model_or_name, Autoencoder):
        return {"name": model_or_name.name}, model_or_name
    name = os.fspath(model_or_name)
    from ae_zoo.zoo.loader import load
    from ae_zoo.zoo.manifest import model_info

    model = load(name)
    try:
        return model_info(name), model
    except UnknownNameError:
        return {"name": name}, model
