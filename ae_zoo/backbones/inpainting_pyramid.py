"""The pyramid that inpaints: a rough estimate, then a correction of it."""

from ae_zoo.backbones.pyramid import PyramidBackbone
from ae_zoo.errors import InputError
from ae_zoo.layers.fill import PullPush, Smooth
from ae_zoo.layers.skip_filter import SkipFilter

HALVINGS = 5  # of the picture by `PullPush`, which then covers masks of 64 pixels
KERNEL = 5  # side of the kernels of `SkipFilter`
SMOOTHING = 8  # steps of `Smooth`


class InpaintingPyramidBackbone(PyramidBackbone):
    """A residual encoder-decoder that inpaints a picture.

    The map of the input is 1 at missing pixels and 0 elsewhere. The finest scale of the
    pyramid holds the picture, with a rough estimate of the missing pixels, and the map;
    the decoder corrects the missing pixels only, by a kernel predicted for each.

    Args as of `PyramidBackbone`, but `input_shape` is `(height, width, channels + 1)`.
    """

    name = "inpainting_pyramid"
    _start = "zeros"  # no correction before training

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.reach += 3 * 2**HALVINGS + 2 * SMOOTHING + KERNEL // 2
        self.shrink = max(self.shrink, 2**HALVINGS)

    def _picture_channels(self, input_shape):
        if len(input_shape) != 3 or input_shape[-1] < 2:
            raise InputError(
                "Inpainting takes pictures with a mask, "
                f"input_shape=(height, width, channels + 1); received {input_shape}."
            )
        return input_shape[-1] - 1

    def _begin(self, inputs):
        x = PullPush(HALVINGS, dtype="float32", name="fill")(inputs)
        x = Smooth(SMOOTHING, dtype="float32", name="smooth")(x)
        return x, x

    def _correct(self, x, finest, kernel_size):
        x = self._enlarge(x, self.channels + KERNEL**2 - 1, kernel_size)
        return SkipFilter(KERNEL, dtype="float32")([x, finest])
