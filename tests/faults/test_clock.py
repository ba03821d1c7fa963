"""The clock steps: a year on, a day back. What is due stays due, and nobody is asked too often
(A11, A13, D13, D14)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
from apscheduler.schedulers import base as apscheduler_base
from rigs.clockwork import Clock, work, work_for
from rigs.history import Article
from rigs.newsroom import Newsroom
from rigs.receiver import Answer, status

from monitor import daemon
from monitor.config import load
from monitor.logs import Redactor
from monitor.parse import ParserPool

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
EVERY = 15 * MINUTE
JITTER = EVERY / 10


@pytest.fixture
def news(tmp_path: Path) -> Iterator[Newsroom]:
    with Newsroom(tmp_path, feeds=3, every="15m") as made:
        made.publish(
            *(Article(feed, "old", "Xi and Putin met long ago") for feed in made.feeds), told=False
        )
        yield made


@asynccontextmanager
async def engine(news: Newsroom, clock: Clock) -> AsyncIterator[daemon.Engine]:
    async with daemon.engine(load(news.folder), Redactor(), clock) as parts:
        yield parts


def polls(news: Newsroom) -> dict[str, int]:
    return {feed: len(news.origin.requests_for(f"/{feed}")) for feed in news.feeds}


def test_what_is_due_is_polled_as_soon_as_the_daemon_is_ready(
    news: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a second later, as the scheduler would by itself: a restart should not be felt."""
    monkeypatch.setattr(daemon, "_TICK", 3600.0)

    async def scenario() -> None:
        async with engine(news, Clock()) as parts, serving(daemon.Daemon(parts, news.folder)):
            await until(lambda: all(polls(news).values()))

    asyncio.run(scenario())


def test_after_a_year_ahead_each_feed_is_polled_once(news: Newsroom) -> None:
    clock = Clock()

    async def scenario() -> None:
        async with engine(news, clock) as parts:
            await work(parts)
            clock.step(365 * DAY)
            await work_for(parts, clock, EVERY - SECOND, MINUTE)

    asyncio.run(scenario())
    assert polls(news) == dict.fromkeys(news.feeds, 2)
    news.check()


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("back", [20 * MINUTE, DAY, 10 * 365 * DAY], ids=["20m", "1d", "10y"])
def test_after_a_step_back_no_feed_is_polled_early_or_starves(
    news: Newsroom, back: timedelta, *, restart: bool
) -> None:
    clock = Clock()

    async def scenario() -> None:
        async with engine(news, clock) as parts:
            await work(parts)
            await work_for(parts, clock, 5 * MINUTE, MINUTE)
            clock.step(-back)
            if not restart:
                await go_on(parts)
        if restart:
            async with engine(news, clock) as parts:
                await go_on(parts)

    async def go_on(parts: daemon.Engine) -> None:
        news.publish(*(Article(feed, "new", "Xi and Putin met") for feed in news.feeds))
        await work_for(parts, clock, 10 * MINUTE - SECOND, MINUTE)
        assert polls(news) == dict.fromkeys(news.feeds, 1), "too early"
        await work_for(parts, clock, 5 * MINUTE + JITTER + MINUTE, MINUTE)
        assert polls(news) == dict.fromkeys(news.feeds, 2)

    asyncio.run(scenario())
    news.check()


def test_a_clock_that_was_a_year_ahead_for_a_while_delays_nothing(news: Newsroom) -> None:
    clock = Clock()

    async def scenario() -> None:
        async with engine(news, clock) as parts:
            await work(parts)
            clock.step(365 * DAY)
            news.publish(Article("feed-0", "new", "Xi and Putin met"))
            news.webhook.script(status(500), status(429, retry_after="60"))
            await work_for(parts, clock, 30 * SECOND, SECOND)
            assert ("siem", ("https://news.example/feed-0/new", "xi-putin")) in news.missing()
            clock.step(-365 * DAY)
            await work_for(parts, clock, 90 * SECOND, SECOND)
            news.check()
            await work_for(parts, clock, EVERY + JITTER, MINUTE)

    asyncio.run(scenario())
    assert polls(news) == dict.fromkeys(news.feeds, 3)


