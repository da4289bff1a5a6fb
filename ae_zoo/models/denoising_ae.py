"""The denoising autoencoder."""

from ae_zoo import backbones, corruptions
from ae_zoo.assemble import join
from ae_zoo.bottlenecks.plain import PlainBottleneck
from ae_zoo.registry import register


@register(
    "denoising_ae",
    reference="Vincent et al., 2008, doi:10.1145/1390156.1390294",
    tasks=("features", "denoise", "reconstruct"),
)
def denoising_ae(
    input_shape=(28, 28, 1),
    latent_dim=128,
    backbone="conv",
    noise="gaussian",
    level=0.5,
    loss="mse",
    output="sigmoid",
    seed=None,
    **options,
):
    """Autoencoder trained to remove noise: corrupted input, clean target.

    Use it to denoise small images (`reconstruct` of a noisy image returns the denoised
    one), and for features that do not change with noise. The noise is added in
    training only.

    Args:
        input_shape: shape of one example, float32 in [0, 1] before the noise.
        latent_dim: size of the linear code.
        backbone: 'conv', 'dense', 'conv1d', 'recurrent' or 'convlstm'.
        noise: 'gaussian' (`level` is the standard deviation), 'masking' or
            'salt_and_pepper' (`level` is the fraction of values hit), or 'shift'
            (`level` is the largest shift as a fraction of the size, or one such
            fraction for each axis).
        level: strength of the noise.
        loss: 'mse' (squared error an example) or 'bce' (nats an example).
        output: 'sigmoid' or 'linear'.
        seed: integer, for reproducible noise.
        **options: backbone options: `filters`, `hidden`, `activation`, `dropout`,
            `l1`, `l2`, ...

    Example:

        model = ae_zoo.models.denoising_ae(noise="salt_and_pepper", level=0.3)
    """
    parts = backbones.get(backbone, input_shape, **options)
    return join(
        parts,
        PlainBottleneck(latent_dim, l1=parts.l1, l2=parts.l2),
        corruption=corruptions.get(noise, level, seed),
        loss=loss,
        output=output,
    )
