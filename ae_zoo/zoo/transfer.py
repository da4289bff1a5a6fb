"""Asks a Hub for a file, within limits of time and size.

Whoever answers may be broken or hostile. So an answer decides no name on the disk,
except a commit that has the format of one; no more bytes are read than asked for;
bodies of redirects and refusals are not read at all; and every wait has an end.
"""

import contextlib
import math
import re
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from typing import Any

from ae_zoo import __version__
from ae_zoo.zoo.manifest import is_commit
from ae_zoo.zoo.obstacles import Obstacle, from_error, from_response

SILENCE = 10.0
"""Seconds to wait for a connection, or for the next bytes."""

PATIENCE = 30.0
"""Seconds for a file with all tries, besides one for each `SLOWEST` bytes."""

SLOWEST = 16 * 1024

LONGEST = 24 * 3600
"""Seconds that no file may take."""

_MOST_REDIRECTS = 5
_ETAG = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_CLIENT = {"library_name": "ae_zoo", "library_version": __version__}


class Transfer:
    """One file of a repository, and the time that it may still take.

    Args:
        name: under which the user asked for the files; messages have it.
        repo: 'organisation/name'.
        file: name of the file.
        size: its promised size in bytes; None if none is known.
        limit: bytes that it may have at most.
    """

    def __init__(self, name: str, repo: str, file: str, size: int | None, limit: int):
        self.name, self.repo, self.file = name, repo, file
        self.size, self.limit = size, limit
        self.seconds = PATIENCE + min((size or 0) // SLOWEST, LONGEST)
        self.deadline = time.monotonic() + self.seconds

    def find_commit(self, revision: str) -> str:
        """The commit that `revision` names, by the headers of the file.

        Raises:
            Obstacle: the server refuses, is no Hub, or promises too large a file.
        """
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        def ask():
            url = hf_hub_url(self.repo, self.file, revision=revision)
            return get_hf_file_metadata(url, timeout=SILENCE, **_CLIENT)

        with self._obstacles():
            answer = self._in_time(ask)
        commit, etag = answer.commit_hash, answer.etag
        if not is_commit(commit) or not _ETAG.fullmatch(etag or ""):
            raise Obstacle(
                "the server names no commit and ETag of 40 or 64 hexadecimal digits, "
                "so it is no Hub to trust; check HF_ENDPOINT"
            )
        if is_commit(revision) and commit != revision:
            raise Obstacle(
                f"the server answers with commit {commit}, so it is no Hub to trust; "
                "check HF_ENDPOINT"
            )
        if answer.size is not None and answer.size > self.limit:
            raise self._too_large()
        return commit

    def read(self, commit: str) -> Generator[bytes, None, None]:
        """The file's bytes: all that are promised, and at most the limit.

        Raises:
            Obstacle: they do not arrive, in time, as many as promised.
        """
        received = 0
        with self._obstacles(), contextlib.ExitStack() as stack:
            response = self._in_time(lambda: self._open(commit))
            stack.callback(response.close)
            if response.status_code != 200:
                raise from_response(response, self.repo)
            chunks = response.iter_raw()
            while chunk := self._in_time(lambda: next(chunks, b"")):
                received += len(chunk)
                if received > self.limit:
                    raise self._too_large()
                yield chunk
        if received < (self.size or 0):
            raise Obstacle(
                f"the server sends {received} of the {self.size} promised bytes; try "
                "again later, or set HF_ENDPOINT to a mirror",
                wait=0,
            )

    def _open(self, commit: str):
        """The response to GET; the token goes to no other host than the Hub's."""
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils import build_hf_headers, get_session

        client = get_session()
        headers = build_hf_headers(**_CLIENT) | {"Accept-Encoding": "identity"}
        url = hf_hub_url(self.repo, self.file, revision=commit)
        request = client.build_request("GET", url, headers=headers, timeout=SILENCE)
        for _ in range(_MOST_REDIRECTS + 1):
            response = client.send(request, stream=True, follow_redirects=False)
            if response.next_request is None:
                return response
            response.close()  # without reading its body
            request = response.next_request
        raise Obstacle("the server redirects without end; check HF_ENDPOINT")

    def _in_time(self, ask: Callable[[], Any]) -> Any:
        """`ask()`, within the time left.

        The HTTP client limits the wait for each byte only, so that headers, and sizes
        of chunks, that drip would take for ever. A thread that is late is left behind.
        """
        answer = Future()

        def run():
            try:
                answer.set_result(ask())
            except BaseException as error:
                answer.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        try:
            return answer.result(max(0.0, self.deadline - time.monotonic()))
        except TimeoutError:
            raise self._too_slow() from None

    @contextlib.contextmanager
    def _obstacles(self) -> Iterator[None]:
        """Turns what a bad connection or answer raises in the client into obstacles."""
        try:
            yield
        except Obstacle:
            raise
        except Exception as error:
            raise from_error(error, self.repo, self.name) from error

    def _too_large(self) -> Obstacle:
        return Obstacle(
            f"the server sends more than the {self.limit} bytes allowed; tell its "
            "publisher, or set HF_ENDPOINT to another mirror"
        )

    def _too_slow(self) -> Obstacle:
        return Obstacle(
            f"the server took longer than {self.seconds:.0f} s; try again later, or "
            "set HF_ENDPOINT to a mirror",
            math.inf,
        )
