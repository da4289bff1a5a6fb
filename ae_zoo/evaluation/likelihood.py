"""How likely are unseen images under a variational autoencoder?

Images are binarised dynamically (Salakhutdinov and Murray, 2008): every pixel is drawn
from a Bernoulli distribution with its grey value as the mean.
"""

import math

import keras
import numpy as np
from keras import ops
from scipy.special import logsumexp

from ae_zoo import losses
from ae_zoo.priors.normal import NormalPrior

SAMPLES = 200
SEED = 0
# Codes decoded at a time, which bounds the memory.
CODES_PER_BATCH = 4000


def applies(subject) -> bool:
    """Whether the model has a Gaussian code and a Bernoulli decoder."""
    model = subject.model
    has_bound = model.prior is not None and model.views.posterior is not None
    return has_bound and model.recommended_loss == "bce"


def measure(subject) -> tuple[dict, dict]:
    """`elbo` (higher is better) and `nll` (lower), in nats an image.

    Both come from the same 200 samples of q(z|x): the mean of the log importance
    weights, which is an unbiased estimate of E[log p(x|z)] - KL, and minus the log
    of their mean (Burda et al., 2016), an upper bound of the true -log p(x).

    The baseline `bernoulli_nll` treats pixels as independent, with the means of the
    training images, where there are such. PCA has no likelihood of binary images.
    """
    bits = binarise(subject.test)
    subject.expect(-(-len(bits) // _images_per_batch(SAMPLES)))
    weights = log_importance_weights(subject.model, bits, track=subject.track)
    metrics = {"elbo": np.mean(weights), "nll": -np.mean(log_mean_exp(weights))}
    if subject.train is None:
        return metrics, {}
    return metrics, {"bernoulli_nll": bernoulli_nll(subject.train, bits)}


def binarise(images: np.ndarray, seed: int = SEED) -> np.ndarray:
    """Draws zeros and ones, float32, with the grey values as means."""
    uniform = np.random.default_rng(seed).random(images.shape, dtype="float32")
    return (uniform < images).astype("float32")


def log_importance_weights(
    model, bits: np.ndarray, samples: int = SAMPLES, seed: int = SEED, track=iter
) -> np.ndarray:
    """log p(x|z) + log p(z) - log q(z|x) for codes z drawn from q(z|x).

    Args:
        model: a variational `Autoencoder` whose decoder gives Bernoulli means.
        bits: images `(n, *input_shape)` of zeros and ones.
        samples: number of codes for each image.
        seed: seed of the codes.
        track: passes on the batches, see `Subject.track`.

    Returns:
        `(n, samples)`, float64, in nats.
    """
    weigh = _weigher(model, samples)
    rng = np.random.default_rng(seed)
    size = _images_per_batch(samples)
    batches = []
    for start in track(range(0, len(bits), size)):
        x = bits[start : start + size]
        shape = (len(x), samples, *model.code.shapes[0])
        noise = rng.standard_normal(shape, dtype="float32")
        batches.append(weigh.predict_on_batch([x, noise]))
    return np.concatenate(batches).astype("float64")


def _images_per_batch(samples: int) -> int:
    return max(1, CODES_PER_BATCH // samples)


def _weigher(model, samples):
    """Model from images and standard normal noise to log importance weights."""
    shape = model.code.shapes[0]
    x = keras.Input(model.input_shape[1:])
    noise = keras.Input((samples, *shape))
    mean, log_variance = (
        ops.expand_dims(moment, axis=1)
        for moment in model.bottleneck.posterior(model.encoder(x))
    )
    z = mean + ops.exp(0.5 * log_variance) * noise
    volume = 0.5 * ops.sum(log_variance, axis=tuple(range(2, len(shape) + 2)))
    log_posterior = NormalPrior(shape).log_prob(noise) - volume
    log_ratio = model.prior.log_prob(z) - log_posterior

    bits = ops.repeat(x, samples, axis=0)
    nats = _Nats()([bits, model.decoder(ops.reshape(z, (-1, *shape)))])
    weights = log_ratio - ops.reshape(nats, (-1, samples))
    return keras.Model([x, noise], weights, name="log_importance_weights")


class _Nats(keras.layers.Layer):
    """The training loss of each example, from images and decoded means."""

    def call(self, inputs):
        return losses.get("bce").call(*inputs)

    def compute_output_shape(self, input_shape):
        return input_shape[0][:1]


def log_mean_exp(weights: np.ndarray) -> np.ndarray:
    """Logarithm of the mean of exp(weights) along the last axis, without overflow."""
    return logsumexp(weights, axis=-1) - math.log(weights.shape[-1])


def bernoulli_nll(train: np.ndarray, bits: np.ndarray) -> float:
    """Nats an image for independent pixels with the means of `train`.

    One white and one black image are added to `train`, so that no mean is 0 or 1.
    """
    means = (train.sum(axis=0, dtype="float64") + 1) / (len(train) + 2)
    ones = bits.mean(axis=0, dtype="float64")
    return -np.sum(ones * np.log(means) + (1 - ones) * np.log1p(-means))
