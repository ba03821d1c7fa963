"""One feed, one rule, one channel on loopback, and the daemon's engine on a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from rigs.clockwork import Clock, work, work_for
from rigs.origin import Origin, Page
from rigs.receiver import Receiver

from monitor.config import load
from monitor.daemon import Engine, engine
from monitor.logs import Redactor


class Desk:
    """A feed, a rule on it, a webhook, and a clock that the test moves."""

    def __init__(self, folder: Path, origin: Origin, receiver: Receiver) -> None:
        self.folder, self.origin, self.receiver = folder, origin, receiver
        self.clock = Clock()  # 2026-11-22 12:00 UTC, a Sunday
        self._published: list[str] = []
        self._seen = 0

    def configure(self, rule: str, more: str = "", channels: str = "") -> None:
        """Write the configuration: the rule ``pipes``, what follows it, and the channels."""
        usual = f"  siem: {{type: webhook, url: '{self.receiver.url}'}}\n"
        (self.folder / "wirewatch.yaml").write_text(
            "contact: desk@example.org\nallow_private: [127.0.0.1]\n"
            f"channels:\n{channels or usual}"
            f"feeds: {{one: {{url: '{self.origin.url('/one')}', every: 1m, first_poll: alert}}}}\n"
            f"rules:\n  pipes: {rule}\n{more}"
        )

    def publish(self, *names: str) -> None:
        """Add articles of these names, the newest last; each holds the word ``pipa``."""
        self._published += names
        titles = [name if "pipa" in name else f"pipa {name}" for name in self._published]
        entries = "".join(
            f"<item><guid>{number}</guid><title>{title}</title>"
            f"<link>https://a.example/{number}</link></item>"
            for number, title in reversed([*enumerate(titles)])
        )
        body = f"<rss version='2.0'><channel><title>T</title>{entries}</channel></rss>"
        self.origin.serve("/one", Page(body.encode()))

    def new(self) -> list[Any]:
        """The bodies that have arrived since last asked, events apart."""
        bodies = [request.json for request in self.receiver.accepted]
        found, self._seen = bodies[self._seen :], len(bodies)
        return found

    def run(self, test: Callable[[Engine], Awaitable[None]]) -> None:
        """With the daemon's engine; one test may do so several times, as after a restart."""

        async def main() -> None:
            async with engine(load(self.folder), Redactor(), self.clock) as parts:
                await test(parts)

        asyncio.run(main())

    def pass_time(self, span: timedelta, every: timedelta = timedelta(minutes=1)) -> None:
        """Let the clock go on, the daemon working ``every`` so often."""

        async def wait(parts: Engine) -> None:
            await work_for(parts, self.clock, span, every)

        self.run(wait)

    def now(self) -> None:
        """Let the daemon work without any time passing."""
        self.run(work)
