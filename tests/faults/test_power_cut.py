"""The process dies at every boundary there is on an article's way, one after the other (C1, C2).

A `Fuse` counts the boundaries: each commit that is about to be made (what comes before it is undone
as one), each answer of the database, of a publisher, of a parser, of a receiver that nobody hears
any more. At one of them it blows: that one and everything after it raises `PowerCut`, so that
nothing tidies up. A new engine then goes on with the same database.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pytest
import sqlalchemy as sa
from rigs.clockwork import Clock, work
from rigs.history import Arrival, Article, Expected, check_history, stored_links
from rigs.newsroom import Newsroom
from rigs.receiver import Answer, Request, status

from alerts import Alert, Channel, Receipt
from alerts.registry import make as real_make
from monitor import daemon, poller
from monitor.config import load
from monitor.database import open_engine as real_open_engine
from monitor.fetch import fetch as real_fetch
from monitor.logs import Redactor
from monitor.parse import ParseResult, ParserPool, ParseTask
from monitor.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")


class PowerCut(BaseException):
    """The process is dead: no `except Exception` of ours may go on."""


class Fuse:
    """Blows at a boundary of this name, the n-th time it comes, and stays blown; never for n = 0.

    By name and not by number, because polling and sending take turns as they like.
    """

    def __init__(self, boundary: str = "", n: int = 0) -> None:
        self.blown = False
        self.passed = Counter[str]()
        self._boundary, self._n = boundary, n

    def pass_by(self, boundary: str) -> None:
        self.passed[boundary] += 1
        if self.blown or (boundary == self._boundary and self.passed[boundary] == self._n):
            self.blown = True
            raise PowerCut(boundary)

    async def after(self, what: str, work: Coroutine[Any, Any, T]) -> T:
        if self.blown:
            work.close()
            raise PowerCut(what)
        try:
            return await work
        finally:
            self.pass_by(what)


class SharedPool(ParserPool):
    """One pool for all lives: starting a parser takes longer than the rest of a life."""

    fuse = Fuse()

    async def __aexit__(self, *_: object) -> None:
        """It stays."""

    async def parse(self, task: ParseTask) -> ParseResult:
        return await self.fuse.after("a parse", super().parse(task))


class Fused:
    """A channel with a boundary after the send."""

    def __init__(self, channel: Channel, name: str, fuse: Fuse) -> None:
        self._channel, self._name, self._fuse = channel, name, fuse

    async def send(self, alert: Alert, now: datetime) -> Receipt:
        return await self._fuse.after(f"a send to {self._name}", self._channel.send(alert, now))


class World:
    """A newsroom and the lives of its engine, one after the other, on one event loop."""

    def __init__(self, news: Newsroom, patch: pytest.MonkeyPatch) -> None:
        self.news = news
        self.clock = Clock()
        self._patch = patch
        self._pool = SharedPool(workers=1)
        self._tls = ssl.create_default_context()
        self._config = load(news.folder)

    async def close(self) -> None:
        await self._pool.close()

    def _wire(self, fuse: Fuse, patch: pytest.MonkeyPatch) -> None:
        """Put the fuse into every boundary of the next engine."""
        self._pool.fuse = fuse
        patch.setattr(daemon, "ParserPool", lambda: self._pool)
        patch.setattr(ssl, "create_default_context", lambda: self._tls)
        patch.setattr(daemon, "open_engine", _fused_engine(fuse))
        patch.setattr(daemon, "Writer", lambda: FusedWriter(fuse))
        patch.setattr(daemon, "make", _fused_make(fuse))
        patch.setattr(poller, "fetch", _fused_fetch(fuse))

    async def live(self, fuse: Fuse) -> bool:
        """One life, until there is nothing to do any more or the fuse blows; whether it blew."""
        with self._patch.context() as patch, suppress(PowerCut):
            self._wire(fuse, patch)
            async with daemon.engine(self._config, Redactor(), self.clock) as parts:
                async with asyncio.timeout(60):
                    while not fuse.blown and not self._quiet():
                        self.clock.step(timedelta(seconds=1))
                        await work(parts)
        return fuse.blown

    def _quiet(self) -> bool:
        stored = stored_links(self.news.database)
        return {a.link for a in self.news.published} <= stored and not self.news.waiting()


class FusedWriter(Writer):
    """The writer thread, with a boundary after every question."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    async def __call__(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        name = getattr(question, "__name__", "question")
        return await self._fuse.after(name, super().__call__(question, *args, **kwargs))


def _fused_engine(fuse: Fuse) -> Callable[[str], sa.Engine]:
    def made(url: str) -> sa.Engine:
        engine = real_open_engine(url)
        sa.event.listen(engine, "commit", lambda _c: fuse.pass_by("a commit"))
        return engine

    return made


def _fused_make(fuse: Fuse) -> Callable[..., Channel]:
    return lambda kind, name, *rest: Fused(real_make(kind, name, *rest), name, fuse)


def _fused_fetch(fuse: Fuse) -> Callable[..., Coroutine[Any, Any, Any]]:
    return lambda *args, **kwargs: fuse.after("a request", real_fetch(*args, **kwargs))


@pytest.fixture
def news(tmp_path: Path) -> Iterator[Newsroom]:
    with Newsroom(tmp_path, window=5) as made:
        yield made


def articles() -> Iterator[Article]:
    number = 0
    while True:
        number += 1
        yield Article("feed-0", f"n{number}", f"Xi and Putin met for the {number}. time")


def of_what_is_stored(news: Newsroom) -> Expected:
    """Right after a crash the newest article may not be stored; what is stored must be whole."""
    stored = stored_links(news.database)
    expected = news.expected()
    return Expected(
        frozenset(told for told in expected.told if told[0] in stored),
        expected.send,
        expected.untold,
    )


def refuses_first() -> Callable[[Request], Answer]:
    """A receiver that is out of order whenever it sees an alert for the first time."""
    seen: set[bytes] = set()

    def answer(request: Request) -> Answer:
        new = request.body not in seen
        seen.add(request.body)
        return status(500) if new else Answer()

    return answer


EVERYWHERE = {"a request", "a parse", "_record", "a commit", "a send to chat", "_settle_ended"}


def test_a_crash_at_any_boundary_costs_at_most_a_repeat_under_the_same_id(
    news: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> set[str]:
        world, articles_ = World(news, monkeypatch), articles()
        news.chat.default = refuses_first()
        news.publish(Article("feed-0", "old", "Xi and Putin met long ago"), told=False)
        assert not await world.live(Fuse())
        news.publish(next(articles_))
        whole = Fuse()
        assert not await world.live(whole)
        died_at = set()
        for boundary, times in whole.passed.items():
            for n in range(1, times + 1):
                news.publish(next(articles_))
                if await world.live(Fuse(boundary, n)):
                    died_at.add(boundary)
                check_history(news.database, of_what_is_stored(news), news.arrivals(), waiting=True)
                assert not await world.live(Fuse())
                news.check()
        await world.close()
        return died_at

    assert asyncio.run(scenario()) >= EVERYWHERE
    assert most_repeats(news.arrivals()) == 2


def most_repeats(arrivals: list[Arrival]) -> int:
    places = [(arrival.channel, arrival.link) for arrival in arrivals]
    return max(places.count(place) for place in places)
