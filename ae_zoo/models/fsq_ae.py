"""The autoencoder with a code of few values: finite scalar quantisation."""

from ae_zoo import backbones
from ae_zoo.assemble import join
from ae_zoo.bottlenecks.fsq import FSQBottleneck
from ae_zoo.registry import register


@register(
    "fsq_ae",
    reference="Mentzer et al., 2023, arXiv:2309.15505",
    tasks=("features", "reconstruct"),
)
def fsq_ae(
    input_shape=(28, 28, 1),
    levels=(8, 5, 5, 5),
    backbone="conv",
    loss="mse",
    output="sigmoid",
    **options,
):
    """Autoencoder whose code is a grid of integers.

    Use it for tokens: `encode(x, indices=True)` returns a small grid or a short
    sequence of integers for each example, for a generative model of sequences or for
    storage; `decode(indices, indices=True)` reconstructs the examples. There is no
    codebook to train and no code that remains unused.

    Args:
        input_shape: shape of one example, float32 in [0, 1].
        levels: number of values of each channel of the code; their product is the size
            of the alphabet. (8, 5, 5, 5) makes 1,000, (8, 8, 8, 5, 5, 5) makes 64,000.
        backbone: 'conv' or 'convlstm', whose code is a grid; 'conv1d', whose code is
            tokens; 'dense' or 'recurrent', whose code is a single integer.
        loss: 'mse' (squared error an example) or 'bce' (nats an example).
        output: 'sigmoid' or 'linear'.
        **options: backbone options: `filters`, `hidden`, `activation`,
            `dropout`, `l1`, `l2`, ...; with `flatten=True` each example is one integer.

    Example:

        model = ae_zoo.models.fsq_ae(levels=(8, 6, 5))
        tokens = model.encode(images, indices=True)  # (n, 7, 7), int32
        back = model.decode(tokens, indices=True)
    """
    if backbone in ("conv", "conv1d", "convlstm"):
        options.setdefault("flatten", False)
    parts = backbones.get(backbone, input_shape, **options)
    bottleneck = FSQBottleneck(levels, l1=parts.l1, l2=parts.l2)
    return join(parts, bottleneck, loss=loss, output=output)
