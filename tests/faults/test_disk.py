"""A database that refuses: full, locked, read-only. Nothing is lost, nothing is asked or told twice
for it, the log says what is wrong in one line, and it goes on by itself (D4 to D6)."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from rigs.clockwork import Clock, work
from rigs.daemon import Daemon, wait_until
from rigs.history import Article, stored_links
from rigs.newsroom import Newsroom

from monitor import daemon, systemd, writer
from monitor.config import load
from monitor.database import open_engine
from monitor.logs import Redactor, set_up
from monitor.store import Store

MINUTE = timedelta(minutes=1)
OLD = Article("feed-0", "old", "Xi and Putin met long ago")
NEW = Article("feed-0", "new", "Xi and Putin met", "They talked about the pipeline. " * 500)


@pytest.fixture
def news(tmp_path: Path) -> Iterator[Newsroom]:
    with Newsroom(tmp_path, every="15m") as made:
        made.publish(OLD, told=False)
        yield made


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked again every two seconds is asked again at once."""
    monkeypatch.setattr(writer, "_INSIST_EVERY", 0.05)
    set_up("INFO", Redactor())


class Disk:
    """A disk that is full when told to be, by SQLite's own limit of pages."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.full = False
        patch.setattr(daemon, "open_engine", self._open)

    def _open(self, url: str) -> sa.Engine:
        engine = open_engine(url)
        sa.event.listen(engine, "checkout", self._limit)
        return engine

    def _limit(self, connection: sqlite3.Connection, *_: object) -> None:
        (used,) = connection.execute("PRAGMA page_count").fetchone()
        limit = used if self.full else 1_000_000
        connection.execute(f"PRAGMA max_page_count={limit}")


def test_a_full_disk_is_told_in_a_line_and_nothing_is_lost_or_asked_for_twice(
    news: Newsroom, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    disk, clock = Disk(monkeypatch), Clock()

    async def scenario() -> None:
        async with daemon.engine(load(news.folder), Redactor(), clock) as parts:
            await work(parts)
            news.publish(NEW)
            disk.full = True
            clock.step(17 * MINUTE)
            await parts.tick()
            await until(lambda: parts.writer.refusal)
            assert parts.writer.refusal == "database or disk is full"
            assert NEW.link not in stored_links(news.database)
            disk.full = False
            await work(parts)
            await work(parts)

    asyncio.run(scenario())
    news.check()
    assert not news.missing()
    assert len(news.origin.requests) == 2
    log = capsys.readouterr().err
    assert 'database outcome=refused said="database or disk is full" next="asked again"' in log
    assert "Traceback" not in log


def test_after_a_disk_that_was_full_for_long_the_items_are_asked_for_again(
    news: Newsroom, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """T1 is given up when its lease ends; the validators it brought were never stored."""
    monkeypatch.setattr("monitor.recorder._PATIENCE", timedelta(seconds=0.1))
    disk, clock = Disk(monkeypatch), Clock()

    async def scenario() -> None:
        async with daemon.engine(load(news.folder), Redactor(), clock) as parts:
            await work(parts)
            news.publish(NEW)
            disk.full = True
            clock.step(17 * MINUTE)
            await work(parts)
            assert NEW.link not in stored_links(news.database)
            disk.full = False
            clock.step(17 * MINUTE)
            await work(parts)
            await work(parts)

    asyncio.run(scenario())
    news.check()
    assert not news.missing()
    first, second, third = news.origin.requests
    assert first.header("If-None-Match") is None
    assert second.header("If-None-Match") == third.header("If-None-Match") == b'"1"'
    log = capsys.readouterr().err
    assert 'poll feed=feed-0 outcome=not_recorded error="database or disk is full"' in log
    assert "Traceback" not in log


def refusing(times: int, real: Callable[..., Any]) -> Callable[..., Any]:
    left = [times]

    def question(*args: Any, **kwargs: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise sa.exc.OperationalError("", {}, sqlite3.OperationalError("database is locked"))
        return real(*args, **kwargs)

    return question


@pytest.mark.parametrize("method", ["claim_feeds", "claim_deliveries", "settle_sent", "add_hits"])
def test_what_is_refused_for_a_moment_is_neither_lost_nor_told_twice(
    news: Newsroom,
    method: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()

    async def scenario() -> None:
        async with daemon.engine(load(news.folder), Redactor(), clock) as parts:
            await work(parts)
            news.publish(NEW)
            monkeypatch.setattr(Store, method, refusing(2, getattr(Store, method)))
            clock.step(17 * MINUTE)
            for _ in range(4):
                await work(parts)

    asyncio.run(scenario())
    news.check()
    assert len(news.arrivals()) == 2 * 3  # two rules, three channels
    log = capsys.readouterr().err
    assert 'database outcome=refused said="database is locked"' in log
    assert "Traceback" not in log


def test_a_database_that_refuses_does_not_starve_the_watchdog_and_is_shown(
    news: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restart would not mend it."""

    async def scenario() -> tuple[list[str], list[str]]:
        told: list[list[str]] = [[], []]
        async with daemon.engine(load(news.folder), Redactor(), Clock()) as parts:
            served = daemon.Daemon(parts, news.folder)
            for method in ("claim_feeds", "claim_deliveries", "pulse"):
                monkeypatch.setattr(Store, method, refusing(10**9, Store.pulse))
            for part in told:
                monkeypatch.setattr(systemd, "notify", lambda *a, p=part: p.extend(a))
                await parts.tick()
                await served._feed()
        return told[0], told[1]

    for told in asyncio.run(scenario()):
        assert told == [
            "WATCHDOG=1",
            "STATUS=THE DATABASE REFUSES: database is locked; watching 1 feeds",
        ]


