"""The worker program of `monitor.parse.ParserPool`: reads tasks from its pipe, answers each.

Started as ``python -I parse_worker.py PARENT SECONDS MEGABYTES``. It dies with its parent, takes
no signal that is meant for the daemon, and has limits on memory and on the CPU time of each task.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from monitor.item import ParseResult, ParseTask

_PR_SET_PDEATHSIG = 1
_TINY = (
    b"<rss version='2.0'><channel><item><title>&lt;b&gt;a&lt;/b&gt;</title></item></channel></rss>"
)


def main(parent: int, seconds: int, megabytes: int) -> None:
    """Serve until the pipe closes."""
    _belong_to(parent)
    sys.path.append(str(Path(__file__).resolve().parent.parent))
    from monitor.item import ParseFailed  # noqa: PLC0415 - only now is it on the path
    from monitor.parse_wire import (  # noqa: PLC0415 - likewise
        TAKEN,
        frame,
        result_to_bytes,
        task_from_frames,
    )

    read = _reader()
    # Made now: when memory has run out, there is none to make it from.
    too_big = frame(
        result_to_bytes(ParseFailed("memory", f"the document needs over {megabytes} MB to parse"))
    )
    _allow_memory(megabytes)
    _write(frame(b""))
    while _is_slim(megabytes) and (frames := _next_task(sys.stdin.buffer)) is not None:
        _write(TAKEN)
        _allow_time(seconds)
        try:
            answer = result_to_bytes(read(task_from_frames(*frames)))
        except MemoryError:
            os.write(sys.stdout.fileno(), too_big)
            return
        except Exception as error:  # noqa: BLE001 - feedparser raises a dozen kinds; any costs one task
            name = type(error).__name__
            answer = result_to_bytes(ParseFailed("crashed", f"the parser failed: {name}"))
        _write(frame(answer))


def _is_slim(megabytes: int) -> bool:
    """One huge document must not keep its memory for ever: the pool starts another worker."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() < (megabytes << 20) // 2


def _belong_to(parent: int) -> None:
    """Die when the parent does, and only then: systemd and Ctrl-C signal the whole group."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _limit(resource.RLIMIT_CORE, 0, 0)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked to be told
        sys.exit(0)


def _reader() -> Callable[[ParseTask], ParseResult]:
    """What answers a task, warmed up: everything that is loaded once is loaded here."""
    from monitor.feedreader import read  # noqa: PLC0415 - only now is it on the path
    from monitor.item import ParseTask  # noqa: PLC0415 - likewise
    from monitor.language import Detector, load_guess  # noqa: PLC0415 - likewise

    guess = cache(load_guess)  # few feeds need it

    def guessed(text: str) -> tuple[str, float]:
        return guess()(text)

    detector = Detector(guessed)
    read(ParseTask(_TINY, "http://localhost/"), detector)
    return lambda task: read(task, detector)


def _allow_memory(megabytes: int) -> None:
    _limit(resource.RLIMIT_AS, megabytes << 20, megabytes << 20)


def _allow_time(seconds: int) -> None:
    """So many more seconds of CPU; the limit counts those of the whole process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, ceil(usage.ru_utime + usage.ru_stime) + seconds)


def _limit(what: int, soft: int, hard: int | None = None) -> None:
    """Set a limit, within those that this process was born with.

    Where a sandbox forbids it, feeds are read all the same: the pool's wall time and the memory
    of the service bound them too.
    """
    _, most = resource.getrlimit(what)
    if most != resource.RLIM_INFINITY:
        soft = min(soft, most)
        hard = most if hard is None else min(hard, most)
    with suppress(OSError, ValueError):
        resource.setrlimit(what, (soft, most if hard is None else hard))


def _next_task(pipe: BinaryIO) -> tuple[bytes, bytes] | None:
    """The frames of the next task, or None when the pool has closed the pipe."""
    about = _next_frame(pipe)
    body = _next_frame(pipe) if about is not None else None
    return (about, body) if about is not None and body is not None else None


def _next_frame(pipe: BinaryIO) -> bytes | None:
    head = pipe.read(4)
    if len(head) < 4:
        return None
    length = int.from_bytes(head, "big")
    payload = pipe.read(length)
    return payload if len(payload) == length else None


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
