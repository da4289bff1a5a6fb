"""Downloads from a Hub that is broken, unwilling or hostile, over real sockets."""

import errno
import fcntl
import json
import os
import resource
import sys
import time
import tracemalloc
import warnings
from pathlib import Path

import huggingface_hub
import pytest
from hub_server import Fault, serve, use
from zoo_files import digest, fake_weights, make_entry, read_folder, write_manifest

import ae_zoo
from ae_zoo.errors import DownloadError, IntegrityError, ManifestError, UnknownNameError
from ae_zoo.zoo import hub as hub_module
from ae_zoo.zoo import transfer
from ae_zoo.zoo.loader import pin

NAME, REPO = "vae.mnist", "org/vae-mnist"
ADDRESS = f"hf://{REPO}"
WEIGHTS = "model.weights.h5"
FILES = fake_weights()
SECRET = "what the user must not lose"


class Machine:
    """A user's home: one file of his own, and a cache; and the Hub that answers."""

    def __init__(self, hub, home):
        self.hub, self.home, self.cache = hub, home, home / "cache"
        self.own = home / "own.txt"
        self.own.write_text(SECRET)
        self.manifest = home / "manifest.json"
        self.commit = self.publish(FILES)
        self.outside = self.list_outside()

    def publish(self, files):
        commit = self.hub.add(REPO, files)
        entry = make_entry(NAME, files, {"repo": REPO, "revision": commit})
        write_manifest(self.manifest, entry)
        return commit

    def list_outside(self):
        """Every path outside the cache, with the bytes of files."""
        return {
            path: path.read_bytes() if path.is_file() else None
            for path in self.home.rglob("*")
            if not path.is_relative_to(self.cache)
        }

    def cached(self):
        return [path for path in self.cache.rglob("*") if not path.is_dir()]

    def snapshot(self, commit=None):
        folder = self.cache / f"models--{REPO.replace('/', '--')}"
        return folder / "snapshots" / (commit or self.commit)

    def fail(self, error, name=NAME, seconds=2.0, **options) -> str:
        """Message of a download that fails soon, in one sentence, and touches nothing
        outside the cache."""
        start = time.monotonic()
        with pytest.raises(error) as caught:
            ae_zoo.download(name, **options)
        assert time.monotonic() - start < seconds
        message = str(caught.value)
        assert "\n" not in message and message.endswith(".")
        assert name in message or str(self.cache) in message
        assert self.list_outside() == self.outside
        assert not [path for path in self.cached() if path.suffix == ".incomplete"]
        return message


@pytest.fixture
def hub():
    with serve() as running:
        yield running


@pytest.fixture
def machine(hub, tmp_path, monkeypatch):
    use(hub, tmp_path / "cache", monkeypatch)
    monkeypatch.setattr(hub_module, "RETRY_DELAYS", (0.01, 0.02))
    monkeypatch.setenv("AE_ZOO_MANIFEST", str(tmp_path / "manifest.json"))
    return Machine(hub, tmp_path)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(transfer, "SILENCE", 0.3)
    monkeypatch.setattr(transfer, "PATIENCE", 0.8)
    monkeypatch.setattr(transfer, "SLOWEST", 1 << 30)


# Names


ETAGS = ["{home}/planted.txt", "{home}/own.txt", "../../../own.txt", "x", "A" * 40, ""]


@pytest.mark.parametrize("name", [NAME, ADDRESS])
@pytest.mark.parametrize("etag", ETAGS)
def test_an_etag_that_is_a_path(machine, hub, name, etag):
    etag = f'"{etag.format(home=machine.home)}"'
    hub.announced |= {"ETag": etag, "X-Linked-ETag": etag}
    assert "HF_ENDPOINT" in machine.fail(DownloadError, name)
    assert machine.cached() == []


@pytest.mark.parametrize("name", [NAME, ADDRESS])
@pytest.mark.parametrize("commit", ["../../../evil", "/evil", "main", "f" * 39, ""])
def test_a_commit_that_is_none(machine, hub, name, commit):
    hub.announced["X-Repo-Commit"] = commit
    assert "HF_ENDPOINT" in machine.fail(DownloadError, name)
    assert machine.cached() == []


def test_another_commit_than_the_pinned_one(machine, hub):
    hub.announced["X-Repo-Commit"] = "0" * 40
    assert "0" * 40 in machine.fail(DownloadError)


def test_names_of_the_second_answer_do_not_count(machine, hub, monkeypatch):
    find_commit = transfer.Transfer.find_commit

    def find_and_change(self, revision):
        hub.announced.clear()
        commit = find_commit(self, revision)
        etag = f'"{machine.own}"'
        hub.announced |= {"ETag": etag, "X-Linked-ETag": etag, "X-Repo-Commit": "../x"}
        return commit

    monkeypatch.setattr(transfer.Transfer, "find_commit", find_and_change)
    assert read_folder(ae_zoo.download(NAME)) == FILES
    assert machine.list_outside() == machine.outside


