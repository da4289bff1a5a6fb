"""Downloads: a Hub on 127.0.0.1, spoken to by the real huggingface_hub client.

Every client is a process of its own, because huggingface_hub reads its environment
when it is imported; none imports TensorFlow.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hub_server import Fault, serve
from zoo_files import fake_weights, make_entry, read_folder, write_manifest

from ae_zoo.errors import DownloadError, IntegrityError, ManifestError, UnknownNameError

NAME, REPO = "vae.mnist", "org/vae-mnist"
WEIGHTS = "model.weights.h5"
FILES = fake_weights()

CLIENT = """
import json, sys
import ae_zoo
from ae_zoo.errors import AeZooError
function, arguments = sys.argv[1], json.loads(sys.argv[2])
try:
    result = getattr(ae_zoo, function)(**arguments)
    report = {"result": result if isinstance(result, list) else str(result)}
except AeZooError as error:
    report = {"error": type(error).__name__, "message": str(error)}
assert not {"tensorflow", "keras"} & set(sys.modules)
print(json.dumps(report))
"""


@pytest.fixture
def hub():
    with serve() as running:
        yield running


class Client:
    """Runs the package in a process with a cache of its own."""

    def __init__(self, hub, folder):
        self.hub = hub
        self.home = folder / "home"
        self.manifest = folder / "manifest.json"
        self.commit = self.publish(FILES)

    def publish(self, files, token=None):
        commit = self.hub.add(REPO, files, token)
        entry = make_entry(NAME, files, {"repo": REPO, "revision": commit})
        write_manifest(self.manifest, entry)
        return commit

    def start(self, function="download", env=None, **arguments):
        own = {"AE_ZOO_MANIFEST": str(self.manifest)}
        return subprocess.Popen(
            [sys.executable, "-c", CLIENT, function, json.dumps(arguments)],
            env=self.hub.environment(self.home, **own, **(env or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process):
        output, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
        return json.loads(output)

    def run(self, function="download", env=None, **arguments):
        return self.finish(self.start(function, env, **arguments))

    def download(self, name=NAME, **kwargs) -> Path:
        report = self.run(name=name, **kwargs)
        assert "result" in report, report
        return Path(report["result"])

    def fail(self, error, name=NAME, **kwargs) -> str:
        report = self.run(name=name, **kwargs)
        assert report.get("error") == error.__name__, report
        assert "\n" not in report["message"]
        return report["message"]

    def cached_bytes(self):
        return [p.read_bytes() for p in self.home.rglob("*") if p.is_file()]


@pytest.fixture
def client(hub, tmp_path):
    return Client(hub, tmp_path)


def test_download_verify_and_second_download(client, hub):
    assert client.run("verify")["result"] == []
    folder = client.download()
    assert read_folder(folder) == FILES
    assert folder.is_relative_to(client.home)
    assert folder.name == client.commit
    rows = client.run("verify")["result"]
    assert [row["file"] for row in rows] == sorted(FILES)
    assert all(row["ok"] for row in rows)

    hub.requests.clear()
    assert client.download() == folder
    assert hub.file_requests() == [], "a pinned file in the cache costs no request"


def test_cache_dir(client, tmp_path):
    folder = client.download(cache_dir=str(tmp_path / "mine"))
    assert folder.is_relative_to(tmp_path / "mine")
    assert not list(client.home.rglob("*.h5"))
    assert client.run("verify")["result"] == []
    rows = client.run("verify", cache_dir=str(tmp_path / "mine"))["result"]
    assert [row["ok"] for row in rows] == [True] * 3


@pytest.mark.parametrize("file", [WEIGHTS, "config.json"])
def test_corrupt_bytes_of_the_right_length_once(client, hub, file):
    hub.faults.append(Fault(file, "corrupt"))
    assert read_folder(client.download()) == FILES
    assert hub.count("GET", file) == 2


def test_corrupt_bytes_always(client, hub):
    hub.faults.append(Fault(WEIGHTS, "corrupt", times=99))
    message = client.fail(IntegrityError)
    assert NAME in message and WEIGHTS in message and "publisher" in message
    assert hub.count("GET", WEIGHTS) == 2
    corrupt = bytes(byte ^ 0xFF for byte in FILES[WEIGHTS])
    assert corrupt not in client.cached_bytes(), "the bad file stayed in the cache"
    hub.faults.clear()
    assert read_folder(client.download()) == FILES


def test_damage_on_the_disk(client, hub):
    folder = client.download()
    (folder / WEIGHTS).resolve().write_bytes(bytes(len(FILES[WEIGHTS])))
    rows = client.run("verify", name=NAME)["result"]
    assert [row["file"] for row in rows if not row["ok"]] == [WEIGHTS]
    message = client.fail(IntegrityError, env={"HF_HUB_OFFLINE": "1"})
    assert "damaged in the cache" in message and "HF_HUB_OFFLINE" in message
    assert read_folder(client.download()) == FILES


def test_connection_cut_in_the_middle(client, hub):
    hub.faults.append(Fault(WEIGHTS, "cut"))
    assert read_folder(client.download()) == FILES


def test_truncated_file_once_and_always(client, hub):
    hub.faults.append(Fault(WEIGHTS, "short"))
    assert read_folder(client.download()) == FILES
    hub.faults.append(Fault(WEIGHTS, "short", times=99))
    other = client.home.with_name("other")
    message = client.fail(DownloadError, cache_dir=str(other))
    assert NAME in message and WEIGHTS in message and "try again" in message
    assert not list(other.rglob("*.h5"))


def test_server_errors_then_success(client, hub):
    hub.faults.append(Fault(WEIGHTS, "error", times=2))
    hub.faults.append(Fault("config.json", "error", times=2, method="HEAD"))
    assert read_folder(client.download()) == FILES
    assert hub.count("GET", WEIGHTS) == 3


def test_server_errors_always(client, hub):
    hub.faults.append(Fault(WEIGHTS, "error", times=99))
    message = client.fail(DownloadError)
    assert NAME in message and WEIGHTS in message and "503" in message
    assert hub.count("GET", WEIGHTS) == 3


def test_missing_revision_repository_and_file(client, hub):
    hub.repositories[REPO].commits.clear()
    assert "revision" in client.fail(DownloadError)
    hub.repositories.clear()
    message = client.fail(DownloadError)
    assert "does not exist or is private" in message and REPO in message
    hub.add("org/other", {"pytorch_model.bin": b"x"})
    message = client.fail(DownloadError, name="hf://org/other")
    assert "no such file" in message and "metadata.json" in message


def test_private_repository(client, hub):
    client.publish(FILES, token="hf_secret")
    assert "HF_TOKEN" in client.fail(DownloadError)
    assert "HF_TOKEN" in client.fail(DownloadError, env={"HF_TOKEN": "hf_wrong"})
    folder = client.download(env={"HF_TOKEN": "hf_secret"})
    assert read_folder(folder) == FILES
    assert hub.leaked_tokens == [], "the token went to another host"


def test_offline(client, hub):
    message = client.fail(DownloadError, env={"HF_HUB_OFFLINE": "1"})
    assert NAME in message and "HF_HUB_OFFLINE" in message
    assert "ae-zoo download" in message
    assert hub.requests == []
    folder = client.download()
    hub.requests.clear()
    assert client.download(env={"HF_HUB_OFFLINE": "1"}) == folder
    assert hub.requests == []


def test_unreachable_server(client):
    env = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_ETAG_TIMEOUT": "1"}
    folder = client.download()
    assert client.download(env=env) == folder, "the cache needs no server"


def test_eight_processes_at_once(client, hub):
    processes = [client.start(name=NAME) for _ in range(8)]
    reports = [client.finish(process) for process in processes]
    folders = {report.get("result") for report in reports}
    assert len(folders) == 1 and None not in folders, reports
    assert read_folder(Path(folders.pop())) == FILES
    assert not list(client.home.rglob("*.incomplete"))


def test_outside_the_manifest(client, hub):
    old = client.commit
    new_files = fake_weights(size=1000)
    new = hub.add(REPO, new_files)
    assert read_folder(client.download(f"hf://{REPO}")) == new_files
    assert read_folder(client.download(f"hf://{REPO}@{old}")) == FILES
    assert client.download(f"hf://{REPO}", revision=old).name == old
    assert client.download(NAME).name == old, "the manifest's pin"
    assert client.download(NAME, revision=new).name == new
    assert client.download(NAME, revision="main").name == new
    folder = client.download(f"hf://{REPO}", env={"HF_HUB_OFFLINE": "1"})
    assert folder.name == new


def test_damage_outside_the_manifest(client, hub):
    hub.faults.append(Fault(WEIGHTS, "corrupt", times=2))
    assert WEIGHTS in client.fail(IntegrityError, f"hf://{REPO}")
    hub.faults.append(Fault("metadata.json", "corrupt"))
    assert "metadata.json" in client.fail(ManifestError, f"hf://{REPO}")
    assert read_folder(client.download(f"hf://{REPO}")) == FILES


def test_hostile_repository(client, hub):
    def promise(**files):
        metadata = {"ae_zoo": {"version": "0", "files": files}}
        return FILES | {"metadata.json": json.dumps(metadata).encode()}

    promised = json.loads(FILES["metadata.json"])["ae_zoo"]["files"]
    evil = {"../../../evil.txt": promised["config.json"]}
    hub.add("org/escape", promise(**promised, **evil))
    assert "evil.txt" in client.fail(ManifestError, "hf://org/escape")
    hub.add("org/keras", FILES | {"metadata.json": b'{"keras_version": "3.15.1"}'})
    assert "ae_zoo.save" in client.fail(ManifestError, "hf://org/keras")


def test_hostile_server(client, hub):
    hub.announced["X-Repo-Commit"] = "../../../../../evil"
    client.fail(DownloadError)
    client.fail(DownloadError, f"hf://{REPO}")
    around = {path.name for path in client.home.parent.iterdir()}
    assert around <= {"home", "manifest.json"}


@pytest.mark.parametrize(
    "name", ["hf://", "hf://zoo", "hf://../x", "hf://a/b/c", "hf://a/b@../../../x"]
)
def test_malformed_addresses(name):
    import ae_zoo

    with pytest.raises(UnknownNameError, match="hf://organisation/name"):
        ae_zoo.download(name)
    with pytest.raises(UnknownNameError, match="hf://organisation/name"):
        ae_zoo.download("hf://a/b@v1", revision="v2")


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_cache_keeps_links_only_inside(client):
    folder = client.download()
    for path in folder.iterdir():
        assert path.resolve().is_relative_to(client.home.resolve())
