"""Waiting until all workers of a training have come."""

import contextlib
import os
import socket
import time

from ae_zoo.errors import RecipeError, TrainingError

TIMEOUT = "AE_ZOO_WORKER_TIMEOUT"
SECONDS = 600.0
_PAUSE = 0.2  # seconds between two tries


def wait_for_workers(addresses: list[str], me: int) -> None:
    """Returns when every worker can be reached, whom TensorFlow would await for ever.

    This worker answers at its own address meanwhile, which is free again afterwards.

    Args:
        addresses: `host:port` of each worker.
        me: number of this worker.

    Raises:
        TrainingError: a worker has not come within the seconds that the environment
            variable `AE_ZOO_WORKER_TIMEOUT` sets, 600 by default.
        RecipeError: that variable is no number above 0.
    """
    seconds = _timeout()
    deadline = time.monotonic() + seconds
    missing = {i for i in range(len(addresses)) if i != me}
    with _listening(addresses[me]):
        while missing:
            missing -= {i for i in missing if _answers(addresses[i])}
            if missing and time.monotonic() > deadline:
                late = ", ".join(addresses[i] for i in sorted(missing))
                raise TrainingError(
                    f"No worker came at {late} within {seconds:g} s: start all workers "
                    f"within that time, or set {TIMEOUT} to more seconds."
                )
            if missing:
                time.sleep(_PAUSE)


def _timeout() -> float:
    text = os.environ.get(TIMEOUT, str(SECONDS))
    with contextlib.suppress(ValueError):
        if (seconds := float(text)) > 0:
            return seconds
    raise RecipeError(f"{TIMEOUT} must be a number of seconds above 0, not {text!r}.")


def _listening(address: str) -> socket.socket:
    """A socket that answers at this worker's port, by IPv6 and IPv4 if it can."""
    port = int(address.rpartition(":")[2])
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):  # IPv6 may be switched off
            return socket.create_server(
                ("", port), family=socket.AF_INET6, dualstack_ipv6=True
            )
    try:
        return socket.create_server(("", port))
    except OSError as error:
        raise TrainingError(
            f"This worker cannot open its address {address} ({error.strerror}): end "
            "what uses the port, or give the workers another one in TF_CONFIG."
        ) from error


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except OSError:  # not there yet, or its name is not known yet
        return False
    return True
