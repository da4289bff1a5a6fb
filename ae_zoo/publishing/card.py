"""Model cards: description, metrics and training of a weight."""

import json
from pathlib import Path

import numpy as np
import yaml
from skimage.data import astronaut, chelsea, coffee

from ae_zoo import registry
from ae_zoo._files import complete_file
from ae_zoo.code import Code
from ae_zoo.corruptions.mapped import with_map
from ae_zoo.data import texts
from ae_zoo.evaluation.pictures import image_grid, reconstruction_rows, save_png
from ae_zoo.zoo.manifest import read_manifest

LABELS = {
    "mse": "mean squared error",
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "probe_accuracy": "linear probe, accuracy",
    "knn_accuracy": "nearest neighbours, accuracy",
    "kmeans_accuracy": "k-means, accuracy",
    "kmeans_nmi": "k-means, NMI",
    "elbo": "evidence lower bound, nats",
    "nll": "negative log-likelihood, nats",
    "code_mean_activation": "mean activation of the code",
    "code_active_fraction": "active units an image",
    "code_dead_fraction": "dead units",
    "spoken_digit_accuracy": "spoken digits, linear probe, accuracy",
    "spoken_digit_speaker_out_accuracy": "the same, for a held-out speaker",
    "character_accuracy": "correct characters",
    "trec_accuracy": "types of questions (TREC), linear probe, accuracy",
    "subj_accuracy": "subjective or not (subj), linear probe, accuracy",
    "skab_auroc": "abnormal windows, area under the ROC curve",
    "skab_aupr": "the same, average precision",
    "ecg5000_auroc": "abnormal heartbeats, area under the ROC curve",
    "ecg5000_aupr": "the same, average precision",
    "fraud_auroc": "fraud, area under the ROC curve",
    "fraud_aupr": "the same, average precision",
    "bpp": "bits a pixel",
    "ms_ssim": "MS-SSIM",
    "bd_rate_jpeg": "rate against JPEG's at equal PSNR, %",
    "bd_rate_webp": "rate against WebP's at equal PSNR, %",
    "bd_rate_avif": "rate against AVIF's at equal PSNR, %",
}
# Usage of models for pictures of any kind and size, by task.
USES = {
    "denoise": """\
from ae_zoo.tasks import Denoiser

denoise = Denoiser("{name}")
clean = denoise("noisy.png")  # estimates the noise""",
    "inpaint": """\
from ae_zoo.tasks import Inpainter

inpaint = Inpainter("{name}")
whole = inpaint("damaged.png", "mask.png")  # white at missing pixels""",
    "compress": """\
from ae_zoo.tasks import Compressor

codec = Compressor("{name}")
data = codec.compress("photo.png", quality=3)  # from 0 to 5
image = codec.decompress(data)""",
}

SOUNDS = """\
from ae_zoo.tasks import FeatureExtractor

features = FeatureExtractor("{name}")
codes = features("folder/of/wav/files")"""
TEXTS = """\
import ae_zoo
from ae_zoo.data.texts import one_hot, to_texts

model = ae_zoo.load("{name}")
codes = model.encode(one_hot(["Where is the station?"]))
print(to_texts(model.decode(codes)))"""
TABLES = """\
import ae_zoo

model = ae_zoo.load("{name}")
# x: {shape}, each column in standard deviations s of normal rows, as 0.5 + s / 20
errors = ((model.reconstruct(x) - x) ** 2).reshape(len(x), -1).mean(axis=1)"""
# Sentences of our own, as those of the test set may not be redistributed.
SENTENCES = (
    "where does the river meet the sea ?",
    "a quiet film that says more than most loud ones .",
    "how many lamps are there in the old library ?",
    "she repaired the clock , and nobody thanked her .",
    "42 of 100 trains were late on 3 may 1998 .",
)


def write_card(entry: dict, recipe: dict, folder: Path, model, data_dir=None) -> None:
    """Writes `README.md` and its pictures into the weights folder."""
    sparse = "code_mean_activation" in entry["metrics"]
    if sparse:
        _draw_filters(model, folder / "filters.png")
    family = registry.family(entry["family"])
    sections = [
        _front_matter(entry),
        f"# {entry['name']}",
        f"{family.summary} Trained on `{entry['dataset']}`, "
        f"{entry['parameters']:,} parameters{_code_size(entry)}.",
        _shown(entry, model, folder, data_dir),
        f"```python\n{_usage(entry)}\n```",
        f"## Measured\n\nBy `{entry['measured_by']}`, {_test_data(entry)}",
        _metrics_table(entry),
    ]
    if sparse:
        sections.append(
            "## Filters\n\nThe 100 decoder filters with the largest norm.\n\n"
            "![Filters](filters.png)"
        )
    if model.prior is not None:
        grid = image_grid(model.sample(36, seed=0), columns=12)
        save_png(grid, folder / "samples.png")
        sections.append("## Samples\n\n![Samples from the prior](samples.png)")
    if _training(folder)["pretraining"]:
        sections.append(_pretraining(entry, folder))
    sections.append(_training_section(entry, recipe))
    sections.append(f"## Reference\n\n{family.reference}")
    (folder / "README.md").write_text("\n\n".join(sections) + "\n")


