"""The deep autoencoder: several hidden layers in encoder and decoder."""

from ae_zoo.assemble import join_plain
from ae_zoo.backbones.dense import DenseBackbone
from ae_zoo.registry import register


@register(
    "deep_ae",
    reference="Hinton and Salakhutdinov, 2006, doi:10.1126/science.1127647",
    tasks=("features", "reconstruct"),
)
def deep_ae(
    input_shape=(28, 28, 1),
    latent_dim=30,
    hidden=(1000, 500, 250),
    activation="gelu",
    loss="mse",
    output="sigmoid",
    dropout=0.0,
    l1=0.0,
    l2=0.0,
    tied=False,
):
    """Deep fully connected autoencoder, 784-1000-500-250-30 and back by default.

    Use it for short codes of small images or tables: the depth lets a code of 30
    values hold several times as much as 30 principal components.

    Args:
        input_shape: shape of one example, float32, in [0, 1] for a sigmoid output.
        latent_dim: size of the linear code.
        hidden: units of the encoder's layers, outermost first.
        activation: hidden activation: 'linear', 'tanh', 'sigmoid', 'relu', 'gelu'.
        loss: 'mse' (squared error an example) or 'bce' (nats an example).
        output: 'sigmoid' or 'linear'.
        dropout: rate after each hidden layer of the encoder.
        l1, l2: weight penalties on the kernels.
        tied: whether the decoder uses the encoder's kernels, transposed, which halves
            the parameters.

    Example:

        model = ae_zoo.models.deep_ae(hidden=(512, 128), latent_dim=16)
    """
    backbone = DenseBackbone(
        input_shape, hidden, activation, dropout=dropout, l1=l1, l2=l2, tied=tied
    )
    return join_plain(backbone, latent_dim, loss, output)
