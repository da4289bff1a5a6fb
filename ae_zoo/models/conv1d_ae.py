"""The convolutional autoencoder for sequences."""

from ae_zoo.assemble import join_plain
from ae_zoo.backbones.conv1d import Conv1DBackbone
from ae_zoo.registry import register


@register(
    "conv1d_ae",
    reference="Zhang et al., 2017, arXiv:1708.04729",
    tasks=("features", "reconstruct"),
)
def conv1d_ae(
    input_shape=(128, 8),
    latent_dim=64,
    filters=(32, 64),
    dilations=(1, 2),
    kernel_size=5,
    activation="gelu",
    loss="mse",
    output="linear",
    dropout=0.0,
    l1=0.0,
    l2=0.0,
):
    """Autoencoder of strided and dilated convolutions along time.

    Use it for sequences of a fixed length: windows of sensor data, spectrograms of
    sounds, and, with `loss="cce"` and `output="softmax"`, text as one-hot characters.

    Args:
        input_shape: `(length, channels)`, float32.
        latent_dim: size of the linear code.
        filters: channels after each halving of the length.
        dilations: dilation rates of the residual convolutions at each length; may be
            empty.
        kernel_size: length of the kernels.
        activation: hidden activation: 'linear', 'tanh', 'sigmoid', 'relu', 'gelu'.
        loss: 'mse', 'mae' (squared or absolute error an example), 'bce' or 'cce' (nats
            an example).
        output: 'linear', 'sigmoid' or 'softmax'.
        dropout: rate after each halving in the encoder.
        l1, l2: weight penalties on the kernels.

    Example:

        model = ae_zoo.models.conv1d_ae(input_shape=(60, 40), filters=(64, 128))
    """
    backbone = Conv1DBackbone(
        input_shape, filters, dilations, kernel_size, activation, dropout, l1, l2
    )
    return join_plain(backbone, latent_dim, loss, output)
