"""What systemd is told: READY, STATUS, WATCHDOG, STOPPING (sd_notify(3)), without a library.

Chose fifteen lines on a datagram socket instead of a dependency, because the protocol is one
``send`` and the daemon must not fail where there is no systemd.
"""

from __future__ import annotations

import os
import socket
from datetime import timedelta


def notify(*assignments: str) -> bool:
    """Tell systemd, for example ``notify("READY=1", "STATUS=watching 12 feeds")``. False where
    nobody listens; never raises."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    message = "\n".join(part.replace("\n", " ") for part in assignments)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto(message.encode(), address)
    except OSError:
        return False
    return True


def watchdog_period() -> timedelta | None:
    """How often systemd wants to hear from this process; None where it does not watch."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return timedelta(microseconds=int(microseconds)) if microseconds.isdigit() else None
