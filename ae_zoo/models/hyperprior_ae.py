"""The autoencoder of learned compression with a mean-scale hyperprior."""

from ae_zoo.assemble import join
from ae_zoo.corruptions.mapped import MappedQuality
from ae_zoo.errors import InputError
from ae_zoo.models.factorized_ae import loss_weights
from ae_zoo.registry import register
from ae_zoo.tasks.codec.hyperprior import HyperpriorBottleneck
from ae_zoo.tasks.codec.residual_network import ResidualCodecBackbone

# Those of `factorized_ae`, and three more, so that the best is hard to tell apart.
LAMBDAS = (0.0018, 0.0035, 0.0067, 0.013, 0.025, 0.0483, 0.09, 0.17, 0.32)


@register(
    "hyperprior_ae",
    reference="Minnen et al., 2018, arXiv:1809.02736",
    tasks=("compress",),
)
def hyperprior_ae(
    input_shape=(None, None, 4),
    filters=(64, 128, 128, 320),
    blocks=3,
    hidden=128,
    side=64,
    lambdas=LAMBDAS,
    activation="relu",
    loss="mse",
    output="linear",
    seed=None,
    l1=0.0,
    l2=0.0,
):
    """Learned compression whose probabilities adapt to the picture.

    Use it like `factorized_ae`. Here a second, small code, the side code, determines
    the probabilities of the code at each position. `encode` returns, for four filters,
    the side code, `(n, h / 64, w / 64, side)`, and the code,
    `(n, h / 16, w / 16, filters[-1])`, both integers, and the qualities, `(n, 1)`, as a
    list, which `decode` takes.

    Args:
        input_shape: as for `factorized_ae`, but height and width are multiples of a
            number 4 times as large; `ae_zoo.tasks.Compressor` takes any size.
        filters: channels after each halving; the last number, even, is that of the
            code.
        blocks: number of residual blocks at each inner scale, but one at the finest.
        hidden, side: channels of the hidden layers of the networks between code and
            side code, and of the side code.
        lambdas: as for `factorized_ae`.
        activation: activation of the hidden layers of encoder and decoder.
        loss: 'mse' (squared error an example).
        output: 'linear' or 'sigmoid'.
        seed: integer, for reproducible noise.
        l1, l2: weight penalties on the kernels.

    Example:

        model = ae_zoo.models.hyperprior_ae()
        side, codes, qualities = model.encode(pictures_with_qualities)
    """
    if filters and filters[-1] % 2:
        raise InputError(
            "hyperprior_ae codes two halves of its channels in turn: give an even last "
            f"number of filters, not {filters[-1]}."
        )
    balance, tradeoffs = loss_weights(lambdas, channels=input_shape[-1] - 1)
    # Rounding steps that are best for a large rate.
    gains = [50 * value**0.5 for value in lambdas]
    backbone = ResidualCodecBackbone(
        input_shape,
        filters=filters,
        blocks=blocks,
        balance=balance,
        gains=gains,
        activation=activation,
        l1=l1,
        l2=l2,
    )
    bottleneck = HyperpriorBottleneck(
        filters[-1],
        tradeoffs,
        gains,
        backbone.spreads,
        hidden,
        side,
        seed=seed,
        l1=l1,
        l2=l2,
    )
    return join(
        backbone,
        bottleneck,
        corruption=MappedQuality(len(lambdas)),
        loss=loss,
        output=output,
    )
