"""Bytes -> Items, in a worker process with limits: `Parsed` | `NotAFeed` | `ParseFailed`.

What strangers send is parsed where it can do no harm: in a process that may die, be killed or run
out of memory without anybody else noticing.

Chose workers of our own on their own pipes, instead of concurrent.futures or pebble, because there
one dead worker takes the pool or its neighbours with it, and because each of theirs carries the
whole daemon.

Hardly a document takes a tenth of a second. One that takes more than a whole one is begun again
in a worker of its own, where it keeps nobody waiting but its like: a handful of documents made to
take as long as they may would otherwise hold up all feeds.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from types import TracebackType
from typing import Self

from monitor import parse_worker
from monitor.item import FeedHints, Item, NotAFeed, Parsed, ParseFailed, ParseResult, ParseTask
from monitor.parse_wire import LENGTH, TAKEN, result_from_bytes, task_to_frames

__all__ = [
    "FeedHints",
    "Item",
    "NotAFeed",
    "ParseFailed",
    "ParseResult",
    "ParseTask",
    "Parsed",
    "ParserPool",
]

_START_LIMIT = timedelta(seconds=60)
_QUICK = timedelta(seconds=1)
_LONGEST_QUEUE = timedelta(seconds=60)  # the lease of a poll is three times that
_PIECE = 1 << 18
_LONGEST_ANSWER = 256 << 20


class ParserPool:
    """Parses feeds in worker processes; whatever a document does, it costs that document only.

    Use it as ``async with ParserPool(workers=2) as pool``, from one event loop. Workers start when
    first needed. Any number of `parse` calls may wait; each is answered, in about the order they
    came. A call that is cancelled costs a worker, which is replaced.

    Args:
        workers: how many documents are parsed at once, besides one that takes long.
        timeout: wall time a document may take, counted from when a worker takes it.
        megabytes: address space of a worker.
    """

    def __init__(
        self,
        workers: int = 2,
        timeout: timedelta = timedelta(seconds=20),
        *,
        megabytes: int = 256,
    ) -> None:
        quick = min(timeout, _QUICK)
        self._workers = [_Worker(_Limits(quick, megabytes)) for _ in range(workers)]
        self._slow = _Worker(_Limits(timeout, megabytes)) if timeout > quick else None
        self._slow_is_taken = asyncio.Lock()
        # Last in, first out: a quiet daemon needs one worker, and that one is warm.
        self._free: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()
        for worker in self._workers:
            self._free.put_nowait(worker)
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all workers. Documents being parsed are answered with `ParseFailed`."""
        self._closed = True
        workers = [*self._workers, *([self._slow] if self._slow else [])]
        for worker in workers:
            worker.kill()
        await asyncio.gather(*(worker.buried() for worker in workers))

    async def parse(self, task: ParseTask) -> ParseResult:
        """The items of ``task.body``, or why there are none. Raises nothing for any body."""
        answer = await self._quickly(task)
        if isinstance(answer, ParseFailed) and answer.kind == "timeout" and self._slow:
            return await self._slowly(self._slow, task)
        return answer

    async def _quickly(self, task: ParseTask) -> ParseResult:
        worker = await self._free.get()
        try:
            return await self._parsed(worker, task)
        finally:
            self._free.put_nowait(worker)

    async def _slowly(self, worker: _Worker, task: ParseTask) -> ParseResult:
        try:
            async with asyncio.timeout(_LONGEST_QUEUE.total_seconds()):
                await self._slow_is_taken.acquire()
        except TimeoutError:
            return ParseFailed("timeout", "the document takes long to parse, as do those before it")
        try:
            return await self._parsed(worker, task)
        finally:
            self._slow_is_taken.release()

    async def _parsed(self, worker: _Worker, task: ParseTask) -> ParseResult:
        if self._closed:
            return ParseFailed("crashed", "the parser was shut down")
        return await worker.parse(task)


