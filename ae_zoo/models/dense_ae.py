"""The smallest autoencoder: one hidden layer."""

from ae_zoo.assemble import join_plain
from ae_zoo.backbones.dense import DenseBackbone
from ae_zoo.registry import register


@register(
    "dense_ae",
    reference="Bourlard and Kamp, 1988, doi:10.1007/BF00332918",
    tasks=("features", "reconstruct"),
)
def dense_ae(
    input_shape=(28, 28, 1),
    latent_dim=32,
    activation="linear",
    loss="mse",
    output="sigmoid",
    l1=0.0,
    l2=0.0,
    tied=False,
):
    """Autoencoder with one hidden layer, the code itself.

    Use it as the baseline that every other family must beat, and for dimension
    reduction where PCA would be enough: with `output="linear"` and the squared error it
    spans PCA's subspace. A sigmoid output bends that subspace to fit [0, 1].

    Args:
        input_shape: shape of one example, float32, in [0, 1] for a sigmoid output.
        latent_dim: size of the code.
        activation: activation of the code: 'linear', 'tanh', 'sigmoid', 'relu', 'gelu'.
        loss: 'mse' (squared error an example) or 'bce' (nats an example).
        output: 'sigmoid' or 'linear'.
        l1, l2: weight penalties on the kernels.
        tied: whether the decoder uses the encoder's kernel, transposed.

    Example:

        model = ae_zoo.models.dense_ae(latent_dim=32)
    """
    backbone = DenseBackbone(input_shape, hidden=(), l1=l1, l2=l2, tied=tied)
    return join_plain(backbone, latent_dim, loss, output, activation=activation)
