"""What every backbone can do."""

import keras

from ae_zoo.code import Code
from ae_zoo.errors import InputError


class Backbone:
    """An encoder, and the decoder that mirrors it, for one shape of input.

    Attributes:
        name: as `ae_zoo.backbones.get` takes it.
        input_shape: of an example, None where any size goes.
        encoder: functional model from the input to what a bottleneck takes: a vector,
            a grid, tokens, or a list of them.
        feature_names: layers of the encoder worth looking at.
        l1, l2: weight penalties on the kernels, for the bottleneck to share.
        ties: whether the decoder shares the kernels of the encoder and the bottleneck.
        reach: of pictures of any size, pixels between an output and the farthest input
            that it depends on; None where the input has one size.
        shrink: of pictures of any size, the number that height and width must be
            multiples of.
    """

    name: str
    input_shape: tuple[int | None, ...]
    encoder: keras.Model
    feature_names: tuple[str, ...] = ()
    l1 = l2 = 0.0
    ties = False
    reach: int | None = None
    shrink = 1

    def decoder(
        self, code: Code, activation: str, tied: keras.layers.Dense | None = None
    ) -> keras.Model:
        """Functional model from a code to `input_shape`.

        Args:
            code: its shape.
            activation: at the end.
            tied: the bottleneck's projection, whose kernel a decoder that `ties`
                transposes.

        Raises:
            InputError: the backbone decodes no such code.
        """
        raise NotImplementedError

    def reconstruct(self, decoder: keras.Model, code, inputs):
        """The reconstruction of a code, where training may look at the inputs."""
        return decoder(code)

    def stack(self, decoder: keras.Model, projection) -> list[tuple]:
        """Pairs of encoder and decoder layers that mirror each other, outermost first.

        Args:
            decoder: what `decoder` built.
            projection: of the bottleneck, the last of the encoder's layers.

        Raises:
            InputError: the network is not made of such pairs, which layer-wise
                pretraining needs.
        """
        raise InputError(
            f"The {self.name} backbone cannot be pretrained layer by layer: use the "
            "dense one, as in 'stacked_ae'."
        )

    def _refuse(self, code: Code, kinds: tuple[str, ...]) -> None:
        """Raises where the code is of none of these kinds."""
        if code.kind not in kinds:
            raise InputError(
                f"The {self.name} backbone decodes a {' or '.join(kinds)}, not a "
                f"{code.kind}: choose another bottleneck or backbone."
            )
