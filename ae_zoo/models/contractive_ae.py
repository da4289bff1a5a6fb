"""The contractive autoencoder."""

from ae_zoo import backbones
from ae_zoo.assemble import join
from ae_zoo.bottlenecks.contractive import ContractiveBottleneck
from ae_zoo.registry import register


@register(
    "contractive_ae",
    reference="Rifai et al., 2011, Contractive auto-encoders, ICML",
    tasks=("features", "reconstruct"),
)
def contractive_ae(
    input_shape=(28, 28, 1),
    latent_dim=256,
    backbone="dense",
    activation="sigmoid",
    weight=0.1,
    step=1e-2,
    loss="mse",
    output="sigmoid",
    seed=None,
    **options,
):
    """Autoencoder whose code hardly moves when the input does.

    Use it for features that ignore small changes of the input. The penalty is the
    squared Frobenius norm of the code's Jacobian: exact for a single layer, estimated
    by finite differences behind hidden layers or convolutions.

    Args:
        input_shape: shape of one example, float32, in [0, 1] for a sigmoid output.
        latent_dim: size of the code.
        backbone: 'dense' (by default without hidden layers), 'conv', 'conv1d',
            'recurrent' or 'convlstm'.
        activation: activation of the code.
        weight: weight of the penalty relative to the loss of an example.
        step: size of the finite difference, in units of the input.
        loss: 'mse' (squared error an example) or 'bce' (nats an example).
        output: 'sigmoid' or 'linear'.
        seed: integer, for reproducible estimates.
        **options: backbone options: `hidden`, `filters`, `dropout`, `l1`, `l2`, ...

    Example:

        model = ae_zoo.models.contractive_ae(hidden=(512,), latent_dim=64)
    """
    if backbone == "dense":
        options.setdefault("hidden", ())
    parts = backbones.get(backbone, input_shape, **options)
    bottleneck = ContractiveBottleneck(
        latent_dim,
        weight=weight,
        step=step,
        seed=seed,
        activation=activation,
        l1=parts.l1,
        l2=parts.l2,
    )
    return join(parts, bottleneck, loss=loss, output=output)
