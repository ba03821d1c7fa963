"""What systemd is told: READY, STATUS, WATCHDOG, STOPPING (sd_notify(3)), without a library.

Chose forty lines on a datagram socket instead of a dependency, because the protocol is one
``send`` and the daemon must not fail where there is no systemd.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import timedelta

_LONGEST_LINE = 1000  # bytes: systemd ignores a whole message of more than 4096, READY with it
_LONGEST_PERIOD = 10**15  # microseconds, thirty years: a timedelta holds no number of any size
_PATIENCE = 2.0  # seconds: a READY that is lost because systemd is busy ends in a restart


def notify(*assignments: str, environment: Mapping[str, str] | None = None) -> bool:
    """Tell systemd, for example ``notify("READY=1", "STATUS=watching 12 feeds")``. False where
    nobody listens; never raises, and waits at most two seconds for a systemd that is busy.

    What stands in one assignment cannot become another: line ends in it become spaces.
    """
    address = (os.environ if environment is None else environment).get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):  # Linux's abstract name space
        address = "\0" + address[1:]
    message = b"\n".join(_line(assignment) for assignment in assignments)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(_PATIENCE)
            sender.connect(address)  # what is not connected cannot wait for room
            sender.sendall(message)
    except OSError:
        return False
    return True


def _line(assignment: str) -> bytes:
    line = " ".join(assignment.splitlines()).encode("utf-8", "replace")
    if len(line) <= _LONGEST_LINE:
        return line
    cut = line[: _LONGEST_LINE - len("…".encode())].decode("utf-8", "ignore")
    return f"{cut}…".encode()


def extend_timeout(more: timedelta) -> str:
    """The assignment that asks systemd for ``more`` time to start or to stop."""
    return f"EXTEND_TIMEOUT_USEC={more // timedelta(microseconds=1)}"


def watchdog_period(environment: Mapping[str, str] | None = None) -> timedelta | None:
    """How often systemd wants to hear from this process; None where it does not watch it."""
    told = os.environ if environment is None else environment
    if told.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = told.get("WATCHDOG_USEC", "")
    if not (microseconds.isascii() and microseconds.isdigit()):
        return None
    return timedelta(microseconds=min(int(microseconds), _LONGEST_PERIOD)) or None
