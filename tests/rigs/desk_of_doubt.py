"""The outbox, the policy and the deliverer in the test's own process: polls are recorded as the
poller records them, channels do what they are told to, and the clock is anybody's.

What the receivers took in and what should have been told is kept here, apart from the database, for
the history checker (`rigs.history.check_tellings`).
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast

import sqlalchemy as sa
from rigs.clockwork import Clock
from rigs.history import Article, Plan, Telling, Told, check_tellings, matching

import alerts
from alerts import Alert, PermanentFailure, Receipt, TemporaryFailure
from monitor.config import Config, load
from monitor.daemon import Engine
from monitor.deliverer import Senders
from monitor.guard import Clients
from monitor.item import Item, Parsed
from monitor.logs import Redactor
from monitor.outbox import channels_of
from monitor.record import record
from monitor.settle import Poll

Mood = Literal[
    "ok", "late", "temporary", "permanent", "gone", "silence", "bug", "crash", "crash after"
]
MOODS: tuple[Mood, ...] = (
    "ok", "late", "temporary", "permanent", "gone", "silence", "bug", "crash", "crash after"
)  # fmt: skip
"""``late``: taken in, but the connection breaks before it says so; ``gone``: refuses us for good;
``silence``: asks for a minute of it; ``crash``: the daemon dies before, or ``after``, it is taken
in."""
RULES = {"alpha": "alpha", "beta": "beta"}
_MOST_ROUNDS = 400


class Died(Exception):  # noqa: N818 - what happens, not a mistake
    """The process dies in the middle of T1."""


class Pen:
    """A channel that does what its script says, then accepts; it keeps what it took in."""

    def __init__(self, name: str, tellings: list[Telling], unsure: Counter[str]) -> None:
        self.name = name
        self.script: deque[Mood] = deque()
        self.dies: Callable[[], Awaitable[None]]
        self._tellings, self._unsure = tellings, unsure

    async def send(self, alert: Alert, now: datetime) -> Receipt:
        mood: Mood = self.script.popleft() if self.script else "ok"
        if mood in {"ok", "late", "crash after"}:
            self._tellings.append(telling_of(self.name, alert))
        if mood in {"late", "crash after"}:
            self._unsure[alert.id] += 1
        match mood:
            case "ok":
                return Receipt("200", ref=f"at {alert.id}")
            case "late" | "temporary":
                raise TemporaryFailure("503")
            case "silence":
                until = now + timedelta(minutes=1)
                raise TemporaryFailure("429", retry_at=until, blocks=True)
            case "permanent" | "gone":
                raise PermanentFailure("410", disables=mood == "gone")
            case "bug":
                raise ZeroDivisionError("oops")
            case "crash" | "crash after":
                await self.dies()
        raise AssertionError(mood)


class FollowingPen(Pen):
    """A channel whose service has threads."""

    async def follow(self, alert: Alert, first: object, now: datetime) -> Receipt:
        del first
        return await self.send(alert, now)


def telling_of(channel: str, alert: Alert) -> Telling:
    match alert.body:
        case alerts.Hit(rule=rule, item=item):
            return Telling(channel, alert.id, rule.name, 1, (item.url,))
        case alerts.Digest(rule=rule, hits=hits, count=count, more=more):
            assert len(hits) + more == count
            return Telling(channel, alert.id, rule.name, count, tuple(h.item.url for h in hits))
    return Telling(channel, alert.id)


class _Engine(Engine):
    """The daemon's engine with pens for channels."""

    def __init__(self, pens: Mapping[str, Pen], *rest: Any) -> None:
        super().__init__(*rest)
        self._pens = pens
        sa.event.listen(self.store._engine, "connect", _hurry)

    async def _open(self, config: Config) -> Clients:
        del config
        self._stacks.append(AsyncExitStack())
        return cast("Clients", None)  # nothing here has anything to dial

    def _senders(self, config: Config, clients: Clients) -> Senders:
        del clients
        enabled = {name for name, channel in config.channels.items() if channel.enabled}
        return Senders(config, {name: self._pens[name] for name in sorted(enabled)})


