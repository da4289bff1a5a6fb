"""The recurrent autoencoder."""

from ae_zoo.assemble import join_plain
from ae_zoo.backbones.recurrent import RecurrentBackbone
from ae_zoo.registry import register


@register(
    "recurrent_ae",
    reference="Srivastava et al., 2015, arXiv:1502.04681",
    tasks=("features", "reconstruct"),
)
def recurrent_ae(
    input_shape=(64, 8),
    latent_dim=32,
    units=(128,),
    cell="lstm",
    bidirectional=True,
    decoding="repeat",
    loss="mse",
    output="linear",
    dropout=0.0,
    l1=0.0,
    l2=0.0,
):
    """Autoencoder of LSTM or GRU layers: a sequence from one code.

    Use it for sequences in which order matters more than position, and for sequences
    of different lengths, padded with zeros.

    Args:
        input_shape: `(length, channels)`, float32; steps that are 0 in all channels are
            skipped by the encoder.
        latent_dim: size of the linear code.
        units: units of each layer, outermost first.
        cell: 'lstm' or 'gru'.
        bidirectional: whether the encoder also reads backwards.
        decoding: 'repeat' (the decoder reads the code at each step) or 'feedback' (it
            also reads its previous output, replaced by the true one in training).
        loss: 'mse', 'mae' (squared or absolute error an example), 'bce' or 'cce' (nats
            an example).
        output: 'linear', 'sigmoid' or 'softmax'.
        dropout: rate on the input of each layer of the encoder.
        l1, l2: weight penalties on the kernels, except those of the states.

    Example:

        model = ae_zoo.models.recurrent_ae(input_shape=(50, 3), cell="gru")
    """
    backbone = RecurrentBackbone(
        input_shape, units, cell, bidirectional, decoding, dropout, l1, l2
    )
    return join_plain(backbone, latent_dim, loss, output)
