"""The interface of every backbone."""

import keras

from ae_zoo.code import Code
from ae_zoo.errors import InputError


class Backbone:
    """An encoder, and the decoder that mirrors it, for one shape of input.

    Attributes:
        name: as `ae_zoo.backbones.get` takes it.
        input_shape: shape of an example, None along axes of any size.
        encoder: functional model from the input to the bottleneck's input: a vector, a
            grid, tokens, or a list of them.
        feature_names: layers of the encoder that are useful as features.
        l1, l2: weight penalties on the kernels, for the bottleneck to share.
        ties: whether the decoder shares the kernels of the encoder and the bottleneck.
        reach: for pictures of any size, pixels between an output and the farthest input
            that it depends on; None if the input has a fixed size.
        shrink: for pictures of any size, the number whose multiples height and width
            must be.
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
            code: shape and kind of the code.
            activation: activation of the output.
            tied: the bottleneck's projection, whose transposed kernel the decoder uses
                if the backbone `ties`.

        Raises:
            InputError: the backbone cannot decode this kind of code.
        """
        raise NotImplementedError

    def reconstruct(self, decoder: keras.Model, code, inputs):
        """The reconstruction from a code; in training it may depend on the inputs."""
        return decoder(code)

    def stack(self, decoder: keras.Model, projection) -> list[tuple]:
        """Pairs of encoder and decoder layers that mirror each other, outermost first.

        Args:
            decoder: the model that `decoder` built.
            projection: the bottleneck's projection, as the encoder's last layer.

        Raises:
            InputError: the network is not made of such pairs, which layer-wise
                pretraining needs.
        """
        raise InputError(
            f"The {self.name} backbone cannot be pretrained layer by layer: use the "
            "dense one, as in 'stacked_ae'."
        )

    def _refuse(self, code: Code, kinds: tuple[str, ...]) -> None:
        """Raises InputError if the code is of none of these kinds."""
        if code.kind not in kinds:
            raise InputError(
                f"The {self.name} backbone decodes a {' or '.join(kinds)}, not a "
                f"{code.kind}: choose another bottleneck or backbone."
            )