def _shown(entry: dict, model, folder: Path, data_dir) -> str:
    """Shows reconstructions: returns a table of texts, or saves and links a picture."""
    if entry["input"]["channels"] == "characters":
        rebuilt = texts.to_texts(model.reconstruct(texts.one_hot(SENTENCES)))
        pairs = zip(SENTENCES, rebuilt, strict=True)
        rows = [f"| {text} | {back} |" for text, back in pairs]
        return "\n".join(["| sentence | from its code |", "|---|---|", *rows])
    if entry["input"]["channels"] == "standardised columns":
        return _draw_rows(entry, model, folder / "reconstructions.png", data_dir)
    images = _examples(entry, data_dir)
    caption, rows = _rows(model, images)
    columns = len(images)
    if images.ndim == 3:  # spectrograms: time from left to right, low frequencies below
        rows = np.swapaxes(rows, 1, 2)[:, ::-1, :, None]
    elif images.ndim == 5:  # videos: a frame a column
        caption = "Test videos, each above its reconstruction, frame by frame"
        columns = images.shape[1]
        pairs = rows.reshape(2, len(images), *images.shape[1:]).swapaxes(0, 1)
        rows = pairs.reshape(-1, *images.shape[2:])
    scale = 2 if images.shape[-2] < 64 else 1  # photographs are large enough
    save_png(image_grid(rows, columns), folder / "reconstructions.png", scale)
    return f"![{caption}](reconstructions.png)"


