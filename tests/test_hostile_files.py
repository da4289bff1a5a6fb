"""Files and arguments that are wrong on purpose cost little and get one sentence."""

import io
import json
import os
import resource
import socket
import time
import tracemalloc
import warnings
import zipfile
import zlib
from dataclasses import replace

import forkserver
import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import wavfile

import ae_zoo
from ae_zoo import errors, tasks
from ae_zoo.cli import main, output
from ae_zoo.data import arrays
from ae_zoo.data.arrays import read_array
from ae_zoo.data.files import list_files
from ae_zoo.data.inputs import to_inputs
from ae_zoo.data.pictures import read_picture
from ae_zoo.data.sounds import read_wave
from ae_zoo.data.tables import read_frame
from ae_zoo.data.texts import ALPHABET, read_text, to_texts
from ae_zoo.errors import AeZooError, CodecError, InputError, UnknownNameError
from ae_zoo.tasks import AnomalyDetector, Compressor
from ae_zoo.tasks.codec import compressor, container, range_coder
from ae_zoo.tasks.codec.bands import Bands
from ae_zoo.tasks.codec.files import decompress_files
from ae_zoo.tasks.codec.limits import MOST_PIXELS

SECONDS, MEGABYTES = 2, 300  # that a hostile file may cost


# Compressed pictures


def small_codec() -> Compressor:
    """A codec with 16 values for every 8 x 8 pixels, not trained, always the same."""
    keras.utils.set_random_seed(0)
    model = ae_zoo.models.factorized_ae(filters=(4, 8, 16), lambdas=(0.005,), seed=0)
    model.finish()
    return Compressor(model)


@pytest.fixture(scope="module")
def codec():
    return small_codec()


@pytest.fixture(scope="module")
def file(codec):
    return codec.compress(np.full((64, 64, 3), 90, "uint8"), 0)


