"""SIGKILL at random moments: at least once, never not at all (C2, D2).

``WIREWATCH_KILLS=1000`` makes it a long run, ``WIREWATCH_SEED`` another one. Most rounds fork the
daemon from a process that has already imported it, because importing takes most of a start and
writes nothing; every tenth is the command itself, killed while it starts as well.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
from rigs.daemon import Daemon, Nursery, wait_until, wirewatch
from rigs.history import Article
from rigs.mailbox import DROP_AFTER, DROP_BEFORE
from rigs.newsroom import Newsroom
from rigs.receiver import (
    Answer,
    Request,
    drop_after,
    drop_before,
    drop_in_the_middle,
    slow,
    status,
)

KILLS = int(os.environ.get("WIREWATCH_KILLS", "10"))
SEED = int(os.environ.get("WIREWATCH_SEED", "2"))
ARTICLES = max(200, KILLS)
FEEDS = 4


def moody(chance: random.Random) -> Callable[[Request], Answer]:
    """A receiver that fails in every way there is, and sometimes takes in what it fails on."""
    moods = (
        Answer(),
        drop_after(),
        drop_in_the_middle(),
        drop_before(),
        status(500),
        slow(0.3),
        status(429, retry_after="1"),
    )
    return lambda _request: chance.choices(moods, weights=(70, 8, 5, 5, 5, 5, 2))[0]


def moody_mailbox(news: Newsroom, chance: random.Random) -> None:
    replies = ("250", DROP_AFTER, DROP_BEFORE, "451 4.3.0 come back later")
    weights = (75, 10, 5, 10)
    news.mailbox.script("data", *chance.choices(replies, weights=weights, k=2 * ARTICLES))
    news.mailbox.script("rcpt", *chance.choices(("250", "450 4.2.1 busy"), weights=(19, 1), k=100))


def article(number: int) -> Article:
    """Every second is about Xi and Putin, every fifth about a pipeline, every tenth about both."""
    people = "Xi and Putin" if number % 2 == 0 else "Ministers"
    what = "the pipeline" if number % 5 == 0 else "the weather"
    return Article(f"feed-{number % FEEDS}", f"n{number}", f"{people} met about {what} ({number})")


@dataclass(frozen=True)
class Life:
    """When a daemon is killed: ``seconds`` after its ``cold`` start (the command itself), its
    ``warm`` one (forked), READY (``ready``), or the ``requests``-th alert it sent (``busy``)."""

    until: Literal["cold", "warm", "ready", "busy"]
    seconds: float
    requests: int = 0


def lives(chance: random.Random, cold_start: float) -> Iterator[Life]:
    """Half of the moments are where most is under way: while alerts are sent."""
    for number in range(KILLS):
        match number % 10:
            case 0:
                yield Life("cold", chance.uniform(0, cold_start))
            case 1 | 6:
                yield Life("warm", chance.uniform(0, 0.4))
            case 2 | 7:
                yield Life("ready", chance.uniform(0, 0.7))
            case _:
                yield Life("busy", chance.uniform(0, 0.03), chance.randint(1, 8))


def live(news: Newsroom, nursery: Nursery, life: Life) -> int:
    """Let a daemon live and kill it; its exit code."""
    sent = news.requests
    log = news.folder / "daemon.log"
    with Daemon(news.folder, None if life.until == "cold" else nursery, log_file=log) as daemon:
        if life.until in {"ready", "busy"}:
            daemon.wait_ready()
        if life.until == "busy":
            with suppress(TimeoutError):  # there may be too little to send
                wait_until("requests", lambda: news.requests - sent >= life.requests, 1)
        time.sleep(life.seconds)  # the moment is what is tested; nothing is waited for
        children = psutil.Process(daemon.pid).children(recursive=True)
        daemon.kill()
        wait_until("end of its parsers", lambda: all(ended(child) for child in children))
        assert daemon.returncode is not None
        return daemon.returncode


def ended(process: psutil.Process) -> bool:
    """Dead, whether or not somebody has taken notice."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def cold_start(news: Newsroom) -> float:
    """How long the command takes to READY here and now; the first poll is done by then."""
    news.publish(
        *(Article(f"feed-{n}", "old", "Xi and Putin met long ago") for n in range(FEEDS)),
        told=False,
    )
    assert wirewatch(news.folder, "once").returncode == 0
    began = time.monotonic()
    with Daemon(news.folder) as daemon:
        daemon.wait_ready()
        took = time.monotonic() - began
        assert daemon.stop() == 0
    return took


def sent_by_life(log: str) -> Iterator[int]:
    """For each alert that was settled: in which life, by number."""
    life = 0
    for line in log.splitlines():
        life += " ready " in line
        if "outcome=sent" in line:
            yield life


def test_nothing_is_lost_however_often_the_daemon_is_killed(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    with Newsroom(tmp_path, feeds=FEEDS) as news, Nursery() as nursery:
        plan = tuple(lives(chance, cold_start(news)))
        news.webhook.default = moody(random.Random(chance.random()))
        news.chat.default = moody(random.Random(chance.random()))
        moody_mailbox(news, chance)
        for number, life in enumerate(plan):
            first, last = (ARTICLES * n // KILLS for n in (number, number + 1))
            news.publish(*map(article, range(first, last)))
            assert live(news, nursery, life) == -9
        with Daemon(tmp_path, log_file=tmp_path / "daemon.log") as daemon:
            daemon.wait_ready()
            wait_until("every alert at every receiver", lambda: not news.missing(), 180, 0.2)
            wait_until("nothing to send", lambda: not news.waiting(), 60, 0.1)
            assert daemon.stop() == 0
        assert "Traceback" not in daemon.log
        assert len(set(sent_by_life(daemon.log))) > KILLS // 5, "too little was under way"
        assert len(news.expected().told) == ARTICLES // 2 + ARTICLES // 5
        assert len(news.arrivals()) > 3 * len(news.expected().told), "no repeats: too few kills"
        news.check()
