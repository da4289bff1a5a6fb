"""The deep autoencoder with layer-wise pretraining."""

from ae_zoo.assemble import join_plain
from ae_zoo.backbones.dense import DenseBackbone
from ae_zoo.registry import register


@register(
    "stacked_ae",
    reference="Vincent et al., 2010, Stacked denoising autoencoders, JMLR 11:3371-3408",
    tasks=("features", "reconstruct"),
)
def stacked_ae(
    input_shape=(28, 28, 1),
    latent_dim=30,
    hidden=(1000, 500, 250),
    activation="gelu",
    loss="mse",
    output="sigmoid",
    l1=0.0,
    l2=0.0,
    tied=True,
):
    """Deep autoencoder made of single layers, each trained to denoise its input.

    Use it where labels are few and the network is deep: each layer is first
    trained alone, as a denoising autoencoder of the layer below
    (`ae_zoo.training.pretrain_stack`), and then all layers are fine-tuned together.
    The network is that of `deep_ae`, by default with tied weights.

    Args:
        input_shape: shape of one example, float32, in [0, 1] for a sigmoid output.
        latent_dim: size of the linear code.
        hidden: units of the encoder's layers, outermost first.
        activation: hidden activation: 'linear', 'tanh', 'sigmoid', 'relu', 'gelu'.
        loss: 'mse' (squared error an example) or 'bce' (nats an example).
        output: 'sigmoid' or 'linear'.
        l1, l2: weight penalties on the kernels.
        tied: whether the decoder uses the encoder's kernels, transposed.

    Example:

        model = ae_zoo.models.stacked_ae()
        ae_zoo.training.pretrain_stack(model, dataset, epochs=5)
        model.compile()
        model.fit(dataset)
    """
    backbone = DenseBackbone(input_shape, hidden, activation, l1=l1, l2=l2, tied=tied)
    return join_plain(backbone, latent_dim, loss, output)