@dataclass(frozen=True, slots=True)
class _Limits:
    timeout: timedelta
    megabytes: int

    @property
    def seconds(self) -> float:
        return self.timeout.total_seconds()

    @property
    def arguments(self) -> tuple[str, ...]:
        # The worker's own limit is for the case that nobody is left to kill it.
        return (str(os.getpid()), str(ceil(self.seconds) + 1), str(self.megabytes))


class _Worker:
    """One place in the pool: a process, or none until it is needed."""

    def __init__(self, limits: _Limits) -> None:
        self._limits = limits
        self._process: asyncio.subprocess.Process | None = None

    async def parse(self, task: ParseTask) -> ParseResult:
        """One task in one process. A process that died idle is replaced, at no cost to the task."""
        try:
            for _ in range(2):
                process = await self._living()
                if process is None:
                    return ParseFailed("crashed", "the parser process could not be started")
                answer = await self._asked(process, task)
                if answer is not None:
                    return answer
        except asyncio.CancelledError:
            self.kill()
            raise
        return ParseFailed("crashed", "the parser process died before it took the document")

    async def _asked(
        self, process: asyncio.subprocess.Process, task: ParseTask
    ) -> ParseResult | None:
        """The answer of a process, or None when it was dead before it took the task."""
        taken = False
        try:
            async with asyncio.timeout(self._limits.seconds):
                await _send(process, task)
                taken = await _received(process, 1) == TAKEN
                return result_from_bytes(await _framed(process))
        except TimeoutError:
            await self.buried()
            seconds = f"{self._limits.seconds:g}"
            return ParseFailed("timeout", f"the document took more than {seconds} s to parse")
        except (OSError, EOFError):
            code = await self.buried()
            return _died(code) if taken else None

    async def _living(self) -> asyncio.subprocess.Process | None:
        """A process that waits for a task, or None when none will start."""
        if self._process is not None and self._process.returncode is None:
            return self._process
        await self.buried()
        try:
            self._process = await _start(self._limits)
            async with asyncio.timeout(_START_LIMIT.total_seconds()):
                await _framed(self._process)
        except (OSError, EOFError):  # TimeoutError is an OSError
            await self.buried()
        return self._process

    def kill(self) -> None:
        """End the process now.

        Not by ``Process.kill``: that reaps a process which has just ended, and asyncio, which
        waits for it in a thread of its own, then makes up an exit code.
        """
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    async def buried(self) -> int:
        """End the process, wait for its end and forget it; its exit code."""
        self.kill()
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.stdin is not None:
            process.stdin.close()
        return await process.wait()


async def _start(limits: _Limits) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        parse_worker.__file__,
        *limits.arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_environment(os.environ),
        cwd="/",
    )


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """What Python needs to start, and none of the secrets that ours may hold."""
    return {name: ours[name] for name in ("PATH", "LD_LIBRARY_PATH", "LANG") if name in ours}


async def _send(process: asyncio.subprocess.Process, task: ParseTask) -> None:
    """Write the task piece by piece, so that a large body is not copied into a buffer."""
    if process.stdin is None:
        raise EOFError
    head, body = task_to_frames(task)
    process.stdin.write(head)
    for start in range(0, len(body), _PIECE):
        process.stdin.write(body[start : start + _PIECE])
        await process.stdin.drain()


async def _received(process: asyncio.subprocess.Process, size: int) -> bytes:
    if process.stdout is None:
        raise EOFError
    return await process.stdout.readexactly(size)


async def _framed(process: asyncio.subprocess.Process) -> bytes:
    (length,) = LENGTH.unpack(await _received(process, LENGTH.size))
    if length > _LONGEST_ANSWER:
        raise EOFError
    return await _received(process, length)


def _died(code: int) -> ParseFailed:
    if code == -signal.SIGXCPU:
        return ParseFailed("timeout", "the document took too much CPU time to parse")
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return ParseFailed("crashed", f"the parser process {how} while parsing the document")
