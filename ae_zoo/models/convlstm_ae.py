"""The convolutional-recurrent autoencoder for video."""

from ae_zoo.assemble import join_plain
from ae_zoo.backbones.convlstm import ConvLSTMBackbone
from ae_zoo.registry import register


@register(
    "convlstm_ae",
    reference="Shi et al., 2015, arXiv:1506.04214",
    tasks=("features", "reconstruct"),
)
def convlstm_ae(
    input_shape=(10, 32, 32, 1),
    latent_dim=128,
    filters=(16, 32),
    kernel_size=3,
    activation="gelu",
    loss="mse",
    output="sigmoid",
    dropout=0.0,
    l1=0.0,
    l2=0.0,
):
    """Autoencoder of convolutions within frames and a ConvLSTM between them.

    Use it for short videos: one code describes all frames, and a moving object only
    once.

    Args:
        input_shape: `(frames, height, width, channels)`, float32 in [0, 1]; height and
            width are multiples of 2 to the number of filters.
        latent_dim: size of the linear code.
        filters: channels after each halving of the frames.
        kernel_size: side of the kernels.
        activation: hidden activation: 'linear', 'tanh', 'sigmoid', 'relu', 'gelu'.
        loss: 'mse', 'mae' (squared or absolute error an example) or 'bce' (nats an
            example).
        output: 'sigmoid', which can get stuck at 0 if most pixels are black, or
            'linear'.
        dropout: rate after each halving in the encoder.
        l1, l2: weight penalties on the kernels.

    Example:

        model = ae_zoo.models.convlstm_ae(input_shape=(20, 64, 64, 1))
    """
    backbone = ConvLSTMBackbone(
        input_shape, filters, kernel_size, activation, dropout, l1, l2
    )
    return join_plain(backbone, latent_dim, loss, output)
