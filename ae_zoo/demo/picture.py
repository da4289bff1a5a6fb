"""The picture of the demo's results."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ae_zoo.demo import compute, photographs
from ae_zoo.demo.compute import Demo

INK, GREY, PALE, ACCENT = "#1d2733", "#6b7785", "#b4bcc6", "#c2410c"
CLASSES = (
    *("#4269d0", "#e0a100", "#e5484d", "#6cc5b0", "#3ca951"),
    *("#ff8ab7", "#a463f2", "#38a3d8", "#9c6b4e", "#7f8794"),
)
WIDTH, HEIGHT, DPI = 14.0, 14.1, 140  # inches, and dots in each
LEFT, RIGHT = 1.75, 8.55  # where the columns begin, in inches
EDGE = 0.45  # where the photographs begin
DIGITS = 4.4  # where the digits begin, inches from the top
STRIP, SIDE = 5.9, 5.0  # widths of the columns
COLUMNS = 10  # images in a row
GAP = 2  # pixels between images


def draw(demo: Demo) -> Figure:
    """Draws the demo: photographs above, digits below.

    Returns:
        A figure of 1960 x 1974 pixels; `savefig` writes it, no display is needed.
    """
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor="white")
    _write(figure, EDGE, 0.45, "Autoencoders at work", size=21, weight="bold")
    _write(
        figure,
        WIDTH - EDGE,
        0.47,
        "Pretrained, on pictures that none of the models has seen; PSNR in dB",
        size=11,
        color=GREY,
        ha="right",
    )
    _draw_photographs(figure, demo)
    _draw_denoised(figure, demo)
    _draw_rebuilt(figure, demo)
    _draw_generated(figure, demo)
    _draw_map(figure, demo)
    _draw_classified(figure, demo)
    return figure


def _draw_photographs(figure: Figure, demo: Demo) -> None:
    """Draws pairs of squares: before and after, or a baseline and the model."""
    shown = demo.photographs
    pairs = [
        (
            "Restore",
            f"Gaussian noise, $\\sigma$ = {photographs.LEVEL} of 255",
            [("noisy", "noisy"), ("restoration_ae", "denoised")],
        ),
        (
            "Inpaint",
            f"strokes over {photographs.MISSING:.0%} missing",
            [("damaged", "damaged"), ("inpainting_ae", "filled")],
        ),
        (
            "Store",
            f"{shown.bpp('compressed'):.2f} bits per pixel, "
            f"JPEG {shown.bpp('jpeg'):.2f}",
            [("JPEG", "jpeg"), ("hyperprior_ae", "compressed")],
        ),
    ]
    between, apart = 0.08, 0.4
    side = (WIDTH - 2 * EDGE - 2 * apart - 3 * between) / 6
    for i, (title, note, squares) in enumerate(pairs):
        left = EDGE + i * (2 * side + between + apart)
        _head(figure, left, 1.05, title, note)
        for j, (label, key) in enumerate(squares):
            x = left + j * (side + between)
            axes = _axes(figure, x, 1.55, side, side)
            axes.imshow(shown.views[key], interpolation="antialiased")
            axes.set_axis_off()
            style = {"color": ACCENT, "weight": "bold"} if j else {}
            text = f"{label}: {shown.psnr[key]:.1f} dB"
            _write(figure, x, 1.55 + side + 0.15, text, size=10, **style)


def _draw_denoised(figure: Figure, demo: Demo) -> None:
    images, psnr = demo.denoised.images, demo.denoised.psnr
    rows = [
        ("noisy", f"{psnr['noisy']:.1f} dB", images["noisy"], INK),
        ("total variation", f"{psnr['tv']:.1f} dB", images["tv"], INK),
        ("denoising_ae", f"{psnr['model']:.1f} dB", images["model"], ACCENT),
        ("truth", "", images["clean"], INK),
    ]
    note = (
        f"Gaussian, $\\sigma$ = {compute.SIGMA}; mean PSNR of {compute.DENOISED} digits"
    )
    _draw_strip(figure, DIGITS, "Remove noise", note, rows)


def _draw_rebuilt(figure: Figure, demo: Demo) -> None:
    rebuilt = demo.rebuilt
    images, mse = rebuilt.images, rebuilt.mse
    rows = [
        ("truth", "", images["clean"], INK),
        ("PCA", f"MSE {mse['pca']:.4f}", images["pca"], INK),
        ("conv_ae", f"MSE {mse['model']:.4f}", images["model"], ACCENT),
    ]
    note = (
        f"from {rebuilt.size} numbers each; mean of {compute.HELD_OUT} digits, PCA "
        f"fitted on the other {rebuilt.fitted:,}"
    )
    _draw_strip(figure, DIGITS + 3.25, "Compress", note, rows)


def _draw_generated(figure: Figure, demo: Demo) -> None:
    samples, walks = demo.generated.samples, demo.generated.walks
    labels = ["samples", *[""] * (len(samples) // COLUMNS - 1)]
    rows = [
        (label, "", samples[i * COLUMNS : (i + 1) * COLUMNS], ACCENT)
        for i, label in enumerate(labels)
    ]
    labels = ["walks", *[""] * (len(walks) - 1)]
    rows += [(label, "", w, ACCENT) for label, w in zip(labels, walks, strict=True)]
    note = "vae: drawn from the prior; straight lines between the codes of two digits"
    _draw_strip(figure, DIGITS + 5.9, "Generate", note, rows)


def _draw_strip(figure: Figure, top: float, title: str, note: str, rows: list) -> None:
    """Draws rows of ten images, each with a label and a number on its left.

    Args:
        top: where the title goes, inches from the top.
        rows: (label, figure, images `(10, 28, 28, 1)`, colour of the text).
    """
    _head(figure, LEFT, top, title, note)
    cells = np.stack([images for _, _, images, _ in rows])[..., 0]
    mosaic = np.pad(cells, ((0, 0), (0, 0), (GAP, GAP), (GAP, GAP)))
    count, columns, height, width = mosaic.shape
    mosaic = mosaic.swapaxes(1, 2).reshape(count * height, columns * width)

    pitch = STRIP / columns
    axes = _axes(figure, LEFT, top + 0.5, STRIP, pitch * count)
    axes.imshow(mosaic, cmap="gray_r", vmin=0, vmax=1, interpolation="antialiased")
    axes.set_axis_off()
    for i, (label, value, _, color) in enumerate(rows):
        middle = top + 0.5 + (i + 0.5) * pitch
        weight = "bold" if color == ACCENT else "normal"
        options = {"size": 10, "color": color, "weight": weight, "ha": "right"}
        shift = 0.09 if value else 0
        _write(figure, LEFT - 0.15, middle - shift, label, **options)
        _write(figure, LEFT - 0.15, middle + shift, value, **options)


def _draw_map(figure: Figure, demo: Demo) -> None:
    _head(
        figure,
        RIGHT,
        DIGITS,
        "Understand",
        "t-SNE of conv_ae's codes; colours by class",
    )
    axes = _axes(figure, RIGHT, DIGITS + 0.5, SIDE, SIDE)
    points, labels = demo.map.points, demo.map.labels
    axes.scatter(*points.T, c=[CLASSES[k] for k in labels], s=7, alpha=0.75, lw=0)
    for k in np.unique(labels):
        x, y = np.median(points[labels == k], axis=0)
        box = {"boxstyle": "circle,pad=0.2", "fc": "white", "ec": CLASSES[k], "lw": 1.5}
        style = {"ha": "center", "va": "center", "color": INK, "weight": "bold"}
        axes.text(x, y, str(k), size=12, bbox=box, **style)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_axis_off()


def _draw_classified(figure: Figure, demo: Demo) -> None:
    classified = demo.classified
    note = (
        f"logistic regression; accuracy on the other {classified.tested:,} digits,\n"
        f"{compute.SPLITS} draws and their mean"
    )
    _head(figure, RIGHT, DIGITS + 5.9, f"Learn from {compute.LABELS} labels", note)
    axes = _axes(figure, RIGHT + 1.15, DIGITS + 6.6, SIDE - 1.3, 2.0)
    rows = [
        ("raw pixels", "pixels", GREY),
        ("PCA codes", "pca", GREY),
        ("conv_ae codes", "codes", ACCENT),
    ]
    for y, (_, inputs, color) in enumerate(rows):
        values = 100 * classified.accuracies[inputs]
        mean = values.mean()
        axes.scatter(values, np.full(len(values), y), s=42, c=color, alpha=0.3, lw=0)
        axes.plot([mean, mean], [y - 0.24, y + 0.24], color=color, lw=2.5)
        axes.text(
            mean, y - 0.32, f"{mean:.1f}%", color=color, weight="bold", ha="center"
        )
    axes.set_ylim(len(rows) - 0.55, -0.6)
    axes.margins(x=0.08)
    axes.set_yticks(range(len(rows)), [label for label, _, _ in rows], size=10)
    for label, (_, _, color) in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(color)
    axes.xaxis.set_major_formatter("{x:g}%")
    axes.tick_params(length=0)
    axes.tick_params(axis="x", colors=GREY, labelsize=9)
    axes.grid(axis="x", color=PALE, lw=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)


def _head(figure: Figure, x: float, top: float, title: str, note: str) -> None:
    _write(figure, x, top, title, size=14, weight="bold")
    _write(figure, x, top + 0.2, note, size=9.5, color=GREY, va="top")


def _axes(figure: Figure, x: float, top: float, width: float, height: float) -> Axes:
    """Adds axes by position of the upper left corner and size, in inches."""
    bottom = HEIGHT - top - height
    return figure.add_axes((x / WIDTH, bottom / HEIGHT, width / WIDTH, height / HEIGHT))


def _write(figure: Figure, x: float, top: float, text: str, **options) -> None:
    """Writes text at a position in inches from the upper left corner."""
    options = {"color": INK, "va": "center", **options}
    figure.text(x / WIDTH, 1 - top / HEIGHT, text, **options)
