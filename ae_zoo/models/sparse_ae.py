"""The sparse autoencoder."""

from ae_zoo import backbones
from ae_zoo.assemble import join
from ae_zoo.bottlenecks.sparse import SparseBottleneck
from ae_zoo.registry import register


@register(
    "sparse_ae",
    reference="Ng, 2011, CS294A lecture notes: Sparse autoencoder",
    tasks=("features", "reconstruct"),
)
def sparse_ae(
    input_shape=(28, 28, 1),
    latent_dim=1024,
    backbone="dense",
    activation="relu",
    penalty="l1",
    weight=1e-2,
    target=0.05,
    loss="mse",
    output="sigmoid",
    **options,
):
    """Autoencoder whose wide code has few active units at a time.

    Use it for features: a linear classifier does better on a wide sparse code than
    on a short dense one, and the filter of each unit can be plotted. Set `l2` as well:
    otherwise a long training evades the penalty by small activations and a large
    decoder kernel.

    Args:
        input_shape: shape of one example, float32, in [0, 1] for a sigmoid output.
        latent_dim: size of the code, usually larger than the data.
        backbone: 'dense' (by default without hidden layers), 'conv', 'conv1d',
            'recurrent' or 'convlstm'.
        activation: activation of the code; 'relu' for 'l1', 'sigmoid' for 'kl'.
        penalty: 'l1' on the activations, or 'kl' between `target` and each unit's
            mean activation.
        weight: weight of the penalty relative to the loss of an example.
        target: mean activation of a unit that 'kl' aims at.
        loss: 'mse' (squared error an example) or 'bce' (nats an example).
        output: 'sigmoid' or 'linear'.
        **options: backbone options: `hidden`, `filters`, `dropout`, `l1`, `l2`, ...

    Example:

        model = ae_zoo.models.sparse_ae(weight=0.02, l2=1e-4)
    """
    if backbone == "dense":
        options.setdefault("hidden", ())
    parts = backbones.get(backbone, input_shape, **options)
    bottleneck = SparseBottleneck(
        latent_dim,
        penalty=penalty,
        weight=weight,
        target=target,
        activation=activation,
        l1=parts.l1,
        l2=parts.l2,
    )
    return join(parts, bottleneck, loss=loss, output=output)
