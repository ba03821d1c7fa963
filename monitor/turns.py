"""One request to a host at a time, also where redirects lead.

T0 lets one feed of a host be asked; where its server sends us is known only on the way. So every
request of a poll has its turn at its host, and gives it back before it goes on to another: whoever
holds a turn waits for none.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass(slots=True)
class _Host:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0


class Turns:
    """The hosts that are being asked now."""

    def __init__(self) -> None:
        self._hosts: dict[str, _Host] = {}

    def __len__(self) -> int:
        return len(self._hosts)

    async def take(self, name: str) -> None:
        """Wait until nobody else asks this host."""
        host = self._hosts.setdefault(name, _Host())
        host.wanted += 1
        try:
            await host.lock.acquire()
        except BaseException:
            self._leave(name, host)
            raise

    def give_back(self, name: str) -> None:
        """Let the next one ask."""
        host = self._hosts[name]
        host.lock.release()
        self._leave(name, host)

    def _leave(self, name: str, host: _Host) -> None:
        host.wanted -= 1
        if not host.wanted:
            del self._hosts[name]


class Way:
    """One poll's way from host to host; at the end of the ``async with`` it holds no turn."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
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
            self._turns.give_back(self._at)
            self._at = None
