"""How well are unseen images reconstructed? Baseline: PCA of the same code size."""

import numpy as np
from skimage.metrics import structural_similarity

# Lower bound of the mean squared error, so that PSNR never exceeds 100 dB.
SMALLEST_ERROR = 1e-10
# Side of the Gaussian window of SSIM at sigma 1.5, as scikit-image truncates it.
SSIM_WINDOW = 11


def applies(subject) -> bool:
    """Whether examples have a fixed size and are not text."""
    model = subject.model
    return None not in model.input_shape[1:] and model.recommended_loss != "cce"


def measure(subject) -> tuple[dict, dict]:
    """`mse`, `psnr` and `ssim` on the test split, and the same with `pca_` for PCA.

    The reconstruction by PCA is the least-squares solution, not clipped to [0, 1].
    There is none where the data are too few to fit it to.
    """
    metrics = quality(subject.test, subject.model.reconstruct(subject.test))
    if subject.pca_reconstruction is None:
        return metrics, {}
    pca = quality(subject.test, subject.pca_reconstruction)
    return metrics, {f"pca_{key}": value for key, value in pca.items()}


def quality(clean: np.ndarray, images: np.ndarray) -> dict[str, float]:
    """`mse`, `psnr` and, for images of at least 11 x 11 pixels, `ssim`.

    Args:
        clean, images: the truth and its approximation, of the same shape, in [0, 1].
    """
    figures = {
        "mse": np.mean(squared_errors(clean, images)),
        "psnr": np.mean(psnr(clean, images)),
    }
    if clean.ndim == 4 and min(clean.shape[1:3]) >= SSIM_WINDOW:
        figures["ssim"] = np.mean(ssim(clean, images))
    return figures


def squared_errors(clean: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Mean squared error of each image, `(n,)`, float64."""
    errors = np.square(images - clean, dtype="float32")
    return errors.reshape(len(clean), -1).mean(axis=1, dtype="float64")


def psnr(clean: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio of each image in dB, `(n,)`, for data range 1.

    It is at most 100 dB, so that it is finite for identical images.
    """
    errors = np.maximum(squared_errors(clean, images), SMALLEST_ERROR)
    return -10 * np.log10(errors)


def ssim(clean: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Structural similarity of each image, `(n,)`, for data range 1.

    It uses the Gaussian window of Wang et al. (2004), with sigma 1.5, and the
    population covariance.
    """
    return np.array(
        [
            structural_similarity(
                truth,
                image,
                data_range=1.0,
                channel_axis=-1,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
            )
            for truth, image in zip(clean, images, strict=True)
        ]
    )
