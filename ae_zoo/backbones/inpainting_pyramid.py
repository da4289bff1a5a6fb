"""The pyramid that inpaints: a rough fill first, then a correction in the holes."""

from ae_zoo.backbones.pyramid import PyramidBackbone
from ae_zoo.layers.fill import PullPush, Smooth
from ae_zoo.layers.skip_filter import SkipFilter

HALVINGS = 5  # of a picture with holes, which reach over 64 pixels
KERNEL = 5  # side of those that correct it
SMOOTHING = 8  # steps by which the rough fill is smoothed


class InpaintingPyramidBackbone(PyramidBackbone):
    """A residual encoder-decoder that inpaints a picture.

    The map of the input is 1 in holes and 0 elsewhere. The finest scale of the pyramid
    is the picture with roughly filled holes, and the map; the decoder corrects it in
    the holes only, by a kernel predicted for each pixel.

    Args as of `PyramidBackbone`.
    """

    name = "inpainting_pyramid"
    _start = "zeros"  # corrections begin at none

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.reach += 3 * 2**HALVINGS + 2 * SMOOTHING + KERNEL // 2
        self.shrink = max(self.shrink, 2**HALVINGS)

    def _begin(self, inputs):
        x = PullPush(HALVINGS, dtype="float32", name="fill")(inputs)
        x = Smooth(SMOOTHING, dtype="float32", name="smooth")(x)
        return x, x

    def _correct(self, x, finest, kernel_size):
        x = self._enlarge(x, self.channels + KERNEL**2 - 1, kernel_size)
        return SkipFilter(KERNEL, dtype="float32")([x, finest])
