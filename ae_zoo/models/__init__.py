"""The families. Each file is one: start reading anywhere."""

from ae_zoo.models.beta_vae import beta_vae
from ae_zoo.models.contractive_ae import contractive_ae
from ae_zoo.models.conv1d_ae import conv1d_ae
from ae_zoo.models.conv_ae import conv_ae
from ae_zoo.models.convlstm_ae import convlstm_ae
from ae_zoo.models.deep_ae import deep_ae
from ae_zoo.models.denoising_ae import denoising_ae
from ae_zoo.models.dense_ae import dense_ae
from ae_zoo.models.factorized_ae import factorized_ae
from ae_zoo.models.hyperprior_ae import hyperprior_ae
from ae_zoo.models.inpainting_ae import inpainting_ae
from ae_zoo.models.recurrent_ae import recurrent_ae
from ae_zoo.registry import FAMILIES, Family, build, family, register
from ae_zoo.models.restoration_ae import restoration_ae
from ae_zoo.models.sparse_ae import sparse_ae
from ae_zoo.models.stacked_ae import stacked_ae
from ae_zoo.models.vae import vae

__all__ = [
    "FAMILIES",
    "Family",
    "beta_vae",
    "build",
    "contractive_ae",
    "conv1d_ae",
    "conv_ae",
    "convlstm_ae",
    "deep_ae",
    "denoising_ae",
    "dense_ae",
    "factorized_ae",
    "family",
    "hyperprior_ae",
    "inpainting_ae",
    "recurrent_ae",
    "register",
    "restoration_ae",
    "sparse_ae",
    "stacked_ae",
    "vae",
]
