"""A Hugging Face Hub on 127.0.0.1 that supports downloads.

It speaks the protocol of the real one to the real client: HEAD and GET of
`/{repo}/resolve/{revision}/{file}`, large files redirected to another host which must
not see the token, `X-Error-Code` on failures, `Range`. Faults can be scripted.
"""

import hashlib
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


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
    (fewer bytes, and says so) or 'cut' (the connection ends in the middle). To HEAD
    there is only 'error'.
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
    announced_commit: str | None = None  # instead of the true one
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
        return sum(m == method and path.endswith(file) for m, path in self.requests)

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
        for s in (server, storage):
            s.shutdown()
            s.server_close()


def _handler(hub, answer):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            with hub.lock:
                hub.requests.append((self.command, self.path))
            answer(hub, self, unquote(urlsplit(self.path).path))

        do_GET = do_HEAD

        def log_message(self, *args):
            pass

        def reply(self, status, headers, body=b""):
            self.send_response(status)
            for key, value in ({"Content-Length": len(body)} | headers).items():
                self.send_header(key, str(value))
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
    if request.command == "HEAD" and hub.take_fault("HEAD", name):
        return request.refuse(503, message="service unavailable")

    content = repository.commits[commit][name]
    headers = {
        "X-Repo-Commit": hub.announced_commit or commit,
        "Accept-Ranges": "bytes",
    }
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
