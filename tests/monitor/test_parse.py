"""The pool: bytes go in, items come out, and nothing a document does reaches anybody else."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
from rigs.bombs import SLOW

from monitor.parse import FeedHints, Item, NotAFeed, Parsed, ParseFailed, ParserPool, ParseTask

T = TypeVar("T")
URL = "https://desk.example/feeds/world.xml"
RSS = b"""<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>Desk</title><link>https://desk.example/</link>
<language>en-gb</language><ttl>30</ttl>
<item><title>Xi &amp;amp; Putin meet</title><link>/2026/meeting</link>
<guid isPermaLink="false">m-1</guid>
<description><![CDATA[<p>In <b>Bei</b>jing.</p><p>Gas too.</p>]]></description>
<pubDate>Sun, 22 Nov 2026 19:46:00 +0800</pubDate><category>World</category></item>
</channel></rss>"""


def with_pool(
    use: Callable[[ParserPool], Awaitable[T]], workers: int = 1, seconds: float = 20
) -> T:
    """What ``use`` returns of a pool that is open while it runs."""

    async def run() -> T:
        async with ParserPool(workers=workers, timeout=timedelta(seconds=seconds)) as pool:
            return await use(pool)

    return asyncio.run(run())


def task(body: bytes, **others: str) -> ParseTask:
    return ParseTask(body=body, url=URL, **others)  # type: ignore[arg-type]  # only its texts


def processes() -> list[psutil.Process]:
    """The workers of this process that live."""
    return [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and "parse_worker" in " ".join(child.cmdline())
    ]


def test_a_feed_becomes_clean_items() -> None:
    result = with_pool(lambda pool: pool.parse(task(RSS)))

    assert result == Parsed(
        version="rss20",
        title="Desk",
        items=(
            Item(
                key="g:m-1",
                key_version=1,
                guid="m-1",
                title="Xi & Putin meet",
                url="https://desk.example/2026/meeting",
                summary="In Beijing. Gas too.",
                tags=("World",),
                published=datetime(2026, 11, 22, 11, 46, tzinfo=UTC),
                source="Desk",
                lang="en",
            ),
        ),
        hints=FeedHints(ttl=timedelta(minutes=30)),
    )


def test_more_tasks_than_workers_are_all_answered() -> None:
    async def use(pool: ParserPool) -> list[object]:
        bodies = [RSS.replace(b"m-1", b"m-%d" % number) for number in range(20)]
        return list(await asyncio.gather(*(pool.parse(task(body)) for body in bodies)))

    results = with_pool(use, workers=2)

    keys = [result.items[0].key for result in results if isinstance(result, Parsed)]
    assert keys == [f"g:m-{number}" for number in range(20)]


def test_no_worker_starts_before_it_is_needed_and_none_outlives_the_pool() -> None:
    async def use(pool: ParserPool) -> tuple[int, int]:
        before = len(processes())
        await pool.parse(task(RSS))
        return before, len(processes())

    assert with_pool(use, workers=2) == (0, 1)
    assert processes() == []


def test_a_document_that_takes_too_long_is_given_up_and_the_others_proceed() -> None:  # B2
    async def use(pool: ParserPool) -> tuple[object, list[object]]:
        await asyncio.gather(pool.parse(task(RSS)), pool.parse(task(RSS)))  # both are warm
        bomb = asyncio.create_task(pool.parse(task(SLOW)))
        await asyncio.sleep(0)
        others = [await pool.parse(task(RSS)) for _ in range(5)]
        assert not bomb.done()
        after = await bomb
        return after, [*others, await pool.parse(task(RSS))]

    bomb, others = with_pool(use, workers=2, seconds=2.5)

    assert bomb == ParseFailed("timeout", "the document took more than 2.5 s to parse")
    assert [type(other) for other in others] == [Parsed] * 6


def test_a_worker_that_is_killed_costs_its_task_alone() -> None:
    async def use(pool: ParserPool) -> tuple[object, object]:
        await pool.parse(task(RSS))
        lost = asyncio.create_task(pool.parse(task(SLOW)))
        await asyncio.sleep(0.5)
        processes()[0].kill()
        return await lost, await pool.parse(task(RSS))

    lost, after = with_pool(use)

    message = "the parser process was ended by signal 9 while parsing the document"
    assert lost == ParseFailed("crashed", message)
    assert isinstance(after, Parsed)


def test_a_worker_that_dies_while_idle_costs_nothing() -> None:
    async def use(pool: ParserPool) -> list[object]:
        results: list[object] = []
        for _ in range(3):
            results.append(await pool.parse(task(RSS)))
            os.kill(processes()[0].pid, signal.SIGKILL)
        results.append(await pool.parse(task(RSS)))
        return results

    assert [type(result) for result in with_pool(use)] == [Parsed] * 4


def test_a_cancelled_task_leaves_the_pool_usable() -> None:
    async def use(pool: ParserPool) -> object:
        await pool.parse(task(RSS))
        given_up = asyncio.create_task(pool.parse(task(SLOW)))
        waiting = asyncio.create_task(pool.parse(task(RSS)))
        await asyncio.sleep(0.1)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        return await waiting

    assert isinstance(with_pool(use), Parsed)


def test_workers_ignore_the_signals_meant_for_the_daemon() -> None:
    async def use(pool: ParserPool) -> tuple[object, object]:
        await pool.parse(task(RSS))
        (before,) = processes()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before.send_signal(number)
        result = await pool.parse(task(RSS))
        return result, before == processes()[0]

    result, same = with_pool(use)

    assert isinstance(result, Parsed)
    assert same


def test_a_worker_is_limited_and_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_URL", "https://hooks.example/secret")

    async def use(pool: ParserPool) -> tuple[object, ...]:
        await pool.parse(task(RSS))
        (worker,) = processes()
        return (
            worker.rlimit(psutil.RLIMIT_AS),
            worker.rlimit(psutil.RLIMIT_CORE),
            worker.rlimit(psutil.RLIMIT_CPU)[0] < 60,
            "SLACK_URL" in worker.environ(),
        )

    limit = 256 << 20
    assert with_pool(use) == ((limit, limit), (0, 0), True, False)


def test_a_body_that_is_a_path_is_not_opened(tmp_path: Path) -> None:  # B1
    secret = tmp_path / "secret.xml"
    secret.write_bytes(RSS)

    result = with_pool(lambda pool: pool.parse(task(str(secret).encode())))

    assert isinstance(result, NotAFeed)
    assert result.looks_like.startswith('text that begins "/')
