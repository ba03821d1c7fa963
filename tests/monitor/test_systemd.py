"""What systemd hears of us, on the socket it listens to."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Timer

import pytest

from monitor.systemd import extend_timeout, notify, watchdog_period


class Listener:
    """The socket that systemd would listen to, and how a process is told of it."""

    def __init__(self, address: str) -> None:
        self.environment = {"NOTIFY_SOCKET": address}
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(5)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def heard(self) -> str:
        return self.socket.recv(65536).decode()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Listener]:
    listener = Listener(str(tmp_path / "notify"))
    yield listener
    listener.socket.close()


def test_all_assignments_travel_in_one_message(systemd: Listener) -> None:
    assert notify("READY=1", "STATUS=watching 2 feeds", environment=systemd.environment)
    assert systemd.heard() == "READY=1\nSTATUS=watching 2 feeds"


def test_an_abstract_socket_is_an_address_too() -> None:
    listener = Listener(f"@wirewatch-test-{os.getpid()}")
    assert notify("WATCHDOG=1", environment=listener.environment)
    assert listener.heard() == "WATCHDOG=1"
    listener.socket.close()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\u2028", "\x0b"])
def test_what_stands_in_a_status_cannot_become_an_assignment(systemd: Listener, end: str) -> None:
    assert notify(f"STATUS=refused: 'x{end}MAINPID=1'", environment=systemd.environment)
    assert systemd.heard() == "STATUS=refused: 'x MAINPID=1'"


def test_a_long_status_is_cut_so_that_systemd_takes_the_message(systemd: Listener) -> None:
    assert notify("READY=1", "STATUS=" + "管" * 5000, environment=systemd.environment)
    ready, status = systemd.heard().split("\n")
    assert ready == "READY=1"
    assert status.startswith("STATUS=管管")
    assert status.endswith("管…")
    assert 990 < len(status.encode()) <= 1000


def test_a_lone_surrogate_does_not_keep_the_message_back(systemd: Listener) -> None:
    assert notify("READY=1", "STATUS=\ud800", environment=systemd.environment)
    assert systemd.heard() == "READY=1\nSTATUS=?"


def test_without_systemd_nobody_is_told() -> None:
    assert not notify("READY=1", environment={})
    assert not notify("READY=1", environment={"NOTIFY_SOCKET": ""})


@pytest.mark.parametrize(
    "address", ["/nonexistent/notify", "/" + "x" * 200, "@nobody-listens-here"]
)
def test_a_socket_that_is_not_there_fails_nothing(address: str) -> None:
    assert not notify("READY=1", environment={"NOTIFY_SOCKET": address})


def fill(systemd: Listener) -> int:
    """Others' messages, until there is room for none of ours."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as crowd:
        crowd.setblocking(False)
        crowd.connect(systemd.environment["NOTIFY_SOCKET"])
        for sent in range(100_000):
            try:
                crowd.send(b"STATUS=me first")
            except BlockingIOError:
                return sent
    raise AssertionError("the queue has no end")


def test_ready_waits_for_a_systemd_that_is_busy(systemd: Listener) -> None:
    before_us = fill(systemd)
    heard: list[str] = []
    later = Timer(0.1, lambda: heard.extend(systemd.heard() for _ in range(before_us + 1)))
    later.start()
    assert notify("READY=1", environment=systemd.environment)
    later.join()
    assert heard[-1] == "READY=1"


def test_a_systemd_that_never_listens_holds_nobody_up(
    systemd: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.systemd._PATIENCE", 0.05)
    fill(systemd)
    assert not notify("WATCHDOG=1", environment=systemd.environment)


def test_more_time_is_asked_for_in_microseconds() -> None:
    assert extend_timeout(timedelta(minutes=10)) == "EXTEND_TIMEOUT_USEC=600000000"


@pytest.mark.parametrize(
    ("told", "period"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, timedelta(seconds=60)),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, timedelta(seconds=60)),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "٦٠"}, None),
        ({"WATCHDOG_USEC": "18446744073709551615"}, timedelta(microseconds=10**15)),
    ],
)
def test_the_watchdog_is_fed_only_when_systemd_asks_this_process(
    told: dict[str, str], period: timedelta | None
) -> None:
    assert watchdog_period(told) == period