def _draw_rows(entry: dict, model, path: Path, data_dir) -> str:
    """Saves a plot of two normal and two abnormal examples with reconstructions."""
    from matplotlib.figure import Figure

    from ae_zoo.datasets import load_arrays

    shape = tuple(entry["input"]["shape"])
    x, labels, _ = load_arrays(entry["dataset"], "test", data_dir, shape)
    chosen = [i for label in (0, 1) for i in np.flatnonzero(labels == label)[:2]]
    rows, rebuilt = x[chosen], model.reconstruct(x[chosen])
    figure = Figure(figsize=(9, 6), dpi=100, layout="constrained")
    for i, axes in enumerate(figure.subplots(2, 2).flat):
        for values, style in ((rows[i], "#6b7785"), (rebuilt[i], "#c2410c")):
            # The columns of a window are plotted one after another.
            axes.plot(values.T.reshape(-1), color=style, lw=1)
        axes.set_title("normal" if i < 2 else "abnormal", size=9, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    with complete_file(path) as temporary:
        figure.savefig(temporary, format="png")
    caption = "Test examples (grey) and their reconstructions (red)"
    return f"![{caption}](reconstructions.png)"


def _examples(entry: dict, data_dir) -> np.ndarray:
    """Test examples `(n, *input_shape)`; scikit-image's photographs for pictures."""
    from ae_zoo.datasets import load_arrays

    shape = tuple(entry["input"]["shape"])
    if len(shape) == 3 and None not in shape:
        return load_arrays(entry["dataset"], "test[:12]", data_dir)[0]
    if None not in shape:
        number = 4 if len(shape) == 4 else 8
        return load_arrays(entry["dataset"], "test", data_dir, shape)[0][:number]
    # Photographs of the test sets may not be redistributed.
    photographs = (astronaut(), chelsea(), coffee())
    places = ((0, 150), (150, 260))  # corners of two windows in each
    windows = [x[i : i + 128, j : j + 128] for x in photographs for i, j in places]
    images = np.stack(windows) / np.float32(255)
    if entry["input"]["channels"] == "grey":
        images = images.mean(axis=-1, keepdims=True)
    return images


def _rows(model, images: np.ndarray) -> tuple[str, np.ndarray]:
    """The caption of the card's picture, and its images row by row."""
    if "compress" in model.tasks:
        last = model.corruption.qualities - 1
        shown = [model.reconstruct(with_map(images, q)) for q in (0, last // 2, last)]
        words = f"Originals above, below them qualities 0, {last // 2} and {last}"
        return words, np.concatenate([images, *shown])
    rows = reconstruction_rows(model, images)
    if len(rows) > 2 * len(images):
        return "Originals, corrupted inputs, and reconstructions", rows
    return "Test examples above, reconstructions below", rows


def _code_size(entry: dict) -> str:
    size = Code(**entry["code"]).size
    return "" if size is None else f", code of {size} values"


def _usage(entry: dict) -> str:
    name = entry["name"]
    if None in entry["input"]["shape"]:
        return USES[entry["tasks"][0]].format(name=name)
    shape = f"(n, {', '.join(map(str, entry['input']['shape']))})"
    known = {"mel bands": SOUNDS, "characters": TEXTS, "standardised columns": TABLES}
    if use := known.get(entry["input"]["channels"]):
        return use.format(name=name, shape=shape)
    return (
        f'import ae_zoo\n\nmodel = ae_zoo.load("{name}")\n'
        f"codes = model.encode(x)  # float32 in [0, 1], {shape}"
    )


def _test_data(entry: dict) -> str:
    if None in entry["input"]["shape"]:
        return "on the photographs that the figures name."
    return (
        "on the test split. PCA has the same code size, or all components if the "
        "code is wider."
    )


def _front_matter(entry: dict) -> str:
    content = {
        "license": entry["licence"].lower(),
        "library_name": "keras",
        "tags": ["autoencoder", "ae_zoo", entry["family"], *entry["tasks"]],
        "datasets": [entry["dataset"]],
    }
    return f"---\n{yaml.safe_dump(content, sort_keys=False)}---"


def _metrics_table(entry: dict) -> str:
    """A table with one row for each metric, with all its baselines."""
    lines = ["| metric | this model | baselines |", "|---|---|---|"]
    baselines = entry["baselines"]
    for key, value in entry["metrics"].items():
        same = [
            f"{name.removesuffix('_' + key)} {baselines[name]:g}"
            for name in baselines
            if name.endswith("_" + key)
        ]
        base, _, at = key.partition("@")
        label = LABELS.get(base, base.replace("_", " ")) + (f" ({at})" if at else "")
        lines.append(f"| {label} | {value:g} | {', '.join(same)} |")
    return "\n".join(lines)


def _training(folder: Path) -> dict:
    return json.loads((folder / "training.json").read_text())


def _pretraining(entry: dict, folder: Path) -> str:
    """A table of the errors with pretraining, and without it by `deep_ae`."""
    twin = f"deep_ae.{entry['dataset']}"
    others = {e["name"]: e for e in read_manifest()["weights"]}
    if twin not in others:
        return f"## Effect of the pretraining\n\nNot known: {twin} is not in the zoo."
    runs = [
        [row.get("val_mse", row["mse"]) for row in _training(where)["history"]]
        for where in (folder, folder.parent / twin)
    ]
    shared = min(len(run) for run in runs)
    epochs = [e for e in (1, 2, 5, 10, 20, 50, 100) if e <= shared]
    rows = [(f"held-out, epoch {e}", *(run[e - 1] for run in runs)) for e in epochs]
    rows.append(("held-out, best epoch", *(min(run) for run in runs)))
    rows.append(("test", *(e["metrics"]["mse"] for e in (entry, others[twin]))))
    lines = [
        "## Effect of the pretraining\n",
        f"MSE during and after fine-tuning, compared with `{twin}`: the same network "
        "and recipe without pretraining.\n",
        "| MSE | with | without |",
        "|---|---|---|",
    ]
    lines += [f"| {when} | {a:.5f} | {b:.5f} |" for when, a, b in rows]
    return "\n".join(lines)


def _training_section(entry: dict, recipe: dict) -> str:
    data = entry["training_data"]
    end = (
        "until the loss on held-out examples of it had stopped falling at each of four "
        "learning rates"
        if data["converged"]
        else "as many as the recipe allows, without proof of convergence"
    )
    steps = recipe["training"]["steps"]
    length = f"{steps:,} steps" if steps else f"{data['epochs']} epochs"
    return (
        f"## Training\n\n{length} of `{data['name']}`/{data['split']}, "
        f"{end}; {data['training_seconds'] / 60:.1f} minutes on {data['hardware']}. "
        "Train it again by\n\n"
        f"    ae-zoo train {entry['recipe']} --out runs/{entry['name']}\n\n"
        f"The training data's licence is {data['licence']}; the weights are "
        f"{entry['licence']}, stored as {entry['precision']}."
    )


def _draw_filters(model, path: Path, side: int = 10) -> None:
    kernel = np.asarray(model.decoder.get_layer("decoder_1").kernel)
    largest = np.argsort(-np.linalg.norm(kernel, axis=1))[: side * side]
    filters = kernel[largest].reshape(-1, *model.input_shape[1:])
    scale = np.abs(filters).max(axis=(1, 2, 3), keepdims=True)
    margins = ((0, 0), (1, 1), (1, 1), (0, 0))
    framed = np.pad(0.5 + 0.5 * filters / scale, margins, constant_values=1.0)
    save_png(image_grid(framed, columns=side), path)
