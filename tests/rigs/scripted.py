"""A deliverer on a real database, on a clock that the test moves; channels follow their scripts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alerts import Alert, Event, Receipt
from monitor.config import ChannelConfig, Config, RetryConfig
from monitor.database import open_engine, prepare
from monitor.deliverer import Deliverer, Senders
from monitor.ids import new_id
from monitor.store import NewDelivery, Store
from monitor.writer import Writer
from rules import compile_rules

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
S = timedelta(seconds=1)
Outcome = Receipt | Exception


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Scripted:
    """A channel that does what its script says, then accepts."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.sent: list[str] = []
        self.most_at_once = 0
        self.hold: asyncio.Event | None = None
        self._now = 0

    async def send(self, alert: Alert, now: datetime) -> Receipt:
        del now
        self.sent.append(alert.id)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            if self.hold is not None:
                await self.hold.wait()
            outcome = self.outcomes.pop(0) if self.outcomes else Receipt("200")
        finally:
            self._now -= 1
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def config_of(*names: str, retry: RetryConfig | None = None) -> Config:
    return Config(
        contact="desk@example.org",
        database="",
        feeds={},
        channels={
            name: ChannelConfig(name, "console", None, retry=retry, timeout=0.2 * S)
            for name in names
        },
        rules={},
        terms={},
        ruleset=compile_rules({}),
        notify=tuple(name for name in names if name == "ops"),
    )


class Outbox:
    """A deliverer on a real database, with scripted channels."""

    def __init__(self, store: Store, deliverer: Deliverer, clock: Clock) -> None:
        self.store = store
        self.deliverer = deliverer
        self.clock = clock

    def queue(self, channel: str, count: int = 1) -> list[str]:
        made = []
        for _ in range(count):
            alert = Alert(id=new_id(), at=NOW, body=Event("gap", "reuters", "a gap"))
            made.append(alert.id)
            with self.store.transaction():
                self.store.queue(
                    [NewDelivery(alert.id, channel, "hit", alert.to_json(), "a title", "rule")],
                    self.clock.now,
                )
        return made

    async def round(self, after: timedelta = timedelta()) -> None:
        """The clock moves on, what is due goes out, until nothing is under way."""
        self.clock.now += after
        await self.deliverer.deliver_due()
        await self.settled()

    async def settled(self) -> None:
        async with asyncio.timeout(10):
            while self.deliverer.running:  # noqa: ASYNC110 - the deliverer offers no event
                await asyncio.sleep(0.005)

    def states(self, channel: str) -> list[tuple[str, int, str]]:
        rows = sorted(self.store.deliveries(1000, channel=channel), key=lambda row: row.id)
        return [(row.state, row.attempts, row.answer) for row in rows]


@asynccontextmanager
async def outbox(
    folder: Path, retry: RetryConfig | None = None, **channels: Scripted
) -> AsyncIterator[Outbox]:
    url = f"sqlite:///{folder / 'wirewatch.db'}"
    prepare(url)
    store, writer, clock = Store(open_engine(url)), Writer(), Clock()
    store.sync_channels(dict.fromkeys(channels, ""))
    deliverer = Deliverer(
        store=store,
        writer=writer,
        senders=Senders(config_of(*channels, retry=retry), channels),
        owner="me",
        clock=clock,
        fraction=lambda: 0.5,
    )
    try:
        yield Outbox(store, deliverer, clock)
    finally:
        await deliverer.stop(S)
        writer.close()
        store.close()


def run(test: Callable[[], object]) -> None:
    asyncio.run(test())  # type: ignore[arg-type] # each test's own coroutine
