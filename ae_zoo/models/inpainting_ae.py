"""The inpainting autoencoder: fills the holes of photographs."""

from ae_zoo.assemble import join
from ae_zoo.backbones.inpainting_pyramid import InpaintingPyramidBackbone
from ae_zoo.bottlenecks.skip import SkipBottleneck
from ae_zoo.corruptions.mapped import MappedHoles
from ae_zoo.registry import register


@register(
    "inpainting_ae",
    reference="Pathak et al., 2016, arXiv:1604.07379",
    tasks=("inpaint",),
)
def inpainting_ae(
    input_shape=(None, None, 4),
    filters=(64, 96, 128),
    blocks=2,
    activation="relu",
    loss="mae",
    output="linear",
    l1=0.0,
    l2=0.0,
):
    """Residual encoder-decoder with skips that fills what a mask says is missing.

    Use it through `ae_zoo.tasks.Inpainter`, which takes pictures of any kind and size
    and leaves the pixels that are there as they are. Inside, holes are first filled
    roughly, by `ae_zoo.layers.PullPush` and `Smooth`, and the network corrects that.
    `encode` gives the filled picture with the mask and one feature map a scale, the
    list that `decode` takes. Trained on pairs of a picture with holes and their mask,
    `(height, width, channels + 1)`, and the whole picture: recipes make them by
    `ae_zoo.layers.MappedHoles`.

    Args:
        input_shape: `(height, width, channels + 1)`, float32: the picture in [0, 1], 0
            where it is missing, and the mask, 1 there and 0 elsewhere; None for any
            size.
        filters: channels of each scale; the finest has half the picture's size.
        blocks: residual blocks at each scale, on the way down and on the way up.
        activation: activation inside the blocks.
        loss: 'mae' (absolute error an example) or 'mse' (squared error an example).
        output: 'linear' or 'sigmoid'.
        l1, l2: weight penalties on the kernels.

    Example:

        model = ae_zoo.models.inpainting_ae()  # colour
    """
    backbone = InpaintingPyramidBackbone(
        input_shape,
        filters=filters,
        blocks=blocks,
        activation=activation,
        l1=l1,
        l2=l2,
    )
    return join(
        backbone,
        SkipBottleneck(),
        corruption=MappedHoles(),
        loss=loss,
        output=output,
    )
