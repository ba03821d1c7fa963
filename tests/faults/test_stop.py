"""SIGTERM under load: the daemon ends within its time, with 0, and nothing is lost (D20).

``WIREWATCH_STOPS=100`` makes it a long run.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from rigs.clockwork import Clock
from rigs.daemon import Daemon, Nursery, wait_until
from rigs.history import Article
from rigs.newsroom import Newsroom
from rigs.receiver import Answer, never, slow, status

from monitor import daemon
from monitor.config import load
from monitor.logs import Redactor

STOPS = int(os.environ.get("WIREWATCH_STOPS", "4"))
LIMIT = 30.0


def test_nothing_is_lost_however_often_the_daemon_is_stopped(tmp_path: Path) -> None:
    chance = random.Random(4)
    with Newsroom(tmp_path, feeds=4) as news, Nursery() as nursery:
        first_poll(news, nursery)
        news.webhook.default = lambda _: chance.choice([Answer(), slow(0.2), status(500)])
        news.chat.default = lambda _: chance.choice([Answer(), slow(0.4)])
        for number in range(STOPS):
            news.publish(*(Article(feed, f"n{number}", "Xi and Putin met") for feed in news.feeds))
            stop_while_sending(news, nursery, chance)
        with Daemon(tmp_path, nursery, log_file=tmp_path / "running.log") as running:
            running.wait_ready()
            wait_until("every alert", lambda: not news.missing() and not news.waiting(), 120, 0.1)
            assert running.stop() == 0
        assert "Traceback" not in running.log
        assert running.log.count("outcome=sent") == len(news.arrivals()), "a stop caused a repeat"
        news.check()


def first_poll(news: Newsroom, nursery: Nursery) -> None:
    news.publish(*(Article(feed, "old", "Xi and Putin met") for feed in news.feeds), told=False)
    with Daemon(news.folder, nursery) as running:
        running.wait_ready()
        polled = "poll feed={} outcome=ok"
        wait_until(
            "the first polls",
            lambda: all(polled.format(feed) in running.log for feed in news.feeds),
        )
        assert running.stop() == 0


def stop_while_sending(news: Newsroom, nursery: Nursery, chance: random.Random) -> None:
    sent, wanted = news.requests, chance.randint(1, 8)
    with Daemon(news.folder, nursery, log_file=news.folder / "running.log") as running:
        running.wait_ready()
        with suppress(TimeoutError):  # there may be too little to send
            wait_until("requests", lambda: news.requests - sent >= wanted, 3)
        began = time.monotonic()
        assert running.stop(LIMIT) == 0
        assert running.told[-2:] == ["STOPPING=1", "STATUS=stopping: finishing what is being sent"]
        assert time.monotonic() - began < LIMIT


def test_a_receiver_that_never_answers_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it may have taken in is sent again, under the same id."""
    monkeypatch.setattr(daemon, "SEND_GRACE", timedelta(seconds=0.2))

    async def life(news: Newsroom, clock: Clock, requests: int) -> None:
        async with daemon.engine(load(news.folder), Redactor(), clock) as parts:
            clock.step(timedelta(seconds=2))
            await parts.tick()
            await asyncio.to_thread(news.webhook.wait_for, requests)

    with Newsroom(tmp_path) as news:
        clock = Clock()
        news.publish(Article("feed-0", "old", "Xi and Putin met"), told=False)
        asyncio.run(life(news, clock, 0))
        news.publish(Article("feed-0", "new", "Xi and Putin met"))
        news.webhook.script(never())
        asyncio.run(life(news, clock, 1))
        assert news.waiting() == 1
        asyncio.run(life(news, clock, 2))
        news.check()
        first, second = (request.header("webhook-id") for request in news.webhook.requests)
        assert first == second


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with Newsroom(tmp_path) as news:
        news.publish(Article("feed-0", "old", "Xi and Putin met"), told=False)
        news.webhook.default = never()
        with Daemon(tmp_path) as running:
            running.wait_ready()
            wait_until("the first poll", lambda: "poll feed=feed-0 outcome=ok" in running.log)
            news.publish(Article("feed-0", "new", "Xi and Putin met"))
            news.webhook.wait_for(1)
            running.signal(signal.SIGTERM)
            wait_until("the first to be heard", lambda: "STOPPING=1" in running.told)
            assert running.stop(5) == 130
        news.check(waiting=True)
