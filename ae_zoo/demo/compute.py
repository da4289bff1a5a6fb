"""Results of autoencoders on real digits and photographs."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.model_selection import StratifiedShuffleSplit, train_test_split

from ae_zoo.autoencoder import Autoencoder
from ae_zoo.demo import photographs
from ae_zoo.demo.digits import load_digits
from ae_zoo.demo.photographs import Photographs
from ae_zoo.evaluation import denoising, probe, reconstruction
from ae_zoo.evaluation.measured import flatten
from ae_zoo.zoo.loader import load

CONV, DENOISING, VAE = "conv_ae.mnist", "denoising_ae.mnist", "vae.mnist"
SIGMA = 0.5  # standard deviation of the noise
DENOISED = 200  # digits; few, as total variation takes them one at a time
HELD_OUT = 500  # digits that PCA is not fitted to
LABELS = 100  # digits with a label
SPLITS = 10  # random choices of the labelled digits
SEED = 0

Images = dict[str, np.ndarray]


@dataclass(frozen=True)
class Denoised:
    """Digits with noise, and denoised.

    Attributes:
        images: a digit of each class, `(10, 28, 28, 1)`: "clean", "noisy", "tv"
            and "model".
        psnr: mean over all digits in dB: "noisy", "tv" and "model".
    """

    images: Images
    psnr: dict[str, float]


@dataclass(frozen=True)
class Rebuilt:
    """Digits reconstructed from their codes.

    Attributes:
        images: a digit of each class, `(10, 28, 28, 1)`: "clean", "pca", "model".
        mse: mean over the held-out digits: "pca" and "model".
        size: number of values of a code.
        fitted: number of digits that PCA was fitted to.
    """

    images: Images
    mse: dict[str, float]
    size: int
    fitted: int


@dataclass(frozen=True)
class Classified:
    """Test accuracies of classifiers with few labels, one for each choice of them.

    Attributes:
        accuracies: "pixels", "pca" and "codes", each `(SPLITS,)`.
        tested: number of test digits.
    """

    accuracies: dict[str, np.ndarray]
    tested: int


@dataclass(frozen=True)
class Generated:
    """New digits.

    Attributes:
        samples: drawn from the prior, `(n, 28, 28, 1)`.
        walks: interpolations between two digits, `(lines, steps, 28, 28, 1)`.
    """

    samples: np.ndarray
    walks: np.ndarray


@dataclass(frozen=True)
class LatentMap:
    """Codes in the plane.

    Attributes:
        points: `(n, 2)`.
        labels: classes `(n,)`, which t-SNE does not use.
    """

    points: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Demo:
    """All results; `seconds` is the time to compute them."""

    denoised: Denoised
    rebuilt: Rebuilt
    classified: Classified
    generated: Generated
    map: LatentMap
    photographs: Photographs
    seconds: float

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics of the models, by the keys that `ae-zoo evaluate` uses."""
        return {
            f"denoise_psnr@{SIGMA}": self.denoised.psnr["model"],
            "mse": self.rebuilt.mse["model"],
            f"probe_accuracy@{LABELS}": self._accuracy("codes"),
            f"photograph_psnr@{photographs.LEVEL}": self.photographs.psnr["denoised"],
            "inpaint_psnr@strokes": self.photographs.psnr["filled"],
            "compressed_psnr": self.photographs.psnr["compressed"],
            "compressed_bpp": self.photographs.bpp("compressed"),
        }

    @property
    def baselines(self) -> dict[str, float]:
        """The metrics of the baselines."""
        return {
            f"noisy_psnr@{SIGMA}": self.denoised.psnr["noisy"],
            f"tv_denoise_psnr@{SIGMA}": self.denoised.psnr["tv"],
            "pca_mse": self.rebuilt.mse["pca"],
            f"pixels_probe_accuracy@{LABELS}": self._accuracy("pixels"),
            f"pca_probe_accuracy@{LABELS}": self._accuracy("pca"),
            f"nlm_photograph_psnr@{photographs.LEVEL}": self.photographs.psnr["nlm"],
            "biharmonic_inpaint_psnr@strokes": self.photographs.psnr["biharmonic"],
            "jpeg_psnr": self.photographs.psnr["jpeg"],
            "jpeg_bpp": self.photographs.bpp("jpeg"),
        }

    def table(self) -> list[tuple[str, str, str]]:
        """Rows of a task with its metric, the model's value, the baselines' values."""
        psnr, mse = self.denoised.psnr, self.rebuilt.mse
        accuracy = {name: self._accuracy(name) for name in self.classified.accuracies}
        photos = self.photographs.psnr
        return [
            (
                f"photograph denoised, sigma {photographs.LEVEL}, PSNR in dB",
                f"{photos['denoised']:.1f}",
                f"noisy {photos['noisy']:.1f}, non-local means {photos['nlm']:.1f}",
            ),
            (
                f"photograph inpainted, {photographs.MISSING:.0%} missing, PSNR in dB",
                f"{photos['filled']:.1f}",
                f"damaged {photos['damaged']:.1f}, biharmonic "
                f"{photos['biharmonic']:.1f}",
            ),
            (
                f"photograph in {self.photographs.sizes['compressed']:,} bytes, "
                "PSNR in dB",
                f"{photos['compressed']:.1f}",
                f"JPEG of {self.photographs.sizes['jpeg']:,} bytes "
                f"{photos['jpeg']:.1f}",
            ),
            (
                f"digits denoised, sigma {SIGMA}, PSNR in dB",
                f"{psnr['model']:.1f}",
                f"noisy {psnr['noisy']:.1f}, total variation {psnr['tv']:.1f}",
            ),
            (
                f"digits reconstructed from {self.rebuilt.size} values, MSE",
                f"{mse['model']:.4f}",
                f"PCA {mse['pca']:.4f}",
            ),
            (
                f"digits classified with {LABELS} labels, accuracy",
                f"{accuracy['codes']:.1%}",
                f"raw pixels {accuracy['pixels']:.1%}, PCA {accuracy['pca']:.1%}",
            ),
        ]

    def _accuracy(self, inputs: str) -> float:
        return float(self.classified.accuracies[inputs].mean())


