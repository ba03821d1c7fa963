"""One request to a host at a time, also where redirects lead.

T0 lets one feed of a host be asked; where its server sends us is known only on the way. So every
request of a poll has its turn at its host, and gives it back before it goes on to another: whoever
holds a turn waits for none. The next turn comes after the host's pause, whoever led there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from types import TracebackType
from typing import Self


@dataclass(slots=True)
class _Host:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0


Pause = Callable[[str], timedelta]
"""Between two requests to a host."""


def _no_pause(_: str) -> timedelta:
    return timedelta()


class Turns:
    """The hosts that are being asked now, and those that were asked just now. ``steady`` counts
    seconds on a clock that nobody sets, ``sleep`` lets some of them pass."""

    def __init__(
        self,
        steady: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._steady = steady
        self._sleep = sleep
        self._hosts: dict[str, _Host] = {}
        self._free_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._hosts)

    async def take(self, name: str) -> None:
        """Wait until nobody else asks this host, and its pause is over."""
        host = self._hosts.setdefault(name, _Host())
        host.wanted += 1
        try:
            await host.lock.acquire()
        except BaseException:
            self._leave(name, host)
            raise
        try:
            await self._rest(name)
        except BaseException:
            self.give_back(name)
            raise

    async def _rest(self, name: str) -> None:
        left = self._free_at.get(name, 0.0) - self._steady()
        if left > 0:
            await self._sleep(left)

    def give_back(self, name: str, pause: timedelta = timedelta()) -> None:
        """Let the next one ask, after so long a pause."""
        host = self._hosts[name]
        host.lock.release()
        self._leave(name, host)
        if pause:
            now = self._steady()
            self._free_at.pop(name, None)
            for other in [n for n, at in islice(self._free_at.items(), 2) if at <= now]:
                del self._free_at[other]  # two of the oldest each time, so that they stay few
            self._free_at[name] = now + pause.total_seconds()

    def _leave(self, name: str, host: _Host) -> None:
        host.wanted -= 1
        if not host.wanted:
            del self._hosts[name]


class Way:
    """One poll's way from host to host; at the end of the ``async with`` it holds no turn.
    ``pause`` says how long each host it leaves is left alone."""

    def __init__(self, turns: Turns, pause: Pause = _no_pause) -> None:
        self._turns = turns
        self._pause = pause
        self._at: str | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    async def to(self, host: str) -> None:
        """Go on to this host, in turn; staying where we are takes no time."""
        if host != self._at:
            self._leave()
            await self._turns.take(host)
            self._at = host

    def _leave(self) -> None:
        if self._at is not None:
            self._turns.give_back(self._at, self._pause(self._at))
            self._at = None
