"""The variational autoencoder with a heavier KL divergence."""

from ae_zoo.models.vae import vae
from ae_zoo.registry import register


@register(
    "beta_vae",
    reference="Higgins et al., 2017, https://openreview.net/forum?id=Sy2fzU9gl",
    tasks=("features", "generate", "reconstruct"),
)
def beta_vae(
    input_shape=(28, 28, 1),
    latent_dim=10,
    backbone="conv",
    beta=4.0,
    loss="bce",
    output="sigmoid",
    seed=None,
    **options,
):
    """Variational autoencoder with beta > 1, for few, independent latent factors.

    Use it to find what varies in the data: the heavier KL divergence switches off
    unneeded dimensions of the code and makes the others independent, at the price
    of blurrier reconstructions.

    Args:
        input_shape: shape of one example, float32 in [0, 1].
        latent_dim: size of the code.
        backbone: 'conv', 'dense', 'conv1d', 'recurrent' or 'convlstm'.
        beta: weight of the KL divergence.
        loss: 'bce' (Bernoulli likelihood, nats) or 'mse' (squared error).
        output: 'sigmoid' or 'linear'.
        seed: integer, for reproducible training noise.
        **options: backbone options: `filters`, `hidden`, `activation`, `dropout`,
            `l1`, `l2`, ...

    Example:

        model = ae_zoo.models.beta_vae(latent_dim=6, beta=8.0)
    """
    return vae(input_shape, latent_dim, backbone, beta, loss, output, seed, **options)