def run(
    load: Callable[[str], Autoencoder] = load,
    progress: Callable[[str], None] | None = None,
) -> Demo:
    """Computes the demo, in well under a minute on two cores.

    Args:
        load: function from a name to its model.
        progress: called with a description of each step.
    """
    say = progress or (lambda message: None)
    start = time.perf_counter()
    say("Reading models and digits")
    conv, denoiser, vae = load(CONV), load(DENOISING), load(VAE)
    digits, labels = load_digits()
    rest, held_out = train_test_split(
        np.arange(len(digits)), test_size=HELD_OUT, stratify=labels, random_state=SEED
    )
    test, test_labels = digits[held_out], labels[held_out]
    examples = one_of_each(test_labels)

    say("Removing noise")
    denoised = denoise(denoiser, test[:DENOISED], one_of_each(test_labels[:DENOISED]))
    say("Reconstructing digits from codes")
    rebuilt = rebuild(conv, digits[rest], test, examples)
    say(f"Training classifiers on {LABELS} labels")
    classified = classify(conv, digits, labels)
    say("Drawing new digits")
    generated = generate(vae, test[examples])
    say("Mapping codes")
    latent_map = map_codes(conv, digits, labels)
    say("Denoising, inpainting and compressing photographs")
    processed = photographs.process(load)
    seconds = time.perf_counter() - start
    return Demo(
        denoised, rebuilt, classified, generated, latent_map, processed, seconds
    )


def one_of_each(labels: np.ndarray) -> np.ndarray:
    """Index of the first example of each class, `(classes,)`."""
    return np.unique(labels, return_index=True)[1]


def denoise(model: Autoencoder, clean: np.ndarray, examples: np.ndarray) -> Denoised:
    """Adds noise of `SIGMA` and removes it, by the model and by total variation.

    Total variation has the weight that is best on the same digits.
    """
    noisy = denoising.add_noise(clean, SIGMA, SEED)
    smoothed = [denoising.tv_denoise(noisy, w * SIGMA) for w in denoising.TV_WEIGHTS]
    images = {
        "noisy": noisy,
        "tv": max(smoothed, key=lambda x: _psnr(clean, x)),
        "model": np.clip(model.reconstruct(noisy), 0, 1),
    }
    psnr = {name: _psnr(clean, x) for name, x in images.items()}
    images["clean"] = clean
    return Denoised({name: x[examples] for name, x in images.items()}, psnr)


def _psnr(clean: np.ndarray, images: np.ndarray) -> float:
    return float(reconstruction.psnr(clean, images).mean())


def rebuild(
    model: Autoencoder, rest: np.ndarray, test: np.ndarray, examples: np.ndarray
) -> Rebuilt:
    """Reconstructs `test` by the model and by a PCA fitted to `rest`."""
    pca = _pca(model.code.size).fit(flatten(rest))
    projected = pca.inverse_transform(pca.transform(flatten(test)))
    images = {
        "pca": projected.reshape(test.shape),
        "model": model.reconstruct(test),
    }
    mse = {
        name: float(reconstruction.squared_errors(test, x).mean())
        for name, x in images.items()
    }
    images["clean"] = test
    examples = {name: x[examples] for name, x in images.items()}
    return Rebuilt(examples, mse, model.code.size, len(rest))


def _pca(size: int) -> PCA:
    return PCA(size, svd_solver="covariance_eigh")


def classify(model: Autoencoder, digits: np.ndarray, labels: np.ndarray) -> Classified:
    """Fits logistic regression to pixels, PCA and codes of `LABELS` labelled digits.

    PCA is fitted to all digits, without labels; the model was trained on none.
    """
    pixels = flatten(digits)
    inputs = {
        "pixels": pixels,
        "pca": _pca(model.code.size).fit_transform(pixels),
        "codes": model.encode(digits),
    }
    splitter = StratifiedShuffleSplit(SPLITS, train_size=LABELS, random_state=SEED)
    splits = list(splitter.split(digits, labels))
    accuracies = {
        name: np.array(
            [
                probe.probe_accuracy(x[train], x[test], labels[train], labels[test])
                for train, test in splits
            ]
        )
        for name, x in inputs.items()
    }
    return Classified(accuracies, tested=len(digits) - LABELS)


def generate(model: Autoencoder, examples: np.ndarray, n: int = 20) -> Generated:
    """Samples from the prior, and interpolations from a class to the fifth after it."""
    half = len(examples) // 2
    pairs = zip(examples[:half:2], examples[half::2], strict=True)
    walks = [model.interpolate(start, end, steps=10) for start, end in pairs]
    return Generated(model.sample(n, SEED), np.stack(walks))


def map_codes(model: Autoencoder, digits: np.ndarray, labels: np.ndarray) -> LatentMap:
    """t-SNE of the codes (van der Maaten and Hinton, 2008)."""
    tsne = TSNE(init="pca", max_iter=500, random_state=SEED)
    return LatentMap(tsne.fit_transform(model.encode(digits)), labels)
