"""A Hugging Face Hub on 127.0.0.1 that supports downloads.

It speaks the protocol of the real one to the real client: HEAD and GET of
`/{repo}/resolve/{revision}/{file}`, large files redirected to another host which must
not see the token, `X-Error-Code` on failures, `Range`. Faults and hostile answers can
be scripted.
"""

import hashlib
import os
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from huggingface_hub import close_session, constants


@dataclass
class Repository:
    """Files by commit, and the branches and tags that name commits."""

    commits: dict[str, dict[str, bytes]]
    refs: dict[str, str]
    token: str | None = None


@dataclass
class Fault:
    """A fault in the next `times` answers to `method` for `file`.

    `kind` is 'error' (status 503), 'corrupt' (other bytes, right length), 'short'
    (fewer bytes, and says so), 'cut' (the connection ends in the middle), 'endless'
    (bytes without end), 'stall' (nothing more), 'drip' (a byte every 50 ms, without
    end), 'drip chunk' (the same within the size of a chunk), or 'endless 403' and
    'endless 302' (of that status). To HEAD there are only 'error', 'stall' and 'drip',
    of its headers.
    """

    file: str
    kind: str
    times: int = 1
    method: str = "GET"


@dataclass
class Hub:
    """The server's state; tests write it and read `requests`."""

    endpoint: str = ""
    storage: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    leaked_tokens: list[str] = field(default_factory=list)
    sent: int = 0  # bytes of endless bodies
    announced: dict[str, str] = field(default_factory=dict)  # instead of true headers
    refusal: tuple[int, dict[str, str]] | None = None  # status and headers of all
    closed: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, repo, files, token=None) -> str:
        """Publishes `files` (name -> bytes) as a commit on `main`; its hash."""
        digest = hashlib.sha1(repo.encode())
        for name in sorted(files):
            digest.update(name.encode() + files[name])
        commit = digest.hexdigest()
        repository = self.repositories.setdefault(repo, Repository({}, {}))
        repository.commits[commit] = dict(files)
        repository.refs["main"] = commit
        repository.token = token
        return commit

    def file_requests(self) -> list[tuple[str, str]]:
        """Requests for files; the client may send others to the Hub's API."""
        return [r for r in self.requests if not r[1].startswith("/api/")]

    def count(self, method, file) -> int:
        """Requests for a file, without those that only lead to the other host."""
        return sum(
            m == method
            and path.endswith(file)
            and not (m == "GET" and path.endswith(".h5") and "/resolve/" in path)
            for m, path in self.requests
        )

    def environment(self, home, **extra) -> dict[str, str]:
        """Environment of a client process whose cache lies in `home`."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "AE_"))}
        return kept | {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "NO_PROXY": "*",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            **extra,
        }

    def take_fault(self, method, file) -> str | None:
        with self.lock:
            for fault in self.faults:
                if (fault.method, fault.file) == (method, file) and fault.times > 0:
                    fault.times -= 1
                    return fault.kind
        return None


@contextmanager
def serve():
    """A running `Hub`; stops when the context ends."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub, _resolve))
    storage = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub, _store))
    hub.endpoint, hub.storage = (
        f"http://127.0.0.1:{s.server_address[1]}" for s in (server, storage)
    )
    for s in (server, storage):
        s.daemon_threads = True
        threading.Thread(target=s.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield hub
    finally:
        hub.closed.set()
        for s in (server, storage):
            s.shutdown()
            s.server_close()


def use(hub, cache, monkeypatch) -> None:
    """Has huggingface_hub in this process ask `hub`, and store files in `cache`."""
    template = f"{hub.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setenv("NO_PROXY", "*")
    close_session()  # its client has read the environment


def _handler(hub, answer):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            with hub.lock:
                hub.requests.append((self.command, self.path))
            with suppress(ConnectionError):  # the client has enough
                if hub.refusal is not None:
                    return self.reply(hub.refusal[0], hub.refusal[1])
                answer(hub, self, unquote(urlsplit(self.path).path))

        do_GET = do_HEAD

        def log_message(self, *args):
            pass

        def reply(self, status, headers, body=b""):
            self.send_response(status)
            headers = {"Content-Length": len(body)} | headers
            for key, value in headers.items():
                self.send_header(key, str(hub.announced.get(key, value)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def refuse(self, status, code=None, message="not found"):
            headers = {"X-Error-Message": message}
            self.reply(status, headers | ({"X-Error-Code": code} if code else {}))

        def send_file(self, name, content, headers):
            """The file or the range asked for, unless a fault is due."""
            fault = self.command == "GET" and hub.take_fault("GET", name)
            if fault == "error":
                return self.refuse(503, message="service unavailable")
            if fault == "corrupt":
                content = bytes(byte ^ 0xFF for byte in content)
            if fault == "short":
                content = content[: len(content) // 2]
            if fault and fault.startswith(("endless", "stall", "drip")):
                return self.misbehave(fault)
            status, start = 200, _range_start(self.headers.get("Range"))
            if start is not None:
                status = 206
                total = len(content)
                content = content[start:]
                headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
            if fault == "cut":
                headers["Content-Length"] = len(content)
                content = content[: len(content) // 2]
                self.close_connection = True
            self.reply(status, headers, content)

        def misbehave(self, fault):
            """Answers to HEAD and GET that do not end before the client or the test."""
            self.close_connection = True
            if self.command == "GET":
                status = fault.removeprefix("endless ")
                self.send_response(int(status) if status.isdigit() else 200)
                self.send_header("Location", "/elsewhere")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
            chunk = bytes(10_000)
            endless = fault.startswith("endless")
            while not hub.closed.wait(0 if endless else 0.05):
                if endless:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                    hub.sent += len(chunk)
                elif fault == "drip" and self.command == "GET":
                    self.wfile.write(b"1\r\n\0\r\n")
                elif fault == "drip":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Drip: ".ljust(40, b"."))
                    while not hub.closed.wait(0.05):
                        self.wfile.write(b".")
                elif fault == "drip chunk":
                    self.wfile.write(b"0")

    return Handler


def _range_start(header) -> int | None:
    return int(header.removeprefix("bytes=").split("-")[0]) if header else None


def _resolve(hub, request, path):
    """`/{organisation}/{name}/resolve/{revision}/{file}` of the Hub itself."""
    repo, _, rest = path.strip("/").partition("/resolve/")
    revision, _, name = rest.rpartition("/")
    repository = hub.repositories.get(repo)
    allowed = repository and (
        repository.token is None
        or request.headers.get("Authorization") == f"Bearer {repository.token}"
    )
    if not allowed:  # the real one does not say which of the two it is
        return request.refuse(401, "RepoNotFound", "Repository not found")
    commit = repository.refs.get(revision, revision)
    if commit not in repository.commits:
        return request.refuse(404, "RevisionNotFound")
    if name not in repository.commits[commit]:
        return request.refuse(404, "EntryNotFound")
    if request.command == "HEAD" and (fault := hub.take_fault("HEAD", name)):
        if fault != "error":
            return request.misbehave(fault)
        return request.refuse(503, message="service unavailable")

    content = repository.commits[commit][name]
    headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
    if not name.endswith(".h5"):
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        headers["ETag"] = f'"{blob}"'
        return request.send_file(name, content, headers)
    blob = hashlib.sha256(content).hexdigest()
    headers["X-Linked-ETag"] = f'"{blob}"'
    headers["X-Linked-Size"] = len(content)
    headers["Location"] = f"{hub.storage}/{repo}/{commit}/{name}"
    return request.reply(302, headers)


def _store(hub, request, path):
    """Large files on another host, by signed address: it must not see the token."""
    repo, commit, name = path.strip("/").rsplit("/", 2)
    if token := request.headers.get("Authorization"):
        hub.leaked_tokens.append(token)
    content = hub.repositories[repo].commits[commit][name]
    request.send_file(name, content, {"Accept-Ranges": "bytes"})
