"""Files that a training reads from the folders that its recipe names."""

import contextlib
import wave
from pathlib import Path

from ae_zoo.data.files import file_suffixes, list_files
from ae_zoo.data.image_files import DAMAGE, open_image
from ae_zoo.data.sounds import RATE, SOUND_SUFFIXES
from ae_zoo.training.recipe import Data


def describe_folders(data: Data, shape: tuple[int | None, ...]) -> list[str]:
    """One sentence for each folder of examples: files read, converted and ignored.

    Only the headers of the files are read.

    Args:
        data: of a recipe.
        shape: of an example.
    """
    if data.path is None:
        return []
    named = (data.path, data.validation)
    folders = [Path(n).expanduser() for n in named if isinstance(n, str)]
    return [
        _describe(folder, shape, data.window) for folder in folders if folder.is_dir()
    ]


def _describe(folder: Path, shape, window: int | None) -> str:
    suffixes = file_suffixes(shape)
    paths = list_files(folder, suffixes)
    others = sum(
        path.is_file() and not path.name.startswith(".") for path in folder.rglob("*")
    ) - len(paths)
    if suffixes == SOUND_SUFFIXES:
        target = f"{RATE} samples a second, mono"
        converted, small = sum(not _is_plain_sound(path) for path in paths), 0
    else:
        height, width, channels = shape
        target = "grey" if channels == 1 else "RGB"
        if window is None:
            target = f"{width} x {height} pixels, {target}"
        headers = [_read_header(path) for path in paths]
        wanted = (None if window else (width, height), "L" if channels == 1 else "RGB")
        converted = sum(
            (wanted[0] or size, wanted[1]) != (size, mode) for size, mode in headers
        )
        small = sum(min(size) < (window or 0) for size, _ in headers)
    return (
        f"{folder}: {len(paths) - small:,} files to read, {converted:,} of them "
        f"converted to {target}; {others + small:,} ignored"
        + (f", {small:,} of them smaller than a window." if small else ".")
    )


def _read_header(path: Path) -> tuple[tuple[int, int], str]:
    """Size and mode of an image; reading a damaged one will say what is wrong."""
    with contextlib.suppress(*DAMAGE), open_image(path) as image:
        return image.size, image.mode
    return (0, 0), ""


def _is_plain_sound(path: Path) -> bool:
    """Whether a WAV file has the rate and the single channel of the examples."""
    try:
        with wave.open(str(path)) as file:
            return (file.getframerate(), file.getnchannels()) == (RATE, 1)
    except (wave.Error, EOFError, OSError):  # not of whole numbers, or damaged
        return False
