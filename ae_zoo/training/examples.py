"""The examples of a recipe: opening its data, and making batches of them."""

import functools

from ae_zoo.data.augment import binarize, flip, grey, shift, turn
from ae_zoo.data.batches import Batches
from ae_zoo.data.files import list_files
from ae_zoo.data.pictures import to_channels
from ae_zoo.data.sources import Arrays, hold_out, open_source
from ae_zoo.data.windows import PictureFile, Windows
from ae_zoo.datasets import load_examples, load_pictures
from ae_zoo.training.placement import Placement
from ae_zoo.training.recipe import Augmentation, Data, Recipe


def open_examples(recipe: Recipe, shape: tuple[int | None, ...], data_dir=None):
    """The sources to train on and to validate on, the second None without validation.

    Args:
        recipe: its data section names the data.
        shape: of an example.
        data_dir: where TFDS keeps its files.

    Raises:
        InputError: the data does not exist or does not fit.
    """
    data = recipe.data
    if data.window is not None:
        return _open_windows(data, shape[-1], recipe.training.seed, data_dir)

    def find(where, like=None):
        if data.path is not None:
            return open_source(where, shape, like)
        return Arrays(load_examples(data.name, where, data_dir, shape).x, shape)

    source = find(data.path or data.train)
    if data.validation is None:
        return source, None
    if isinstance(data.validation, str):
        return source, find(data.validation, source)
    return hold_out(source, data.validation, recipe.training.seed)


def _open_windows(data: Data, channels: int, seed: int, data_dir):
    """As `open_examples`, of windows of photographs."""

    def find(where):
        if data.path is not None:
            return [PictureFile(path, channels) for path in list_files(where)]
        pictures = load_pictures(data.name, where, data_dir)
        return [to_channels(picture, channels) for picture in pictures]

    pictures, held_out = find(data.path or data.train), None
    if isinstance(data.validation, str):
        held_out = find(data.validation)
    elif data.validation is not None:
        kept, held = hold_out(pictures, data.validation, seed)
        pictures, held_out = ([pictures[i] for i in p.indices] for p in (kept, held))
    train = Windows(pictures, data.window)
    # Side by side is enough to validate on.
    return train, held_out and Windows(held_out, data.window, stride=data.window)


def training_batches(
    recipe: Recipe, source, batch_size: int, corruption, placement: Placement
) -> Batches:
    """Shuffled and augmented batches.

    Args:
        recipe: for the seed and the transforms.
        source: of the examples.
        batch_size: examples a batch, over all workers.
        corruption: of the model; one with a map damages the batches, any other acts
            inside the model.
        placement: of this process.
    """
    outside = corruption is not None and corruption.mapped
    return _batches(
        recipe,
        source,
        batch_size,
        placement,
        transforms=_moves(recipe.data.augment),
        corrupt=corruption.corrupt if outside else None,
    )


def validation_batches(
    recipe: Recipe, source, batch_size: int, corruption, placement: Placement
) -> Batches:
    """Batches in the source's order, damaged by any corruption, not augmented.

    Arguments as of `training_batches`. The last one has the rest of the examples, so
    that all of them count, on any number of devices.
    """
    return _batches(
        recipe,
        source,
        batch_size,
        placement,
        replicas=placement.replicas,
        shuffle=False,
        corrupt=None if corruption is None else corruption.corrupt,
    )


def _batches(
    recipe: Recipe, source, batch_size: int, placement, transforms=(), **options
) -> Batches:
    if recipe.data.binarize:
        transforms = [*transforms, binarize]
    return Batches(
        source,
        batch_size,
        recipe.training.seed,
        transforms=transforms,
        shard=placement.shard,
        **options,
    )


def _moves(augment: Augmentation) -> list:
    """The transforms of an augmentation, in order."""
    moves = [flip] if augment.flip else []
    if augment.shift:
        moves.append(functools.partial(shift, pixels=augment.shift))
    if augment.turn:
        moves.append(turn)
    if augment.grey:
        moves.append(functools.partial(grey, share=augment.grey))
    return moves
