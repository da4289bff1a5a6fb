"""Sounds, texts and videos: reading, features, measures and cards."""

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile
from zoo_files import make_entry

from ae_zoo import evaluation, models, registry
from ae_zoo.data import open_source, sounds, texts
from ae_zoo.data.inputs import to_inputs
from ae_zoo.datasets import Examples, bouncing_mnist, load_arrays, loading
from ae_zoo.datasets.sentences import load_texts
from ae_zoo.errors import InputError
from ae_zoo.evaluation import Measured, sentences, speakers
from ae_zoo.layers import LogMel
from ae_zoo.publishing.card import SENTENCES, write_card
from ae_zoo.tasks.features import extract

SHAPE = (20, 16)  # of a spectrogram
TEXT_SHAPE = (12, len(texts.ALPHABET))


def tone(hertz: float, seconds: float = 0.3, rate: int = sounds.RATE) -> np.ndarray:
    """A sine `(samples,)`, float32 in [-0.5, 0.5]."""
    time = np.arange(int(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype("float32")


def test_higher_tones_lie_in_higher_bands():
    waves = np.stack([tone(hertz) for hertz in (300, 900, 2700)])
    mel = np.asarray(LogMel(bands=16)(waves))
    assert mel.shape == (3, 1 + waves.shape[1] // 128, 16)
    assert mel.min() >= 0 and mel.max() == 1
    bands = mel.mean(axis=1).argmax(axis=1)
    assert bands[0] < bands[1] < bands[2]


def test_spectrograms_do_not_depend_on_loudness_and_silence_is_zero():
    quiet, loud, none = tone(500), 100 * tone(500), np.zeros(900, "float32")
    mel = sounds.spectrograms([quiet, loud, none], SHAPE)
    assert mel.shape == (3, *SHAPE) and mel.dtype == np.float32
    np.testing.assert_allclose(mel[0], mel[1], atol=1e-3)
    assert np.isfinite(mel).all()


def test_sounds_are_cut_and_padded():
    short, long = sounds.spectrograms([tone(500, 0.1), tone(500, 9)], SHAPE)
    assert short[-5:].max() == 0 and long[-5:].max() > 0.5


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_wav_files_of_any_kind_sound_alike(tmp_path, rate, dtype):
    wave = tone(600, rate=rate)
    stored = {
        "uint8": lambda x: (128 + 127 * x).astype("uint8"),
        "int16": lambda x: (32767 * x).astype("int16"),
        "float32": lambda x: np.stack([x, x], axis=1),  # and stereo
    }[dtype](wave)
    wavfile.write(tmp_path / "a.wav", rate, stored)
    mel = to_inputs(tmp_path / "a.wav", SHAPE)
    assert mel.shape == (1, *SHAPE)
    expected = sounds.spectrograms([tone(600)], SHAPE)
    strong = expected > 0.7
    np.testing.assert_allclose(mel[strong], expected[strong], atol=0.1)


def test_features_of_a_folder_of_sounds(tmp_path):
    for name, hertz in (("b", 400), ("a", 800)):
        wavfile.write(tmp_path / f"{name}.wav", sounds.RATE, tone(hertz))
    (tmp_path / "notes.txt").write_text("no sound")
    model = models.conv1d_ae(input_shape=SHAPE, latent_dim=3, filters=(4,))
    found = extract(tmp_path, model)
    assert found["paths"].tolist() == ["a.wav", "b.wav"]
    expected = model.encode(sounds.spectrograms([tone(800), tone(400)], SHAPE))
    np.testing.assert_allclose(found["codes"], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"no sound", "uncompressed WAV"), (None, "There is no file")],
)
def test_bad_sounds_are_refused(tmp_path, content, says):
    if content is not None:
        (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(InputError, match=says):
        to_inputs(tmp_path / "a.wav", SHAPE)


def test_sounds_and_texts_need_a_model_of_theirs(tmp_path):
    wavfile.write(tmp_path / "a.wav", sounds.RATE, tone(400))
    (tmp_path / "a.txt").write_text("a sentence")
    for file, kind in (("a.wav", "is a sound"), ("a.txt", "is text")):
        with pytest.raises(InputError, match=kind):
            to_inputs(tmp_path / file, (28, 28, 1))


def test_texts_come_back_from_their_characters():
    given = ["  Où est la gare? ", "x" * 80, "1 + 1 = 2", ""]
    vectors = texts.one_hot(given, 20)
    assert vectors.shape == (4, 20, len(texts.ALPHABET)) and vectors.dtype == bool
    assert (vectors.sum(axis=-1) == 1).all()
    assert texts.to_texts(vectors) == ["ou est la gare?", "x" * 20, "1 + 1 = 2", ""]
    assert texts.to_texts(texts.one_hot(["a→b"], 5)) == ["a\ufffdb"]


def test_features_of_a_text_file(tmp_path):
    (tmp_path / "a.txt").write_text("one sentence\nanother\n", encoding="utf-8")
    model = models.conv1d_ae(
        input_shape=TEXT_SHAPE, latent_dim=3, filters=(4,), loss="cce", output="softmax"
    )
    codes = extract(tmp_path / "a.txt", model)["codes"]
    given = texts.one_hot(["one sentence", "another"], 12).astype("float32")
    np.testing.assert_allclose(codes, model.encode(given), atol=1e-5)
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(InputError, match="one sentence per line"):
        extract(tmp_path / "a.txt", model)


def test_folders_of_sounds_and_texts_are_sources(tmp_path):
    for name, hertz in (("a", 400), ("b", 800)):
        wavfile.write(tmp_path / f"{name}.wav", sounds.RATE, tone(hertz))
    folder = open_source(tmp_path, SHAPE)
    expected = sounds.spectrograms([tone(800), tone(400)], SHAPE)
    assert len(folder) == 2
    np.testing.assert_allclose(folder.take(np.array([1, 0])), expected, atol=1e-3)
    (tmp_path / "a.txt").write_text("one sentence\nanother\n")
    source = open_source(tmp_path / "a.txt", TEXT_SHAPE)
    assert texts.to_texts(source.take(np.array([1]))) == ["another"]


@pytest.mark.parametrize(
    ("family", "channels", "shape", "picture"),
    [
        ("conv1d_ae", "mel bands", (8, 6), (2 * 2 * 6, 2 * 8 * 8)),
        ("convlstm_ae", "grey", (3, 4, 4, 1), (2 * 8 * 4, 2 * 3 * 4)),
        ("conv1d_ae", "characters", (64, len(texts.ALPHABET)), None),
    ],
)
def test_cards(family, channels, shape, picture, tmp_path, monkeypatch):
    options = {"loss": "cce", "output": "softmax"} if channels == "characters" else {}
    model = registry.build(
        family, input_shape=shape, latent_dim=4, filters=(4,), **options
    )
    x = np.random.default_rng(0).random((20, *shape), dtype="float32")
    monkeypatch.setattr(loading, "load_arrays", lambda *where: Examples(x))
    (tmp_path / "training.json").write_text('{"pretraining": [], "history": []}')
    entry = make_entry("a.things", {}) | {"family": family}
    entry["input"] |= {"shape": list(shape), "channels": channels}
    write_card(entry, {"training": {"steps": 10}}, tmp_path, model)
    card = (tmp_path / "README.md").read_text()
    if picture is None:
        sentence = SENTENCES[0]
        back = texts.to_texts(model.decode(model.encode(texts.one_hot([sentence]))))
        assert f"| {sentence} | {back[0]} |" in card
        assert "to_texts(model.decode(codes))" in card
    else:
        assert "](reconstructions.png)" in card
        image = np.asarray(Image.open(tmp_path / "reconstructions.png"))
        assert image.shape[:2] == picture
    block = card.split("```python\n")[1].split("```")[0]
    compile(block, "card", "exec")


def test_digits_move_evenly_and_stay_inside():
    images = np.full((1, 28, 28, 1), 200, "uint8")
    rng = np.random.default_rng(0)
    made = bouncing_mnist.bounce(images, np.zeros((5, 1), int), (30, 32, 40, 1), rng)
    assert made.shape == (5, 30, 32, 40, 1) and made.dtype == np.uint8
    assert (made > 0).sum(axis=(2, 3, 4)).tolist() == [[14 * 14] * 30] * 5
    rows = (made > 0).any(axis=(3, 4)).argmax(axis=2)  # top of the square
    assert np.abs(np.diff(rows, axis=1)).max() <= 3
    assert (rows.max(axis=1) > rows.min(axis=1)).any()
    again = bouncing_mnist.bounce(
        images, np.zeros((5, 1), int), (30, 32, 40, 1), np.random.default_rng(0)
    )
    np.testing.assert_array_equal(made, again)


def test_speakers_that_are_left_out():
    """Codes that encode the digits of known speakers only score lower on new ones."""
    rng = np.random.default_rng(0)
    digits, people = np.repeat(np.arange(4), 30), np.tile(np.arange(3), 40)
    x = np.zeros((120, *SHAPE), "float32")
    x[np.arange(120), digits, (people * 5 + digits) % 16] = 1
    x += 0.01 * rng.random(x.shape, dtype="float32")
    groups = np.array(["anna", "ben", "carl"])[people]
    test = slice(None, None, 4)
    subject = Measured(
        models.conv1d_ae(input_shape=SHAPE, latent_dim=8, filters=(4,)),
        Examples(x, digits, groups),
        Examples(x[test], digits[test], groups[test]),
        "spoken_digit",
    )
    assert speakers.applies(subject)
    metrics, baselines = speakers.measure(subject)
    assert metrics.keys() == {
        "spoken_digit_accuracy",
        "spoken_digit_speaker_out_accuracy",
    }
    assert baselines["mel_spoken_digit_accuracy"] == 1
    assert baselines["mel_spoken_digit_speaker_out_accuracy"] < 0.9
    assert 0 <= baselines["pca_spoken_digit_speaker_out_accuracy"] <= 1


@pytest.fixture
def corpus(monkeypatch):
    """Questions and statements, whose kind follows from one word."""
    ends = ("river", "winter", "music", "table", "window", "garden", "story", "paper")
    kinds = (("who is the", "where is the"), ("i like the", "it has a"))
    rows = [
        (f"{start} {end}", label, name)
        for name, starts in zip(("trec", "subj"), kinds, strict=True)
        for end in ends
        for label, start in enumerate(starts)
    ]
    sets = np.array([row[2] for row in rows])
    whole = [row[0] for row in rows], np.array([row[1] for row in rows]), sets
    monkeypatch.setattr(sentences, "load_texts", lambda *where: whole)
    return whole


def test_sentences_are_read_and_classified(corpus, monkeypatch):
    written, labels, sets = corpus
    x = texts.one_hot(written, 20).astype("float32")
    model = models.conv1d_ae(
        input_shape=x.shape[1:],
        latent_dim=6,
        filters=(4,),
        loss="cce",
        output="softmax",
    )
    examples = Examples(x, labels, sets)
    subject = Measured(model, examples, examples, "sentences")
    asked = [q for q in evaluation.QUESTIONS if q.applies(subject)]
    assert asked == [sentences]
    metrics, baselines = sentences.measure(subject)
    assert metrics.keys() == {"character_accuracy", "trec_accuracy", "subj_accuracy"}
    assert baselines["lsa_trec_accuracy"] > 0.9
    assert 0.2 < baselines["pca_character_accuracy"] <= 1

    class Perfect:
        def __getattr__(self, name):
            return getattr(model, name)

        def reconstruct(self, given):
            worse = given.copy()
            worse[:, -1] = 0  # beyond every sentence but the longest
            return worse

    subject.model = Perfect()
    assert sentences.measure(subject)[0]["character_accuracy"] > 0.98


@pytest.mark.parametrize(
    ("name", "shape", "sizes"),
    [
        ("spoken_digit", (60, 40), (2700, 300)),
        ("bouncing_mnist", (2, 20, 20, 1), (20_000, 2_000)),
    ],
)
def test_real_sets(data_dir, name, shape, sizes):
    for split, size in zip(("train", "test"), sizes, strict=True):
        examples = load_arrays(name, split, data_dir, shape)
        assert examples.x.shape == (size, *shape) and examples.x.dtype == np.float32
        assert examples.x.min() >= 0 and examples.x.max() <= 1
    with pytest.raises(InputError, match="choose train or test"):
        load_arrays(name, "validation", data_dir, shape)


@pytest.mark.slow
def test_real_sentences(root, tmp_path, monkeypatch):
    raw = root.parent / "shared" / "data" / "raw"
    if not (raw / "text").is_dir():
        pytest.skip("needs the files of sentences")
    monkeypatch.setenv("AE_ZOO_MANUAL_DIR", str(raw))
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    train, test = (
        load_texts("sentences", split, tmp_path) for split in ("train", "test")
    )
    assert (len(train[0]), len(test[0])) == (33_591, 3_626)
    assert (test[2] == "trec").sum() == 500
    assert set(test[1][test[2] == "subj"]) == {0, 1}
    assert not set(test[0]) & {""}
    with pytest.raises(InputError, match="70 characters"):
        load_arrays("sentences", "test", tmp_path, (64, 8))