def zeros(codec, width: int, height: int, alpha: bytes | None = None) -> bytes:
    """A valid file of a picture whose codes are 0, without computing on a picture."""
    header = container.Header(
        width, height, 3 + (alpha is not None), 8, 0, codec.name, codec.sha256
    )
    rows, columns, channels = -(-height // 8), -(-width // 8), 16
    step = max(1, compressor.MOST_VALUES // (columns * channels))
    tables, coded = codec._entropy_model.tables(0, 0), {}

    def segments():
        if alpha is not None:
            yield "ALPH", alpha
        for top in range(0, rows, step):
            count = min(step, rows - top)
            if count not in coded:
                which = np.tile(np.arange(channels), count * columns)
                coded[count] = range_coder.encode(which * 0, which, tables)
            yield "LATN", coded[count]

    written = io.BytesIO()
    container.write(written, header, segments())
    return written.getvalue()


def peak() -> float:
    """Peak memory of this process in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cost_of(folder, answers) -> None:
    """Tells time, memory and the answer for each file, in a process of its own."""
    codec = small_codec()
    codec.decompress(codec.compress(np.zeros((64, 64, 3), "uint8"), 0))
    for path in sorted(folder.iterdir()):
        before, start = peak(), time.perf_counter()
        try:
            codec.decompress(path)
            answer = "decoded"
        except CodecError as error:
            answer = str(error)
        answers.put((path.name, time.perf_counter() - start, peak() - before, answer))


def test_hostile_files_cost_little(codec, file, tmp_path):
    kept, bomb = container.read(file), zlib.compress(bytes(2**27), 9)
    header = kept[0]

    def of(segments, **changes):
        written = io.BytesIO()
        container.write(written, replace(header, **changes), segments)
        return written.getvalue()

    hostile = {
        "square": zeros(codec, 2**14, 2**14),
        "one row": zeros(codec, 2**21, 1),
        "row of bytes": of(kept[1], width=2**28, height=1),
        "column": of(kept[1] * 2**8, width=1, height=2**28),
        "alpha bomb": of([*kept[1], ("ALPH", bomb)], mode=4),
        "profile bomb": of([*kept[1], ("ICC ", bomb)]),
        "many segments": of([("LATN", b"")] * 200_000),
        "other quality": of(kept[1], quality=9),
    }
    for name, content in hostile.items():
        (tmp_path / name).write_bytes(content)
    answers = forkserver.CONTEXT.Queue()
    process = forkserver.start(cost_of, tmp_path, answers)
    told = [answers.get(timeout=120) for _ in hostile]
    process.join()
    assert {name for name, *_ in told} == set(hostile)
    for name, seconds, megabytes, answer in told:
        assert seconds < SECONDS, (name, seconds)
        assert megabytes < MEGABYTES, (name, megabytes)
        assert answer.endswith(".") and "\n" not in answer, name


def test_the_limit_is_the_callers(codec, file, tmp_path, monkeypatch):
    assert codec.cost((64, 64)) == 64 * 64
    assert codec.cost((57, 64)) == 64 * 64  # padded
    assert codec.cost((1, 64)) == 32 * 8 * 16  # a row of values
    limit = r"4,096 pixels, more than .* \(--most-pixels\) to 4100 if you trust"
    for decompress in (codec.decompress, tasks.decompress):
        with pytest.raises(CodecError, match=limit):
            decompress(file, most_pixels=4095)
        with pytest.raises(InputError, match="most_pixels must be an integer"):
            decompress(file, most_pixels=None)
    assert codec.decompress(file, most_pixels=4096).size == (64, 64)
    wide = codec.compress(np.zeros((1, 64, 3), "uint8"), 0)
    with pytest.raises(CodecError, match=limit):
        codec.decompress(wide, most_pixels=64)
    assert codec.decompress(wide, most_pixels=4096).size == (64, 1)

    path, back = tmp_path / "a.aez", tmp_path / "a.png"
    path.write_bytes(file)
    monkeypatch.setattr(tasks, "Compressor", lambda name: codec)
    words = ["decompress", str(path), str(back), "--model", "mine", "--most-pixels"]
    assert main([*words, "4095"]) == 2 and not back.exists()
    assert main([*words, "4096"]) == 0
    assert Image.open(back).size == (64, 64)


def test_a_photograph_is_below_the_limit(codec):
    assert codec.cost((7072, 7072)) < MOST_PIXELS
    assert codec.cost((1000, 60_000)) < MOST_PIXELS


def test_codes_are_decoded_in_bands(codec, monkeypatch):
    """Four times the rows need no more memory, since few rows are kept."""
    monkeypatch.setattr(compressor, "MOST_VALUES", 2**13)

    def memory(rows):
        data = container.read(zeros(codec, 256, 8 * rows))[1]
        segments = [payload for _, payload in data]
        assert len(segments) == rows // 16
        tracemalloc.start()
        latents = codec.read_latents(segments, 0, (8 * rows, 256))
        for top in range(0, rows, 16):
            assert not latents[max(0, top - 4) : top + 16, :].any()
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    memory(64)
    assert memory(1024) < 1.2 * memory(256)


def test_bands_are_the_array():
    whole = np.arange(60).reshape(10, 3, 2)
    bands = Bands(whole.shape, iter([whole[:1], whole[1:7], whole[7:]]))
    for rows in (slice(0, 4), slice(0, 4), slice(2, 8), slice(7, 10)):
        np.testing.assert_array_equal(bands[rows, 1:3], whole[rows, 1:3])


def test_a_weight_of_another_kind_is_not_loaded(file, monkeypatch):
    header, segments = container.read(file)
    written = io.BytesIO()
    container.write(written, replace(header, weight="dense_ae.mnist"), segments)
    with pytest.raises(CodecError, match=r"'dense_ae\.mnist', which does not compress"):
        tasks.decompress(written.getvalue())


# What is no file


@pytest.fixture
def special(tmp_path):
    """A folder of a picture, a FIFO, a socket, a device and a broken link."""
    folder = tmp_path / "f"
    folder.mkdir()
    Image.new("L", (8, 8)).save(folder / "a.png")
    os.mkfifo(folder / "b.png")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(folder / "c.png"))
        (folder / "d.png").symlink_to("/dev/zero")
        (folder / "e.png").symlink_to("nowhere")
        (folder / "g.png").mkdir()
        yield folder


def test_what_is_no_file_is_skipped_in_a_folder(special):
    with pytest.warns(UserWarning, match=r"4 of 5 .* skipped.*b\.png, is a FIFO"):
        assert list_files(special) == [special / "a.png"]
    with pytest.warns(UserWarning, match="skipped"):
        assert to_inputs(special, (8, 8, 1)).shape == (1, 8, 8, 1)


def test_commands_show_a_warning_as_one_line(capsys):
    with output.plain_warnings():
        shown = warnings.formatwarning("4 were skipped.", UserWarning, "a.py", 1)
    assert shown == "warning: 4 were skipped.\n"
    assert warnings.formatwarning("x", UserWarning, "a.py", 1).startswith("a.py:1")


@pytest.mark.parametrize(
    ("name", "words"),
    [("b.png", "is a FIFO"), ("c.png", "is a socket"), ("d.png", "is a device")],
)
def test_what_is_no_file_never_hangs(special, name, words, tmp_path, capsys):
    path = special / name
    readers = [
        read_picture,
        read_array,
        container.read,
        AnomalyDetector.load,
        lambda path: tasks.Denoiser().run(path, tmp_path / "out.png"),
        lambda path: decompress_files(path, tmp_path / "out.png"),
    ]
    for suffix in (".txt", ".wav", ".csv", ".npz", ".jpg"):
        (tmp_path / f"x{suffix}").symlink_to(path)
    shapes = {".txt": (64, 70), ".wav": (60, 40), ".jpg": (8, 8, 1), ".npz": (8,)}
    for read in readers:
        target = path
        if read == AnomalyDetector.load:
            (tmp_path / "detector.json").symlink_to(path)
            target = tmp_path
        with pytest.raises(AeZooError, match=words):
            read(target)
    for suffix, shape in shapes.items():
        with pytest.raises(InputError, match=words):
            to_inputs(tmp_path / f"x{suffix}", shape)
    assert main(["detect", str(tmp_path / "x.csv")]) == 2
    assert words in capsys.readouterr().err


# Arrays


def archive(path, header: bytes, data: bytes = b"", name="x.npy") -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, header + data)


def npy_header(descr: str, shape: tuple) -> bytes:
    file = io.BytesIO()
    words = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, words)
    return file.getvalue()


def test_an_archive_is_checked_before_it_is_inflated(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=np.zeros((2**11, 2**10), "uint8"), y=np.zeros(2**11))
    monkeypatch.setattr(arrays, "MOST_BYTES", 2**20)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"'x' .* 2,097,152 bytes.* np\.save"):
            read_array(path)
        assert tracemalloc.get_traced_memory()[1] < 2**19
    finally:
        tracemalloc.stop()
    monkeypatch.setattr(arrays, "MOST_BYTES", 2**21)
    assert read_array(path)[0].shape == (2**11, 2**10)


@pytest.mark.parametrize(
    "header",
    [
        npy_header("<f8", (2**40, 2**40)),
        npy_header("<f8", (10**400,)),
        npy_header("|V2147483647", (1,)),
    ],
)
def test_an_archive_that_claims_much_is_refused(header, tmp_path):
    archive(tmp_path / "x.npz", header)
    with pytest.raises(InputError, match="more than the 1,073,741,824 of an array"):
        read_array(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (npy_header("<f8", (3,)), bytes(25)),
        (npy_header("<f8", (3,)), bytes(23)),
        (npy_header("<f8", (-3,)), bytes(24)),
        (npy_header("|O", (3,)), bytes(24)),
        (b"no array", bytes(2**20)),
        (b"\x93NUMPY\x09\x00" + bytes(90), b""),
    ],
)
def test_an_archive_that_lies_is_refused(header, data, tmp_path):
    archive(tmp_path / "x.npz", header, data)
    with pytest.raises(InputError, match="must hold an array of numbers"):
        read_array(tmp_path / "x.npz")


def test_damaged_archives_are_refused(tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / "x.npz"
    np.savez_compressed(path, x=rng.integers(0, 9, (20, 5)), y=np.arange(20))
    whole, refused = path.read_bytes(), 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            damaged[rng.integers(len(whole))] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            read_array(path)
        except InputError:
            refused += 1
    assert refused > 200


# Sounds, tables and texts


def damaged(content: bytes, count: int):
    """Copies with some bytes changed, most of them near the start, or cut."""
    rng = np.random.default_rng(0)
    for number in range(count):
        copy = bytearray(content)
        for _ in range(rng.integers(1, 6)):
            copy[rng.integers(min(60, len(copy)))] = rng.choice([0, 255, number % 256])
        yield bytes(copy[: rng.integers(len(copy))] if number % 4 == 0 else copy)


@pytest.mark.filterwarnings("ignore")  # SciPy warns of what is cut
def test_damaged_sounds_are_refused(tmp_path):
    path, refused = tmp_path / "x.wav", 0
    wavfile.write(path, 8000, np.arange(200, dtype="int16"))
    for content in damaged(path.read_bytes(), 400):
        path.write_bytes(content)
        try:
            assert read_wave(path).ndim == 1
        except InputError:
            refused += 1
    assert refused > 200


@pytest.mark.parametrize("rate", [0, 1, 2**30])
def test_a_rate_that_takes_memory_is_refused(rate, tmp_path):
    wavfile.write(tmp_path / "x.wav", rate, np.zeros(200, "int16"))
    with pytest.raises(InputError, match=f"has {rate:,} samples per second: convert"):
        read_wave(tmp_path / "x.wav")


@pytest.mark.parametrize("suffix", [".csv", ".npy", ".parquet"])
def test_damaged_tables_are_refused(suffix, tmp_path):
    path, refused = tmp_path / f"x{suffix}", 0
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1, 2, 3]})
    if suffix == ".npy":
        np.save(path, frame)
    else:
        getattr(frame, f"to_{suffix[1:]}")(path, index=False)
    for content in damaged(path.read_bytes(), 300):
        path.write_bytes(content)
        try:
            assert len(read_frame(path)) > 0
        except InputError:
            refused += 1
    assert refused > 100


def test_lines_are_read_in_blocks(tmp_path):
    (tmp_path / "x.txt").write_text("one\ntwo\n\nfour\nfive")
    blocks = list(read_text(tmp_path / "x.txt", (8, len(ALPHABET)), 2))
    assert [len(block) for block in blocks] == [2, 2, 1]
    assert to_texts(np.concatenate(blocks)) == ["one", "two", "", "four", "five"]


# Messages


def test_long_messages_are_cut(tmp_path, capsys):
    long = "x" * 300_000
    for kind in (InputError, UnknownNameError, errors.DownloadError):
        message = str(kind(f"Unknown {long}: choose one of these."))
        assert len(message) == errors.LONGEST
        assert message.startswith("Unknown xxx") and message.endswith("of these.")
        assert str(kind("short")) == "short"
    for words in (["info", long], ["denoise", long, "a.png"], ["nothing" + long]):
        assert main(words) == 2
        assert len(capsys.readouterr().err) < errors.LONGEST + 20


# Arguments

WRONG = (b"a", 2.5, "25", [], [1], {}, {"a": 1}, object(), io.BytesIO(b"a"), True)
WRONG += (None, float("nan"), np.array([1, 2]), -1, "a\0b", "a" * 5000)


class Wrong:
    """Calls with arguments that each may accept some of `WRONG`."""

    def __init__(self, model, codec, file):
        grey = np.zeros((8, 8), "uint8")
        denoise, inpaint = tasks.Denoiser(), tasks.Inpainter()
        features = tasks.FeatureExtractor(model)
        self.calls = {
            "FeatureExtractor.model": tasks.FeatureExtractor,
            "FeatureExtractor.key": lambda x: tasks.FeatureExtractor(model, x),
            "batch_size": lambda x: tasks.FeatureExtractor(model, batch_size=x),
            "pool": lambda x: tasks.FeatureExtractor(model, pool=x),
            "transform": features.transform,
            "extract.source": lambda x: tasks.extract(x, model),
            "extract.model": lambda x: tasks.extract("digits", x),
            "Denoiser.model": tasks.Denoiser,
            "Denoiser.source": denoise,
            "run.source": lambda x: denoise.run(x, "out"),
            "run.target": lambda x: denoise.run("missing", x),
            "run.sigma": lambda x: denoise.run("missing", "out", x),
            "restore.pixels": lambda x: denoise.restore_pixels(x, 5),
            "restore.sigma": lambda x: denoise.restore_pixels(grey[..., None], x),
            "Inpainter.model": tasks.Inpainter,
            "Inpainter.source": lambda x: inpaint(x, grey),
            "mask": lambda x: inpaint(grey, x),
            "run.mask": lambda x: inpaint.run("missing", x, "out"),
            "Compressor.model": lambda x: Compressor(0 if x is None else x),
            "compress.source": codec.compress,
            "quality": lambda x: codec.compress(grey, 0.5 if x is None else x),
            "decompress": codec.decompress,
            "decompress.source": tasks.decompress,
            "most_pixels": lambda x: codec.decompress(file, x),
            "encode_pixels": lambda x: codec.encode_pixels(x, 0),
            "load": AnomalyDetector.load,
        }


# What calls do take, of `WRONG`.
TAKEN = {
    "FeatureExtractor.key": (None,),
    "extract.source": ("25",),  # looked up as a name of a data set
    "Denoiser.model": (None, "25"),  # a name is looked up when it is used
    "Inpainter.model": (None, "25"),
    "restore.sigma": (None, 2.5),
}


def test_wrong_arguments_get_a_sentence(codec, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = ae_zoo.models.dense_ae(input_shape=(4,), latent_dim=2)
    for name, call in Wrong(model, codec, file).calls.items():
        for wrong in WRONG:
            if any(wrong is taken for taken in TAKEN.get(name, ())):
                continue
            with pytest.raises(AeZooError) as caught:
                call(wrong)
            message = str(caught.value)
            assert "\n" not in message and len(message) <= errors.LONGEST, name


ESTIMATORS = {"latent_dim": 2, "epochs": 1}
ARGUMENTS = {
    "model": (3, b"a", [], None),
    "latent_dim": (0, 2.5, "2", [2]),
    "epochs": (0, 1.5, "1", True, None),
    "batch_size": (0, "8", True),
    "learning_rate": (0, "fast", float("nan"), [1e-3], True),
    "random_state": ("a", -1, 2.5, [1]),
    "model_arguments": ([1], "a", 5, {"nonsense": 1}, {"input_shape": "a"}, {1: 2}),
}
OF_ONE = {
    tasks.AutoencoderTransformer: {"key": (3, [], ["code"])},
    AnomalyDetector: {
        "categories": (5, "kind", b"kind"),
        "measure": ([], np.array([1, 2])),
        "contamination": ([], np.array([1, 2]), True),
        "trim": ("a", [], None, np.array([1, 2])),
        "window": (True, None, "20"),
    },
}
NO_TABLES = (None, "a", b"a", {}, {"a": 1}, 5, set(), io.BytesIO(b"a"), [{}, {}])


@pytest.mark.parametrize("kind", OF_ONE)
def test_wrong_arguments_of_estimators_get_a_sentence(kind, tmp_path):
    rows = np.random.default_rng(0).random((20, 3))
    for name, values in (ARGUMENTS | OF_ONE[kind]).items():
        for value in values:
            with pytest.raises(InputError) as caught:
                kind(**ESTIMATORS | {name: value}).fit(rows)
            assert "\n" not in str(caught.value), name
    for table in NO_TABLES:
        with pytest.raises(InputError):
            kind(**ESTIMATORS).fit(table)
    if kind is AnomalyDetector:
        with pytest.raises(InputError, match="names must be a list"):
            kind(**ESTIMATORS).fit(rows, names=5)


# Saved detectors


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folder of a detector of a table with a column of categories."""
    rows = np.random.default_rng(0).random((30, 3)).astype(object)
    rows[:, 0] = ["a", "b", "c"] * 10
    folder = tmp_path_factory.mktemp("saved") / "detector"
    AnomalyDetector(categories=[0], random_state=0, **ESTIMATORS).fit(rows).save(folder)
    return folder


def change(state, path: str, value):
    *keys, last = path.split(".")
    for key in keys:
        state = state[key]
    if value is KeyError:
        del state[last]
    else:
        state[last] = value(state[last]) if callable(value) else value


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("parameters", KeyError, "parameters is missing"),
        ("parameters", [], "parameters is missing or no dict"),
        ("parameters.nonsense", KeyError, None),
        ("parameters.window", -5, "window must be an integer above 0, not -5"),
        ("parameters.window", 10**9, "takes .* and not 6000000000 values"),
        ("parameters.window", "1", "window must be an integer"),
        ("parameters.measure", ["both"], "measure must be one of"),
        ("parameters.model", ["dense_ae"], "model is no name"),
        ("parameters.model_arguments", 5, "must be a dictionary"),
        ("names", KeyError, "names is missing"),
        ("names", {}, "names is missing or no list"),
        ("names", [1, 2, 3], "names holds something else than text"),
        ("names", ["a"] * 1000, "finite numbers of shape"),
        ("categories", {"7": ["a"]}, "categories has the column '7'"),
        ("categories", {"0": "abc"}, "categories has no list"),
        ("learned", None, "learned is missing"),
        ("learned.mean_", KeyError, "mean_ and scale_ do not fit"),
        ("learned.scale_", lambda x: [0.0] * len(x), "scale_ is not above 0"),
        ("learned.scale_", lambda x: x[1:], "scale_ is not finite numbers of shape"),
        ("learned.fill_", None, "fill_ is missing"),
        ("learned.fill_", "text", "fill_ is not finite numbers"),
        ("learned.unit_", lambda x: [float("nan")] * len(x), "unit_ is not finite"),
        ("learned.unit_", lambda x: [-1.0] * len(x), "unit_ is not above 0"),
        ("learned.unit_", [[1], [1, 2]], "holds no detector"),
        ("learned.combine_", "sum", "combine_ is none of"),
        ("learned.combine_", ["mean"], "combine_ is none of"),
        ("learned.centre_", lambda x: x[1:], "precision_ is not finite numbers"),
        ("learned.centre_", KeyError, "part_units_ is not|nothing to measure"),
        ("learned.precision_", None, "precision_ is missing"),
        ("learned.part_units_", [1.0, 2.0], "part_units_ is not finite numbers"),
        ("learned.loss_curve_", ["1"], "loss_curve_ is no list of numbers"),
        ("learned.offset_", None, "offset_ is missing"),
        ("learned.offset_", 10**400, "offset_ is not finite"),
        ("learned.offset_", "-1", "offset_ is not finite"),
    ],
)
def test_a_saved_detector_is_checked(saved, path, value, words, tmp_path):
    state = json.loads((saved / "detector.json").read_text())
    if words is None:
        state["parameters"]["nonsense"], words = 1, "no parameter 'nonsense'"
    else:
        change(state, path, value)
    (tmp_path / "model").symlink_to(saved / "model")
    (tmp_path / "detector.json").write_text(json.dumps(state))
    with pytest.raises(InputError, match=words) as caught:
        AnomalyDetector.load(tmp_path)
    assert f"{tmp_path} holds no detector: give a folder" in str(caught.value)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a": 1' + "0" * 5000 + "}", "1"])
def test_a_state_that_is_no_state_is_refused(saved, content, tmp_path):
    (tmp_path / "detector.json").write_text(content)
    with pytest.raises(InputError, match="holds no detector"):
        AnomalyDetector.load(tmp_path)


def test_centre_and_model_must_fit(saved, tmp_path):
    state = json.loads((saved / "detector.json").read_text())
    state["learned"]["centre_"], state["learned"]["precision_"] = [0.0], [[1.0]]
    (tmp_path / "model").symlink_to(saved / "model")
    (tmp_path / "detector.json").write_text(json.dumps(state))
    with pytest.raises(InputError, match="centre_ has 1 values and not 5"):
        AnomalyDetector.load(tmp_path)
