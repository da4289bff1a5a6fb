"""The autoencoder of learned compression with a factorised prior."""

from ae_zoo.assemble import join
from ae_zoo.corruptions.mapped import MappedQuality
from ae_zoo.registry import register
from ae_zoo.tasks.codec.factorized import FactorizedBottleneck
from ae_zoo.tasks.codec.network import CodecBackbone

# As in published codecs: weight of the squared error, in levels of 255, against bits.
LAMBDAS = (0.0018, 0.0035, 0.0067, 0.013, 0.025, 0.0483)


@register(
    "factorized_ae",
    reference="Ballé et al., 2018, arXiv:1802.01436",
    tasks=("compress",),
)
def factorized_ae(
    input_shape=(None, None, 4),
    filters=(48, 80, 96, 240),
    lambdas=LAMBDAS,
    activation="relu",
    loss="mse",
    output="linear",
    seed=None,
    l1=0.0,
    l2=0.0,
):
    """Learned compression: integers in as few bits as their probabilities allow.

    Use it through `ae_zoo.tasks.Compressor`, which takes pictures of any kind and size
    and writes `.aez` files. One model has all qualities. `encode` returns the integers,
    `(n, h / 16, w / 16, filters[-1])` for four filters, and the qualities, `(n, 1)`:
    as a list, which `decode` takes. The loss of an example is its squared error plus
    channels / (255² lambda) for each bit. Its gradient is weighted by the square root
    of lambda; otherwise the low qualities, whose loss is larger, would dominate.

    Args:
        input_shape: `(height, width, channels + 1)`, float32: the picture in [0, 1] and
            the quality, an integer from 0 on, the same at every pixel. Height and width
            are None, or multiples of 2 to the number of filters.
        filters: channels after each halving; the last number is that of the code.
        lambdas: weight of the mean squared error, in levels of 255, against bits a
            pixel, for each quality, lowest first.
        activation: activation of the hidden layers.
        loss: 'mse' (squared error an example).
        output: 'linear' or 'sigmoid'.
        seed: integer, for reproducible noise.
        l1, l2: weight penalties on the kernels.

    Example:

        model = ae_zoo.models.factorized_ae()
        codes, qualities = model.encode(pictures_with_qualities)
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
        FactorizedBottleneck(filters[-1], tradeoffs, seed=seed),
        corruption=MappedQuality(len(lambdas)),
        loss=loss,
        output=output,
    )


def loss_weights(lambdas, channels: int) -> tuple[list[float], list[float]]:
    """Weights of an example's squared error and of each of its bits, by quality.

    Args:
        lambdas: as for `factorized_ae`.
        channels: number of channels of the pictures.
    """
    middle = lambdas[len(lambdas) // 2]
    balance = [(value / middle) ** 0.5 for value in lambdas]
    bits = [
        weight * channels / (255**2 * value)
        for weight, value in zip(balance, lambdas, strict=True)
    ]
    return balance, bits