@pytest.mark.parametrize("name", [NAME, ADDRESS])
def test_a_link_that_leads_out_of_the_cache(machine, hub, name):
    """As an older version let a server plant it: replaced, its target untouched."""
    machine.snapshot().mkdir(parents=True)
    for file in FILES:
        (machine.snapshot() / file).symlink_to(machine.own)
    if name == ADDRESS:
        hub.faults.append(Fault("metadata.json", "corrupt", times=9))
        machine.fail(ManifestError, f"{ADDRESS}@{machine.commit}")
        machine.fail(ManifestError, f"{ADDRESS}@{machine.commit}")
        hub.faults.clear()
    else:
        hub.faults.append(Fault(WEIGHTS, "corrupt", times=2))
        machine.fail(IntegrityError)
    assert read_folder(ae_zoo.download(name)) == FILES
    assert machine.list_outside() == machine.outside
    for file in FILES:
        resolved = (machine.snapshot() / file).resolve()
        assert resolved.is_relative_to(machine.cache), "a link still leads out"


def test_a_damaged_blob_is_replaced_and_not_kept(machine):
    path = ae_zoo.download(NAME) / WEIGHTS
    blob = path.resolve().rename(path.resolve().with_name("f" * 40))
    blob.write_bytes(b"damaged")
    path.unlink()
    path.symlink_to(Path("..", "..", "blobs", blob.name))
    assert read_folder(ae_zoo.download(NAME)) == FILES
    assert not blob.exists()


# Sizes


@pytest.mark.parametrize(
    ("name", "file"),
    [(NAME, WEIGHTS), (NAME, "config.json"), (ADDRESS, "metadata.json")],
)
def test_bytes_without_end(machine, hub, name, file):
    hub.faults.append(Fault(file, "endless", times=9))
    tracemalloc.start()
    message = machine.fail(DownloadError, name)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "sends more than" in message and file in message
    assert hub.count("GET", file) == 1, "an endless file is asked for once"
    assert hub.sent < 20e6, "sockets buffer some, but the client must hang up"
    assert peak < 50e6, "the client keeps what it reads"
    assert all(path.stat().st_size <= 200_000 for path in machine.cached())


def test_metadata_that_is_announced_too_large(machine, hub):
    hub.add(REPO, FILES | {"metadata.json": b" " * (1 << 20) + b"{}"})
    assert "1048576 bytes" in machine.fail(DownloadError, ADDRESS)
    assert hub.count("GET", "metadata.json") == 0


def test_a_config_that_is_promised_too_large(machine, hub):
    large = b" " * (1 << 20) + b"{}"
    files = {"config.json": digest(large), WEIGHTS: digest(FILES[WEIGHTS])}
    metadata = json.dumps({"ae_zoo": {"version": "0", "files": files}}).encode()
    hub.add(REPO, FILES | {"config.json": large, "metadata.json": metadata})
    assert "above 1 MiB" in machine.fail(ManifestError, ADDRESS)
    assert hub.count("GET", "config.json") == 0


# Waits


@pytest.mark.parametrize("name", [NAME, ADDRESS])
@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("kind", ["stall", "drip", "drip chunk"])
def test_a_server_that_stalls_or_drips(machine, hub, impatient, name, method, kind):
    if (method, kind) == ("HEAD", "drip chunk"):
        pytest.skip("answers to HEAD have no chunks")
    hub.faults.append(Fault("metadata.json", kind, times=9, method=method))
    message = machine.fail(DownloadError, name)
    assert "does not answer" in message or "took longer than" in message
    assert "try again later" in message


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "headers", [{"Retry-After": "3600"}, {"RateLimit": '"resolvers";r=0;t=3600'}]
)
def test_a_wait_of_an_hour_is_reported(machine, hub, status, headers):
    hub.refusal = (status, headers)
    message = machine.fail(DownloadError)
    assert f"status {status}" in message and "3600 s" in message
    assert len(hub.requests) == 1


# Refusals


@pytest.mark.parametrize("name", [NAME, ADDRESS])
@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "GatedRepo", "gated; accept its conditions at {endpoint}/org/vae-mnist"),
        (403, "GatedRepo", "gated; accept its conditions at {endpoint}/org/vae-mnist"),
        (401, None, "does not exist or is private"),
        (403, None, "forbids it (status 403); give your token the right to read"),
        (404, None, "does not know the address (status 404); check HF_ENDPOINT"),
        (410, None, "was removed (status 410); choose another"),
        (429, None, "limits your requests (status 429); wait, or log in"),
        (451, None, "legal reasons (status 451); ask the owner"),
        (418, None, "answers with status 418"),
    ],
)
def test_each_refusal_has_its_sentence(machine, hub, name, status, code, words):
    hub.refusal = (status, {"X-Error-Code": code} if code else {})
    message = machine.fail(DownloadError, name)
    assert words.format(endpoint=hub.endpoint) in message
    assert "connection" not in message
    assert len(hub.requests) == 1, "asking again does not help"


