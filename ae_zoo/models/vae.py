"""The variational autoencoder."""

from ae_zoo import backbones
from ae_zoo.assemble import join
from ae_zoo.bottlenecks.gaussian import GaussianBottleneck
from ae_zoo.registry import register


@register(
    "vae",
    reference="Kingma and Welling, 2013, arXiv:1312.6114",
    tasks=("features", "generate", "reconstruct"),
)
def vae(
    input_shape=(28, 28, 1),
    latent_dim=40,
    backbone="dense",
    beta=1.0,
    loss="bce",
    output="sigmoid",
    seed=None,
    **options,
):
    """Variational autoencoder: a Gaussian code pulled towards N(0, I).

    Use it to generate examples (`sample`), to interpolate between them
    (`interpolate`), and for smooth codes. With `loss="bce"` and `beta=1` the loss is
    the negative evidence lower bound in nats an example. `encode` returns the mean.
    `ae_zoo.training.PenaltyWarmup` raises beta from 0 over the first epochs.

    Args:
        input_shape: shape of one example, float32 in [0, 1].
        latent_dim: size of the code.
        backbone: 'dense', 'conv', 'conv1d', 'recurrent' or 'convlstm'.
        beta: weight of the KL divergence.
        loss: 'bce' (Bernoulli likelihood, nats) or 'mse' (squared error).
        output: 'sigmoid' or 'linear'.
        seed: integer, for reproducible training noise.
        **options: backbone options: `hidden`, `filters`, `activation`, `dropout`,
            `l1`, `l2`, ...

    Example:

        model = ae_zoo.models.vae(backbone="conv", latent_dim=16)
        images = model.sample(16, seed=0)
    """
    parts = backbones.get(backbone, input_shape, **options)
    bottleneck = GaussianBottleneck(
        latent_dim, beta=beta, seed=seed, l1=parts.l1, l2=parts.l2
    )
    return join(parts, bottleneck, loss=loss, output=output)
