"""Memory that is freed goes back to the system, so that one large feed leaves no trace."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

_M_MMAP_THRESHOLD = -3
_LARGE = 1 << 19


def give_back() -> None:
    """From now on what is larger than half a megabyte leaves the process as soon as it is freed.

    Left alone, glibc moves that limit up to the largest that was ever freed, 32 MB at most: after
    a few large bodies the process keeps forty megabytes for good, in pieces. Where there is no
    glibc nothing happens.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)


def set_aside() -> None:
    """What is there now stays for long: the collector need not look through it again and again.

    Of 10,000 rules each look takes a sixth of a second, in which nothing else is done. What is
    replaced later is freed all the same, as its last reference goes.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
