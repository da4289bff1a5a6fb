"""Cluster sounds: find recordings that sound alike.

    python docs/guides/cluster_sounds.py
    python docs/guides/cluster_sounds.py recordings/ --clusters 10

Without a folder of WAV files the script synthesises 100 short sounds: five vowels, each
at twenty pitches. It writes sounds.png, a map of the recordings.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.io import wavfile
from scipy.signal import lfilter
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import normalized_mutual_info_score
from sklearn.preprocessing import StandardScaler

from ae_zoo.data.files import list_files
from ae_zoo.tasks import FeatureExtractor

MODEL = "denoising_ae.spoken_digit"
RATE = 8000
# Formants of a man's vowels in Hz: Peterson and Barney, 1952, doi:10.1121/1.1906875.
VOWELS = {
    "i": (270, 2290, 3010),
    "e": (530, 1840, 2480),
    "a": (730, 1090, 2440),
    "o": (570, 840, 2410),
    "u": (300, 870, 2240),
}


def vowel(formants, pitch: float, rng) -> np.ndarray:
    """0.4 s of a pulse train through three resonators."""
    wave = np.zeros(int(0.4 * RATE))
    wave[np.arange(0, len(wave), RATE / pitch).astype(int)] = 1
    for centre in formants:
        radius = np.exp(-np.pi * 90 / RATE)
        angle = 2 * np.pi * centre / RATE
        wave = lfilter([1], [1, -2 * radius * np.cos(angle), radius**2], wave)
    wave += 0.01 * wave.std() * rng.standard_normal(len(wave))
    return wave / np.abs(wave).max()


def write_vowels(folder: Path, seed: int = 0) -> None:
    """Writes 20 files of each vowel, from a low pitch to a high one."""
    rng = np.random.default_rng(seed)
    for name, formants in VOWELS.items():
        for i, pitch in enumerate(np.linspace(90, 240, 20)):
            throat = rng.uniform(0.93, 1.07)  # a shorter one raises the formants
            wave = vowel(np.multiply(formants, throat), pitch, rng)
            path = folder / f"{name}_{i:02d}.wav"
            wavfile.write(path, RATE, (32767 * wave).astype("int16"))


def draw(codes: np.ndarray, clusters: np.ndarray, names: list[str]) -> Figure:
    """The codes in two dimensions, coloured by cluster."""
    figure = Figure(figsize=(8, 8), dpi=120, layout="constrained")
    axes = figure.subplots()
    places = PCA(2, random_state=0).fit_transform(codes)
    axes.scatter(*places.T, c=clusters, cmap="tab10", s=12)
    for place, name in zip(places, names, strict=True):
        axes.annotate(name, place, size=7, xytext=(3, 3), textcoords="offset points")
    axes.set_axis_off()
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", help="of WAV files")
    parser.add_argument("--clusters", type=int, default=len(VOWELS))
    options = parser.parse_args(arguments)
    extractor = FeatureExtractor(MODEL)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(options.folder or made)
        if not options.folder:
            write_vowels(folder)
        names = [path.stem for path in list_files(folder, (".wav",))]
        codes = StandardScaler().fit_transform(extractor(folder))
    means = KMeans(options.clusters, n_init=10, random_state=0)
    clusters = means.fit_predict(codes)
    for cluster in range(options.clusters):
        print(cluster, *np.array(names)[clusters == cluster])
    draw(codes, clusters, names).savefig("sounds.png")
    if options.folder:
        return clusters
    agreement = normalized_mutual_info_score([n[0] for n in names], clusters)
    print(f"vowels and clusters: normalised mutual information {agreement:.2f}")
    return agreement


if __name__ == "__main__":
    main()
