"""Bottlenecks, corruptions and the few layers Keras lacks."""

from ae_zoo.bottlenecks.base import Bottleneck
from ae_zoo.bottlenecks.contractive import ContractiveBottleneck
from ae_zoo.layers.matmul_conv import MatmulConv2D, MatmulConv2DTranspose
from ae_zoo.corruptions.noise import (
    GaussianCorruption,
    MaskingCorruption,
    SaltAndPepperCorruption,
    ShiftCorruption,
)
from ae_zoo.corruptions.mapped import MappedHoles, MappedNoise, MappedQuality
from ae_zoo.tasks.codec.factorized import (
    FactorizedBottleneck,
    Gain,
    QualityOf,
    ScaledGradient,
)
from ae_zoo.layers.feedback import FeedbackCell, FeedbackDecoder
from ae_zoo.layers.fill import PullPush, Smooth
from ae_zoo.bottlenecks.gaussian import GaussianBottleneck
from ae_zoo.tasks.codec.hyperprior import HyperpriorBottleneck
from ae_zoo.layers.log_mel import LogMel
from ae_zoo.layers.skip import SkipAdd, SkipBottleneck, SkipFilter
from ae_zoo.bottlenecks.sparse import SparseBottleneck
from ae_zoo.layers.tied_dense import TiedDense

__all__ = [
    "Bottleneck",
    "ContractiveBottleneck",
    "FactorizedBottleneck",
    "FeedbackCell",
    "FeedbackDecoder",
    "Gain",
    "GaussianBottleneck",
    "GaussianCorruption",
    "HyperpriorBottleneck",
    "LogMel",
    "MappedHoles",
    "MappedNoise",
    "MappedQuality",
    "MaskingCorruption",
    "MatmulConv2D",
    "MatmulConv2DTranspose",
    "PullPush",
    "QualityOf",
    "SaltAndPepperCorruption",
    "ScaledGradient",
    "ShiftCorruption",
    "SkipAdd",
    "SkipBottleneck",
    "SkipFilter",
    "Smooth",
    "SparseBottleneck",
    "TiedDense",
]
