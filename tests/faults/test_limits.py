"""What the daemon has too little of: file descriptors (D18). What has stopped in it: the watchdog
hears of it (D15)."""

from __future__ import annotations

import asyncio
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rigs.daemon import Daemon, wait_until
from rigs.history import Article
from rigs.newsroom import Newsroom, rss
from rigs.origin import Reply

from monitor import daemon, systemd
from monitor.config import load
from monitor.logs import Redactor
from monitor.store import Store

FILES = 64


def test_with_64_files_open_at_most_all_is_told_and_nothing_leaks(tmp_path: Path) -> None:
    """Forty publishers that take their time, and three receivers, need more than that at once."""
    if not shutil.which("prlimit"):
        pytest.skip("this needs prlimit")
    wrapper = ("prlimit", f"--nofile={FILES}")
    with Newsroom(tmp_path, feeds=40) as news, Daemon(tmp_path, wrapper=wrapper) as running:
        running.wait_ready()
        at_rest = open_files(running.pid)
        for feed in news.feeds:
            reply = Reply(200, rss(feed, ()), delay=0.7)
            news.origin.serve(f"/{feed}", reply)
        wait_until("many files open", lambda: open_files(running.pid) >= FILES - 24)
        polled = "poll feed={} outcome="
        wait_until(
            "a poll of each",
            lambda: all(polled.format(f) + "ok" in running.log for f in news.feeds),
        )
        news.publish(*(Article(feed, "new", "Xi and Putin met") for feed in news.feeds))
        wait_until("every alert", lambda: not news.missing() and not news.waiting(), 120, 0.1)
        news.configure(news.yaml().replace("every: 1s", "every: 1h"))
        running.signal(signal.SIGHUP)
        wait_until("rest", lambda: open_files(running.pid) <= at_rest + 10, 30)
        assert running.stop() == 0
        assert "Traceback" not in running.log
        news.check()


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@pytest.fixture
def news(tmp_path: Path) -> Iterator[Newsroom]:
    with Newsroom(tmp_path, every="15m") as made:
        yield made


def stuck(release: threading.Event) -> Callable[..., list[object]]:
    def question(*_: object, **__: object) -> list[object]:
        release.wait(30)
        return []

    return question


@pytest.mark.parametrize("what", ["claim_feeds", "claim_deliveries"])
def test_the_watchdog_is_not_fed_while_polling_or_delivering_stands_still(
    news: Newsroom, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    told: list[str] = []
    monkeypatch.setattr(systemd, "notify", lambda *words: told.extend(words))
    release = threading.Event()

    async def scenario() -> None:
        async with daemon.engine(load(news.folder), Redactor(), lambda: datetime.now(UTC)) as parts:
            served = daemon.Daemon(parts, news.folder)
            await parts.tick()
            await served._feed()
            assert "WATCHDOG=1" in told
            with monkeypatch.context() as patch:
                patch.setattr(Store, what, stuck(release))
                await stands_still(parts, served)

    async def stands_still(parts: daemon.Engine, served: daemon.Daemon) -> None:
        tick = asyncio.create_task(parts.tick())
        told.clear()
        for _ in range(3):
            await asyncio.sleep(0.05)
            await served._feed()
        assert told == []
        release.set()
        await tick

    asyncio.run(scenario())


def test_the_watchdog_is_fed_while_the_daemon_works(news: Newsroom) -> None:
    with Daemon(
        news.folder, WATCHDOG_USEC=str(timedelta(seconds=1.5) // timedelta(microseconds=1))
    ) as running:
        running.wait_ready()
        wait_until("being fed", lambda: running.told.count("WATCHDOG=1") >= 2)
        assert running.stop() == 0
