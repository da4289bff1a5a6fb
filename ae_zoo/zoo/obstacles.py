"""Why a file of a Hub cannot be had: half a sentence each, with its remedy."""

import errno
import math
import re
from pathlib import Path

_LOG_IN = "log in with `hf auth login` or set HF_TOKEN"
_OTHER_SERVER = "try again later, or set HF_ENDPOINT to a mirror"
_UNKNOWN = f"the repository does not exist or is private; check its name, and {_LOG_IN}"
_BY_CODE = {  # the Hub's own, in the header X-Error-Code
    "RepoNotFound": _UNKNOWN,
    "RevisionNotFound": (
        "there is no such revision; give a branch, a tag or a commit of 40 digits"
    ),
    "EntryNotFound": (
        "the repository has no such file; choose one that was written by ae_zoo.save"
    ),
    "GatedRepo": (
        f"the repository is gated; accept its conditions at {{page}}, then {_LOG_IN}"
    ),
}
_BY_STATUS = {
    401: _UNKNOWN,
    403: (
        "the server forbids it (status 403); give your token the right to read "
        "{page}, or ask its owner"
    ),
    404: "the server does not know the address (status 404); check HF_ENDPOINT",
    410: "the repository was removed (status 410); choose another one",
    451: (
        "the server withholds it for legal reasons (status 451); ask the owner of "
        "{page}, or choose another repository"
    ),
}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


class Obstacle(Exception):
    """A file cannot be had.

    Args:
        why: half a sentence that names the remedy.
        wait: seconds after which another try may help, `math.inf` for an unknown time;
            None if none will help.
    """

    def __init__(self, why: str, wait: float | None = None):
        super().__init__(why)
        self.wait = wait


def from_response(response, repo: str) -> Obstacle:
    """The obstacle of an HTTP response with another status than 200; reads no body."""
    from huggingface_hub import constants

    status = response.status_code
    code = response.headers.get("X-Error-Code")
    if why := _BY_CODE.get(code) or _BY_STATUS.get(status):
        return Obstacle(why.format(page=f"{constants.ENDPOINT}/{repo}"))
    seconds = _asked_wait(response.headers)
    asks = "" if seconds is None else f" and asks to wait {seconds} s"
    if status == 429:
        why = f"the server limits your requests (status 429){asks}; wait, or {_LOG_IN}"
        return Obstacle(why, seconds or math.inf)
    if status >= 500:
        why = f"the server fails (status {status}){asks}; {_OTHER_SERVER}"
        return Obstacle(why, seconds or 0)
    return Obstacle(
        f"the server answers with status {status}, not with the file; check HF_ENDPOINT"
    )


def from_error(error: Exception, repo: str, name: str) -> Obstacle:
    """The obstacle behind an error of huggingface_hub or its HTTP client.

    Args:
        error: the error.
        repo: 'organisation/name'.
        name: under which the user asked for the files.
    """
    from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled

    if isinstance(error, OfflineModeIsEnabled):
        why = (
            "offline mode is on and the file is not in the cache; unset "
            f"HF_HUB_OFFLINE, or run `ae-zoo download {name}` with a network first"
        )
        return Obstacle(why, math.inf)
    if (response := getattr(error, "response", None)) is not None:
        return from_response(response, repo)
    if "Timeout" in type(error).__name__:
        return Obstacle(f"the server does not answer; {_OTHER_SERVER}", 0)
    reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
    if isinstance(error, HFValidationError):
        return Obstacle(f"{reason}; write organisation/name")
    return Obstacle(f"{reason}; check the connection, {_OTHER_SERVER}", 0)


def from_disk(error: OSError, folder: Path) -> Obstacle:
    """The obstacle behind an error in writing to the cache in `folder`."""
    elsewhere = "set HF_HOME to a folder on another disk"
    if error.errno in _FULL:
        return Obstacle(
            f"the disk of {folder} has no room for it; free space, or {elsewhere}"
        )
    if error.errno in _READ_ONLY:
        return Obstacle(
            f"the cache {folder} is read-only; set HF_HOME to a folder that you may "
            "write to"
        )
    reason = error.strerror or type(error).__name__
    return Obstacle(f"the cache {folder} cannot be written ({reason}); {elsewhere}")


def _asked_wait(headers) -> int | None:
    """Seconds that the server asks to wait; None if it does not say."""
    found = re.fullmatch(r"\s*(\d{1,9})\s*", headers.get("Retry-After", ""), re.ASCII)
    limits = headers.get("RateLimit", "")
    found = found or re.search(r";\s*t\s*=\s*(\d{1,9})", limits, re.ASCII)
    return int(found[1]) if found else None
