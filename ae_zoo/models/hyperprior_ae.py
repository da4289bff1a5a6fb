"""The autoencoder of learned compression with a mean-scale hyperprior."""

from ae_zoo.assemble import join
from ae_zoo.corruptions.mapped import MappedQuality
from ae_zoo.models.factorized_ae import LAMBDAS, loss_weights
from ae_zoo.registry import register
from ae_zoo.tasks.codec.hyperprior import HyperpriorBottleneck
from ae_zoo.tasks.codec.network import CodecBackbone


@register(
    "hyperprior_ae",
    reference="Minnen et al., 2018, arXiv:1809.02736",
    tasks=("compress",),
)
def hyperprior_ae(
    input_shape=(None, None, 4),
    filters=(48, 80, 96, 240),
    hidden=64,
    side=32,
    lambdas=LAMBDAS,
    activation="relu",
    loss="mse",
    output="linear",
    seed=None,
    l1=0.0,
    l2=0.0,
):
    """Learned compression whose probabilities follow the picture.

    Use it as `factorized_ae`. Here a second, small code tells how likely the values of
    the code are at each place. `encode` gives for four filters that side code,
    `(n, h / 64, w / 64, side)`, the code, `(n, h / 16, w / 16, filters[-1])`, both of
    integers, and the qualities, `(n, 1)`: the list that `decode` takes.

    Args:
        input_shape: as of `factorized_ae`, but height and width are multiples of 4
            times as much; `ae_zoo.tasks.Compressor` takes any size.
        filters: channels after each halving; the last are those of the code.
        hidden, side: channels of the second autoencoder's hidden layers, and of the
            side code.
        lambdas: as of `factorized_ae`.
        activation: activation of the hidden layers of the first.
        loss: 'mse' (squared error an example).
        output: 'linear' or 'sigmoid'.
        seed: integer, for reproducible noise.
        l1, l2: weight penalties on the kernels.

    Example:

        model = ae_zoo.models.hyperprior_ae()
        side, codes, qualities = model.encode(pictures_with_qualities)
    """
    balance, tradeoffs = loss_weights(lambdas, channels=input_shape[-1] - 1)
    backbone = CodecBackbone(
        input_shape,
        filters=filters,
        balance=balance,
        activation=activation,
        l1=l1,
        l2=l2,
    )
    return join(
        backbone,
        HyperpriorBottleneck(filters[-1], tradeoffs, hidden, side, seed, l1=l1, l2=l2),
        corruption=MappedQuality(len(lambdas)),
        loss=loss,
        output=output,
    )
