"""Model cards of models of photographs."""

import json

import numpy as np
import pytest
import yaml
from PIL import Image
from zoo_files import make_entry

import ae_zoo
from ae_zoo.publishing.card import write_card

# Family, channels, rows of its picture, words that the card must have.
CARDS = [
    ("restoration_ae", "grey", 3, 'Denoiser("a.bsds500")'),
    ("inpainting_ae", "rgb", 3, 'Inpainter("a.bsds500")'),
    ("factorized_ae", "rgb", 4, "below them qualities 0, 2 and 5"),
    ("hyperprior_ae", "rgb", 4, 'Compressor("a.bsds500")'),
]


@pytest.mark.parametrize(("family", "channels", "rows", "words"), CARDS)
def test_cards_of_photographs(family, channels, rows, words, tmp_path):
    depth = {"grey": 1, "rgb": 3}[channels]
    model = ae_zoo.registry.build(
        family, input_shape=(None, None, depth + 1), filters=(4, 6)
    )
    report = {"pretraining": [], "history": []}
    (tmp_path / "training.json").write_text(json.dumps(report))
    entry = make_entry("a.bsds500", {}) | {
        "family": family,
        "tasks": list(ae_zoo.registry.family(family).tasks),
        "input": {"shape": [None, None, depth + 1], "channels": channels},
        "code": {"shapes": [[None, None, 6]], "kind": "grid", "levels": None},
        "metrics": {"bpp@3": 0.5, "psnr@3": 30.0},
        "baselines": {"jpeg_psnr@3": 28.0},
    }
    write_card(entry, {"training": {"steps": 1000}}, tmp_path, model)

    card = (tmp_path / "README.md").read_text()
    assert words in card
    assert "| bits a pixel (3) | 0.5 |  |" in card
    assert "| PSNR, dB (3) | 30 | jpeg 28 |" in card
    assert yaml.safe_load(card.split("---")[1])["datasets"] == ["bsds500"]
    image = np.asarray(Image.open(tmp_path / "reconstructions.png"))
    assert image.shape[:2] == (rows * 128, 6 * 128)