@pytest.mark.parametrize("status", [302, 403])
def test_bodies_of_refusals_and_redirects_are_not_read(machine, hub, status):
    hub.faults.append(Fault(WEIGHTS, f"endless {status}", times=9))
    machine.fail(DownloadError)
    assert hub.sent < 20e6


def test_redirects_without_end(machine, hub):
    hub.refusal = (302, {"Location": f"{hub.endpoint}/{REPO}/resolve/main/x"})
    machine.fail(DownloadError)
    hub.refusal = (302, {"Location": "http://[::bad/"})
    machine.fail(DownloadError)


# The disk


def test_a_full_disk(machine):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        message = machine.fail(DownloadError)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "no room" in message and "HF_HOME" in message
    assert read_folder(ae_zoo.download(NAME)) == FILES


def test_a_file_that_exceeds_the_disk_is_not_begun(machine, hub):
    huge = digest(b"") | {"size": 1 << 2000}
    files = {"config.json": digest(b"{}"), WEIGHTS: huge}
    metadata = json.dumps({"ae_zoo": {"version": "0", "files": files}}).encode()
    hub.add(REPO, {"config.json": b"{}", "metadata.json": metadata, WEIGHTS: b""})
    assert "no room" in machine.fail(DownloadError, ADDRESS)
    assert hub.count("GET", WEIGHTS) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder closed to all")
def test_a_read_only_cache(machine, monkeypatch):
    message = machine.fail(DownloadError, cache_dir="/sys")
    assert "read-only" in message and "HF_HOME" in message


def test_a_cache_below_a_file(machine):
    message = machine.fail(DownloadError, cache_dir=machine.own)
    assert "cannot be written" in message and "HF_HOME" in message


def test_a_disk_without_locks_and_links(machine, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(os, "symlink", refuse)
    folder = ae_zoo.download(ADDRESS)
    assert read_folder(folder) == FILES
    (folder / WEIGHTS).write_bytes(b"damaged")
    assert read_folder(ae_zoo.download(NAME)) == FILES


# The cache


@pytest.mark.parametrize("name", [NAME, f"{ADDRESS}@{{commit}}"])
def test_files_that_huggingface_hub_downloaded_are_found(machine, hub, name):
    for file in FILES:
        huggingface_hub.hf_hub_download(REPO, file, revision=machine.commit)
    hub.requests.clear()
    folder = ae_zoo.download(name.format(commit=machine.commit))
    assert read_folder(folder) == FILES
    assert hub.requests == []


def test_files_are_found_by_huggingface_hub(machine, hub):
    folder = ae_zoo.download(ADDRESS)
    hub.requests.clear()
    for file in FILES:
        for revision in ("main", machine.commit):
            found = huggingface_hub.try_to_load_from_cache(
                REPO, file, revision=revision
            )
            assert Path(found) == folder / file
    found = huggingface_hub.scan_cache_dir(machine.cache)
    assert not found.warnings
    assert [len(repo.revisions) for repo in found.repos] == [1]


def test_a_file_of_two_commits_is_downloaded_once(machine, hub):
    ae_zoo.download(ADDRESS)
    changed = FILES | {"README.md": b"of the second commit"}
    second = hub.add(REPO, changed)
    hub.requests.clear()
    assert ae_zoo.download(ADDRESS).name == second
    assert hub.count("GET", WEIGHTS) == hub.count("GET", "config.json") == 0


@pytest.mark.parametrize("refusal", [(503, {}), (429, {})])
def test_an_older_main_is_used_with_a_warning(machine, hub, refusal):
    old = ae_zoo.download(ADDRESS)
    new = hub.add(REPO, fake_weights(size=1000))
    hub.refusal = refusal
    with pytest.warns(UserWarning, match=f"commit {machine.commit}.*from the cache"):
        assert ae_zoo.download(ADDRESS) == old
    hub.refusal = None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ae_zoo.download(ADDRESS).name == new


@pytest.mark.parametrize("status", [401, 403, 404, 410, 451])
def test_a_refusal_is_no_reason_for_an_older_main(machine, hub, status):
    ae_zoo.download(ADDRESS)
    hub.refusal = (status, {})
    machine.fail(DownloadError, ADDRESS)


# Names given by the user


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("org/x", "hf://org/x for a repository"),
        ("", "needs a name"),
        ("./no/x", "check the path"),
    ],
)
def test_a_name_that_is_no_folder(name, words):
    with pytest.raises(UnknownNameError, match=words):
        ae_zoo.load(name)


def test_pin(machine, hub):
    pinned = f"{ADDRESS}@{machine.commit}"
    assert pin(ADDRESS) == pin(f"{ADDRESS}@main") == pin(pinned) == pinned
    hub.add(REPO, fake_weights(size=1000))
    assert pin(ADDRESS) != pinned == pin(pinned)
