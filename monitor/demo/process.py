"""The daemon as a process of its own, and what it says in its log.

Chose a child process running ``wirewatch run`` over the daemon's parts in this process, because
what a visitor sees is then what they get: its signals, its log, its exit code.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import monitor

_LINE = re.compile(r"\d\d:\d\d:\d\d (?:[a-z]+: )?(?P<what>[\w.]+)(?P<facts>.*)")
_FACT = re.compile(r'(?P<key>\w+)=(?:"(?P<quoted>[^"]*)"|(?P<plain>\S+))')
_FOREIGN = ("JOURNAL_STREAM", "NOTIFY_SOCKET", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY")
_LONGEST_LINE = 1024 * 1024
_LONGEST_LOG = 20 * 1024 * 1024
_LAST_WORDS = 2.0


class DaemonEndedError(Exception):
    """The daemon ended while it was needed; the message has its last words."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One outcome the daemon logged: ``poll feed=reuters outcome=ok new=1``."""

    what: str
    facts: Mapping[str, str]

    def count(self, fact: str) -> int:
        """A number of the line, 0 where it has none."""
        text = self.facts.get(fact, "0")
        return int(text) if text.isdigit() else 0


def log_line(text: str) -> LogLine | None:
    """Read a line of the plain log; None for any other."""
    found = _LINE.fullmatch(text.rstrip("\n"))
    if found is None:
        return None
    facts = {
        fact["key"]: fact["plain"] if fact["quoted"] is None else fact["quoted"]
        for fact in _FACT.finditer(found["facts"])
    }
    return LogLine(found["what"], facts)


class DaemonProcess:
    """``wirewatch run -c DIRECTORY``. Its log goes to the file ``log``, up to a size, and to
    ``lines``, from which the reader takes what was read."""

    def __init__(self, directory: Path, log: Path) -> None:
        self.lines: list[LogLine] = []
        self.command: Sequence[str] = (
            *(sys.executable, "-m", "monitor.cli", "run", "-c"),
            str(directory),
        )
        self.log = log
        self._last: list[str] = []
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def start(self) -> None:
        """Start it. It gets a session of its own, so that Ctrl-C in the terminal reaches us alone
        and we end it in order."""
        leash = (sys.executable, "-I", str(Path(__file__).with_name("leash.py")), str(os.getpid()))
        self._process = await asyncio.create_subprocess_exec(
            *leash,
            *self.command,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
            cwd=self.log.parent,
            env=environment(os.environ, self.log.parent),
            limit=_LONGEST_LINE,
            start_new_session=True,
        )
        self._reading = asyncio.create_task(self._read(), name="the daemon's log")

    async def _read(self) -> None:
        assert self._process is not None  # noqa: S101 - start() made it
        assert self._process.stderr is not None  # noqa: S101 - it was asked for
        with self.log.open("w", encoding="utf-8") as file:
            async for raw in self._process.stderr:
                self._take(raw.decode("utf-8", "replace"), file)
        self._news.set()

    def _take(self, text: str, file: TextIO) -> None:
        if file.tell() < _LONGEST_LOG:
            file.write(text)
            file.flush()
        self._last = [*self._last[-4:], text.rstrip()]
        line = log_line(text)
        if line is not None:
            self.lines.append(line)
            self._news.set()

    async def until(self, found: Callable[[list[LogLine]], bool]) -> None:
        """Wait until the log says so.

        Raises:
            DaemonEndedError: it ended first.
        """
        while not found(self.lines):
            if self._reading is None or self._reading.done():
                raise DaemonEndedError(" / ".join(self._last) or "it said nothing")
            self._news.clear()
            await self._news.wait()

    async def stop(self, patience: float = 10) -> int:
        """SIGTERM, and SIGKILL for a daemon that does not end in ``patience`` seconds; its exit
        code, negative for a signal."""
        process = self._process
        if process is None:
            return 0
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await process.wait()
        return await self.kill()

    async def kill(self) -> int:
        """End it and all it started, at once; harmless when they have ended."""
        process = self._process
        if process is None:
            return 0
        if process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        code = await process.wait()
        if self._reading is not None:
            await asyncio.wait({self._reading}, timeout=_LAST_WORDS)
        return code


def environment(ours: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The daemon's environment: ours, without what a service manager told us, with this very
    wirewatch to import and with temporary files in ``folder``."""
    kept = {name: value for name, value in ours.items() if name not in _FOREIGN}
    package = str(Path(monitor.__file__).resolve().parent.parent)
    paths = [package, *filter(None, [ours.get("PYTHONPATH")])]
    return kept | {
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUTF8": "1",
        "TMPDIR": str(folder),
    }
