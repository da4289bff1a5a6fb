"""Workers that wait for each other."""

import socket
import threading
import time

import pytest

from ae_zoo.errors import RecipeError, TrainingError
from ae_zoo.training.meeting import TIMEOUT, wait_for_workers


@pytest.fixture
def addresses():
    """Addresses of three workers on this machine, at which nobody is."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return [f"127.0.0.1:{port}" for port in ports]


def test_workers_that_come_one_after_the_other_meet(addresses, monkeypatch):
    monkeypatch.setenv(TIMEOUT, "30")
    met = []

    def come(me):
        time.sleep(me / 5)
        wait_for_workers(addresses, me)
        met.append(me)
        # As TensorFlow does next: the address is free, and answers those still to come.
        host, port = addresses[me].split(":")
        with socket.create_server((host, int(port))):
            time.sleep(2)

    threads = [threading.Thread(target=come, args=(me,)) for me in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    assert sorted(met) == [0, 1, 2]


def test_a_worker_that_never_comes_is_named(addresses, monkeypatch):
    monkeypatch.setenv(TIMEOUT, "0.5")
    start = time.monotonic()
    with pytest.raises(TrainingError, match=f"{TIMEOUT} to more seconds") as error:
        wait_for_workers(addresses, 1)
    assert time.monotonic() - start < 10
    assert addresses[0] in str(error.value) and addresses[2] in str(error.value)
    assert addresses[1] not in str(error.value)


def test_an_address_in_use_is_named(addresses):
    host, port = addresses[0].split(":")
    with (
        socket.create_server((host, int(port))),
        pytest.raises(TrainingError, match=f"{addresses[0]} .*in use"),
    ):
        wait_for_workers(addresses, 0)


@pytest.mark.parametrize("text", ["soon", "0", "-3", "nan"])
def test_a_timeout_that_is_no_time_is_refused(text, addresses, monkeypatch):
    monkeypatch.setenv(TIMEOUT, text)
    with pytest.raises(RecipeError, match=TIMEOUT):
        wait_for_workers(addresses, 0)
