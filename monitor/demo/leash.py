"""Becomes another program that ends when the one who started it does.

Run as ``python leash.py PARENT PROGRAM ARGUMENT...``; PARENT is the process id of the caller. The
wish to be told survives exec(2), so that the daemon itself needs to know nothing of it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Ask Linux for SIGTERM at the parent's end, then become the program."""
    parent, *command = arguments
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == int(parent):  # else it ended before we asked
        os.execv(command[0], command)  # noqa: S606 - the caller's own program


if __name__ == "__main__":
    main(sys.argv[1:])