def _hurry(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")  # nobody cuts the power of this test


class DeskOfDoubt:
    """A world that anything may happen in.

    Args:
        folder: of its own, for the database and the configuration.
        template: an empty database, brought up to date.
        channels: their names, and whether their service has threads.
    """

    def __init__(self, folder: Path, template: Path, channels: Mapping[str, bool]) -> None:
        self.folder = folder
        self.database = folder / "wirewatch.db"
        shutil.copy(template, self.database)
        self.clock, self.seconds = Clock(), 0.0
        self.tellings: list[Telling] = []
        self.unsure: Counter[str] = Counter()
        self.told: dict[Told, frozenset[str]] = {}
        self.untold: set[Told] = set()
        self.fallbacks: set[tuple[str, str]] = set()
        self.windows: dict[str, list[Item]] = defaultdict(list)
        self.pens = {
            name: (FollowingPen if threads else Pen)(name, self.tellings, self.unsure)
            for name, threads in channels.items()
        }
        for pen in self.pens.values():
            pen.dies = self._die
        self._loop = asyncio.new_event_loop()
        self._dead = False
        self._running = False

    # --- what operators do -----------------------------------------------------------------------

    def start(self, yaml: str) -> None:
        self._configure(yaml)
        self._open()

    def reload(self, yaml: str) -> None:
        self._configure(yaml)
        self._run(self.parts.swap(self.config))

    def _configure(self, yaml: str) -> None:
        self.config = replace(_read(self.folder, yaml), database=f"sqlite:///{self.database}")
        self.fallbacks |= {
            (name, channel.fallback)
            for name, channel in self.config.channels.items()
            if channel.fallback
        }

    def ask(self, question: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """A question to the store, in the writer's thread."""
        return self._run(self.parts.writer(question, *args, **kwargs))

    def revive(self, channel: str | None = None) -> None:
        revived = self.ask(
            self.parts.store.revive,
            self.clock.now,
            channel=channel,
            able=list(self.config.channels),
        )
        arrived = {telling.id for telling in self.tellings}
        self.unsure.update(id_ for id_ in revived if id_ in arrived)

    # --- what happens to the daemon --------------------------------------------------------------

    def _open(self) -> None:
        self._dead = False
        self.parts = _Engine(self.pens, self.config, Redactor(), self.clock, self._counted)
        self._run(self.parts.start())
        self._running = True

    def _counted(self) -> float:
        return self.seconds

    async def _die(self) -> None:
        self._dead = True
        await asyncio.Event().wait()

    def crash(self) -> None:
        """Drop everything that is under way, T3 included, and start on the same database."""
        self._end()
        self._open()

    def _end(self) -> None:
        tasks = [*self.parts.deliverer._running, *self.parts.deliverer._going_on]
        self.unsure.update(self.parts.deliverer._sending)
        for task in tasks:
            task.cancel()
        self._run(_ended(tasks))
        self._run(self.parts.close())
        self._running = False

    def close(self) -> None:
        if self._running:
            self._end()
        self._loop.close()

    def _run(self, work: Any) -> Any:
        return self._loop.run_until_complete(work)

    # --- what goes on ----------------------------------------------------------------------------

    def poll(self, feed: str, articles: Sequence[Article], *, dies: bool = False) -> None:
        """One poll that brings these articles on top of its last ones; it may die in T1."""
        now = self.clock.now
        new = [
            Item(
                key=article.guid, key_version=1, guid=article.guid, title=article.title,
                url=article.link, published=now, source=feed, lang="en",
            )
            for article in articles
        ]  # fmt: skip
        window = [*reversed(new), *self.windows[feed]][: max(12, len(new))]
        try:
            row, outcome = self.ask(self._record, feed, window, now, dies)
        except Died:
            return
        assert outcome.outcome == "ok"
        self.windows[feed] = window
        first = row.baselined_at is None and self.config.feeds[feed].first_poll != "alert"
        for told in matching(articles, RULES):
            if first:
                self.untold.add(told)
            else:
                rule = self.config.rules[told[1]]
                self.told[told] = frozenset(channels_of(rule, self.config))

    def _record(self, feed: str, window: Sequence[Item], now: datetime, dies: bool) -> Any:
        store = self.parts.store
        (row,) = [row for row in store.feeds() if row.name == feed]
        answer = Parsed("rss20", feed, tuple(window))
        poll = Poll(row, (self.config.feeds[feed],), answer, status=200)
        with store.transaction():
            outcome = record(store, poll, self.config, now)
            if dies:
                raise Died
        return row, outcome

    def pass_time(self, span: timedelta) -> None:
        self.clock.step(span)
        self.seconds += span.total_seconds()

    def step(self, span: timedelta) -> None:
        """Somebody sets the clock."""
        self.clock.step(span)

    def work(self) -> None:
        """One tick, and all the work it starts, to its end; or to the daemon's."""
        self._run(self._work())
        if self._dead:
            self.crash()

    async def _work(self) -> None:
        await self.parts._mind_the_clock()
        deliverer = self.parts.deliverer
        await deliverer.deliver_due()
        while (deliverer.running or deliverer._claiming) and not self._dead:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0.0005)

    # --- what is judged --------------------------------------------------------------------------

    def check(self, *, over: bool = False) -> None:
        plan = Plan(self.told, frozenset(self.untold), frozenset(self.fallbacks), dict(self.unsure))
        check_tellings(self.database, plan, self.tellings, over=over)

    def end_well(self, yaml: str) -> None:
        """Everything works again, nobody wants quiet, and there is time enough for all."""
        for pen in self.pens.values():
            pen.script.clear()
        self.reload(yaml)
        for mute in self.ask(self.parts.store.mutes, self.clock.now):
            self.ask(self.parts.store.lift_mute, mute.id, self.clock.now)
        for _ in range(4):
            self.pass_time(timedelta(hours=20))
            self._until_idle()
        for channel in self.pens:
            self.revive(channel)
        self._until_idle()

    def _until_idle(self) -> None:
        for _ in range(_MOST_ROUNDS):
            self.work()
            left = self.ask(self.parts.store.left_to_do, self.clock.now, list(self.config.channels))
            if not left[1]:
                return
        raise AssertionError("it never comes to an end")


async def _ended(tasks: Sequence[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


@lru_cache(maxsize=512)
def _read_cached(folder: Path, yaml: str) -> Config:
    file = folder / "wirewatch.yaml"
    file.write_text(yaml)
    return load(file)


def _read(folder: Path, yaml: str) -> Config:
    return _read_cached(folder.parent, yaml)
