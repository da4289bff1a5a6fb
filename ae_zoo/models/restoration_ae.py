"""The restoration autoencoder: removes noise from photographs."""

from ae_zoo.assemble import join
from ae_zoo.backbones.pyramid import PyramidBackbone
from ae_zoo.bottlenecks.skip import SkipBottleneck
from ae_zoo.corruptions.mapped import MappedNoise
from ae_zoo.registry import register


@register(
    "restoration_ae",
    reference="Zhang et al., 2021, arXiv:2008.13751",
    tasks=("denoise",),
)
def restoration_ae(
    input_shape=(None, None, 2),
    filters=(64, 96, 128),
    blocks=2,
    activation="relu",
    level=0.25,
    blind=0.0,
    loss="mae",
    output="linear",
    l1=0.0,
    l2=0.0,
):
    """Residual encoder-decoder with skips that denoises, at a given level or blindly.

    Use it through `ae_zoo.tasks.Denoiser`, which takes pictures of any kind and size.
    `encode` returns a list, which `decode` takes: the picture and one feature map for
    each scale. Train it on pairs: a noisy picture with a map of the noise level of each
    channel, `(height, width, 2 * channels)`, and the clean picture. Recipes make such
    pairs by `ae_zoo.corruptions.MappedNoise`.

    Args:
        input_shape: `(height, width, 2 * channels)`, float32: the picture in [0, 1] and
            the standard deviation of its noise in the same units, or -1 where it is not
            known; None for any size.
        filters: channels of each scale; the finest has half the picture's size.
        blocks: residual blocks at each scale, in the encoder and in the decoder.
        activation: activation inside the blocks.
        level: largest standard deviation in training; 0.25 is 64 of 255.
        blind: share of the training examples with the noise of cameras and scanners, of
            unknown level. Without such examples the level must be given.
        loss: 'mae' (absolute error an example) or 'mse' (squared error an example).
        output: 'linear' or 'sigmoid'.
        l1, l2: weight penalties on the kernels.

    Example:

        model = ae_zoo.models.restoration_ae(input_shape=(None, None, 6))  # colour
    """
    backbone = PyramidBackbone(
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
        corruption=MappedNoise(level, blind),
        loss=loss,
        output=output,
    )