def test_a_silence_that_a_service_asked_for_is_kept_when_the_clock_steps_back(
    news: Newsroom,
) -> None:
    clock = Clock()

    async def scenario() -> None:
        async with engine(news, clock) as parts:
            await work(parts)
            news.publish(Article("feed-0", "new", "Xi and Putin met"))
            news.webhook.script(status(429, retry_after="600"))
            clock.step(EVERY + JITTER)
            await work(parts)
            clock.step(-DAY)
            await work_for(parts, clock, 500 * SECOND, 10 * SECOND)
            assert len(news.webhook.requests) == 1
            await work_for(parts, clock, 110 * SECOND, 10 * SECOND)

    asyncio.run(scenario())
    news.check()


def test_what_is_under_way_when_the_clock_leaps_is_not_begun_again(
    news: Newsroom,
) -> None:
    """A machine that was suspended finds its leases over while the work goes on."""
    clock = Clock()
    news.webhook.default = Answer(wait=0.5)

    async def scenario() -> None:
        async with engine(news, clock) as parts:
            await work(parts)
            clock.step(2 * EVERY)
            news.publish(Article("feed-0", "new", "Xi and Putin met"))
            await parts.tick()
            await until(lambda: news.webhook.requests)
            clock.step(DAY)
            await work(parts)

    asyncio.run(scenario())
    news.check()
    assert len(news.webhook.requests) == 1


def test_a_poll_under_way_when_the_clock_leaps_is_not_begun_again(
    news: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    going, go_on = asyncio.Event(), asyncio.Event()
    parse = ParserPool.parse

    async def slow(self: ParserPool, task: Any) -> Any:
        going.set()
        await go_on.wait()
        return await parse(self, task)

    async def scenario() -> None:
        async with engine(news, clock) as parts:
            monkeypatch.setattr(ParserPool, "parse", slow)
            await parts.tick()
            await going.wait()
            clock.step(DAY)
            await parts.tick()
            assert parts.poller.running == len(news.feeds)
            go_on.set()
            await work(parts)

    asyncio.run(scenario())
    assert polls(news) == dict.fromkeys(news.feeds, 1)


class SteppedDatetime(datetime):
    """The scheduler's own clock."""

    behind = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override] # a plain one
        return datetime.now(tz) - cls.behind


def test_the_tick_goes_on_when_the_scheduler_sees_the_clock_step_back(
    news: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apscheduler_base, "datetime", SteppedDatetime)
    monkeypatch.setattr(daemon, "utc_now", lambda: SteppedDatetime.now(UTC))
    monkeypatch.setattr(daemon, "_TICK", 0.1)
    monkeypatch.setattr(daemon, "_TICK_LATE", 0.5)
    monkeypatch.setattr(SteppedDatetime, "behind", timedelta())
    ticks: list[float] = []

    async def scenario() -> None:
        async with engine(news, Clock()) as parts:
            monkeypatch.setattr(parts, "tick", counted)
            async with serving(daemon.Daemon(parts, news.folder)):
                await until(lambda: len(ticks) > 3)
                monkeypatch.setattr(SteppedDatetime, "behind", DAY)
                ticks.clear()
                await until(lambda: len(ticks) > 3)

    async def counted() -> None:
        ticks.append(time.monotonic())

    asyncio.run(scenario())


@asynccontextmanager
async def serving(served: daemon.Daemon) -> AsyncIterator[None]:
    task = asyncio.create_task(served.serve())
    try:
        yield
    finally:
        served._end()
        await task


async def until(question: Any) -> None:
    async with asyncio.timeout(20):
        while not question():  # noqa: ASYNC110 - what is asked for has no event
            await asyncio.sleep(0.01)
