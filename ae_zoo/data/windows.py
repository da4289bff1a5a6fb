"""Windows of photographs as training examples."""

import functools
from pathlib import Path

import numpy as np

from ae_zoo.data.pictures import picture_size, read_picture, to_channels
from ae_zoo.data.values import scale
from ae_zoo.errors import InputError


class Windows:
    """A source of square windows of photographs of any size.

    Args:
        pictures: uint8 arrays `(height, width, channels)`, or `PictureFile`s; pictures
            smaller than a window are left out.
        side: height and width of a window, in pixels.
        stride: pixels from one window to the next.

    Raises:
        InputError: no picture is large enough.
    """

    def __init__(self, pictures: list, side: int, stride: int = 8):
        self.side, self.stride = side, stride
        self.pictures = [p for p in pictures if min(p.shape[:2]) >= side]
        if not self.pictures:
            raise InputError(
                f"No picture has {side} x {side} pixels: lower data.window."
            )
        self.rows, self.columns = np.transpose(
            [(np.array(p.shape[:2]) - side) // stride + 1 for p in self.pictures]
        )
        self.ends = np.cumsum(self.rows * self.columns)

    def __len__(self) -> int:
        return int(self.ends[-1])

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The windows at `indices`, `(len(indices), side, side, channels)`, float32."""
        return scale(np.stack([self._window(int(i)) for i in indices]))

    def _window(self, index: int) -> np.ndarray:
        i = int(np.searchsorted(self.ends, index, side="right"))
        within = index - (int(self.ends[i - 1]) if i else 0)
        row, column = divmod(within, int(self.columns[i]))
        top, left = row * self.stride, column * self.stride
        return self.pictures[i][top : top + self.side, left : left + self.side]


class PictureFile:
    """A photograph on disk; its pixels are read when it is indexed.

    Args:
        path: a file in any format that Pillow reads.
        channels: the pixels are converted to grey (1) or RGB (3).

    Attributes:
        shape: `(height, width, channels)`.
    """

    def __init__(self, path: Path, channels: int):
        self.path, self.channels = path, channels
        self.shape = (*picture_size(path), channels)

    def __getitem__(self, part) -> np.ndarray:
        return _read_pixels(self.path, self.channels)[part]


@functools.lru_cache(maxsize=500)  # photographs that stay in memory
def _read_pixels(path: Path, channels: int) -> np.ndarray:
    return to_channels(read_picture(path).pixels, channels)