async def until(question: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not question():  # noqa: ASYNC110 - what is asked for has no event
            await asyncio.sleep(0.01)


@contextmanager
def small_disk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """A file system of 2 MB that only its own processes see: its path as seen from here, and how
    to start them."""
    folder.mkdir()
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("nsenter"):
        pytest.skip("a small file system needs root, unshare and nsenter")
    holder = subprocess.Popen(
        [
            "unshare",
            "-m",
            "sh",
            "-c",
            f"mount -t tmpfs -o size=2m tmpfs {folder} && echo; exec cat",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert holder.stdout is not None
    try:
        if holder.stdout.readline() != b"\n":
            pytest.skip("this machine lets nobody mount a file system")
        yield (
            Path(f"/proc/{holder.pid}/root{folder}"),
            ["nsenter", f"--mount=/proc/{holder.pid}/ns/mnt"],
        )
    finally:
        holder.communicate()


@pytest.mark.root
def test_the_daemon_outlives_a_full_disk(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "small") as (seen, wrapper),
        Newsroom(tmp_path, more=f"database: sqlite:///{tmp_path}/small/wirewatch.db") as news,
    ):
        news.publish(OLD, told=False)
        log = tmp_path / "daemon.log"
        with Daemon(tmp_path, wrapper=wrapper, log_file=log) as full:
            full.wait_ready()
            wait_until("the first poll", lambda: "poll feed=feed-0 outcome=ok" in full.log)
            fill(seen / "filler")
            news.publish(NEW)
            wait_until("the log to say so", lambda: "database outcome=refused" in full.log)
            assert full.returncode is None
            (seen / "filler").unlink()
            full.kill()  # or it would wait for the lease of the poll that was not recorded
        with Daemon(tmp_path, wrapper=wrapper, log_file=log) as again:
            again.wait_ready()
            wait_until("the alerts", lambda: not news.missing())
            assert again.stop() == 0
        shutil.copy(seen / "wirewatch.db", news.database)
        news.check()
        assert "Traceback" not in again.log


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as filler, closing(filler):
        size = 1 << 20
        while size:
            try:
                filler.write(bytes(size))
            except OSError:
                size //= 2
