"""The inpainting autoencoder: reconstructs missing pixels of photographs."""

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
    """Residual encoder-decoder with skips that inpaints pixels given by a mask.

    Use it through `ae_zoo.tasks.Inpainter`, which takes pictures of any kind and size
    and leaves known pixels unchanged. `ae_zoo.layers.PullPush` and `Smooth` first make
    a rough estimate of the missing pixels, which the network corrects. `encode` returns
    a list, which `decode` takes: the estimate with the mask, and one feature map for
    each scale. Train it on pairs: a picture with missing pixels and their mask,
    `(height, width, channels + 1)`, and the whole picture. Recipes make such pairs by
    `ae_zoo.corruptions.MappedHoles`.

    Args:
        input_shape: `(height, width, channels + 1)`, float32: the picture in [0, 1], 0
            at missing pixels, and the mask, 1 there and 0 elsewhere; None for any
            size.
        filters: channels of each scale; the finest has half the picture's size.
        blocks: residual blocks at each scale, in the encoder and in the decoder.
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
