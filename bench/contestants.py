"""``python -m bench.contestants NAME FOLDER PORT FEEDS``: one way of polling feeds, in a process
of its own, a round at each line it reads.

After a round it writes the CPU seconds that the round took: its own, to the nanosecond, and those
of its children. What each does once when it starts is not counted for anyone.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time

import psutil

from bench.news import RuleMaker, material

RULES = 100
Round = Callable[[], None]


def urls(port: int, count: int) -> list[str]:
    """A feed each at an address of its own, as far as there are addresses: 1,000 of them."""
    return [
        f"http://127.0.{n % 1000 // 250 + 1}.{n % 250 + 1}:{port}/feed/{n}" for n in range(count)
    ]


def cpu() -> float:
    """Seconds on a processor so far, children that live included."""
    children = psutil.Process().children(recursive=True)
    return process_time() + sum(_on_cpu(child.pid) for child in children)


def _on_cpu(pid: int) -> float:
    """By the scheduler's own count, in nanoseconds, of all threads."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def plain_loop(folder: Path, feeds: list[str]) -> Iterator[Round]:
    """What one would write in an evening: feedparser with its defaults, and a table."""
    import feedparser  # noqa: PLC0415 - only this contestant's

    database = sqlite3.connect(folder / "loop.db")
    database.executescript(
        "PRAGMA journal_mode=wal;"
        "CREATE TABLE feeds(url TEXT PRIMARY KEY, etag TEXT, modified TEXT);"
        "CREATE TABLE items(feed TEXT, id TEXT, title TEXT, link TEXT, summary TEXT,"
        " published TEXT, PRIMARY KEY (feed, id));"
    )
    database.executemany("INSERT INTO feeds(url) VALUES (?)", [(url,) for url in feeds])
    database.commit()

    def poll() -> None:
        rows = database.execute("SELECT url, etag, modified FROM feeds").fetchall()
        for url, etag, modified in rows:
            found = feedparser.parse(url, etag=etag, modified=modified)
            assert found.status in {200, 304}, found
            if found.status == 304:
                continue
            database.executemany(
                "INSERT OR IGNORE INTO items VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (url, e.id, e.title, e.link, e.summary, e.get("published", ""))
                    for e in found.entries
                ],
            )
            database.execute(
                "UPDATE feeds SET etag = ?, modified = ? WHERE url = ?",
                (found.get("etag"), found.get("modified"), url),
            )
            database.commit()

    yield poll


@contextmanager
def reader(folder: Path, feeds: list[str]) -> Iterator[Round]:
    """The library of that name, with its defaults."""
    from reader import make_reader  # noqa: PLC0415 - only this contestant's

    made = make_reader(str(folder / "reader.db"))
    for url in feeds:
        made.add_feed(url)

    def poll() -> None:
        for result in made.update_feeds_iter(scheduled=False):
            assert not isinstance(result.value, Exception), result

    yield poll


@contextmanager
def wirewatch(folder: Path, feeds: list[str]) -> Iterator[Round]:
    """Ours: the daemon's engine with its log, its parser processes and 100 rules. Alerts are
    queued, not sent."""
    from monitor.config import load  # noqa: PLC0415 - only this contestant's
    from monitor.daemon import engine  # noqa: PLC0415 - likewise
    from monitor.logs import Redactor, set_up  # noqa: PLC0415 - likewise

    (folder / "wirewatch.yaml").write_text(configuration(feeds), encoding="utf-8")
    config, redact = load(folder), Redactor()
    set_up(config.log_level, redact)
    now = datetime.now(UTC)
    loop = asyncio.new_event_loop()
    made = engine(config, redact, lambda: now)
    parts = loop.run_until_complete(made.__aenter__())
    parts.poller._wake = lambda: None  # sending is another matter

    async def round_() -> None:
        nonlocal now
        now += timedelta(minutes=70)
        while await parts.poller.poll_due() or parts.poller.running:  # noqa: ASYNC110 - the rig's own clock
            await asyncio.sleep(0.01)

    loop.run_until_complete(_warm(parts.pool))
    yield lambda: loop.run_until_complete(round_())
    loop.run_until_complete(made.__aexit__(None, None, None))


async def _warm(pool: object) -> None:
    from monitor.parse import ParserPool, ParseTask  # noqa: PLC0415 - only this contestant's

    assert isinstance(pool, ParserPool)
    tasks = [ParseTask(b"<rss version='2.0'><channel/></rss>", "http://localhost/")] * 8
    await asyncio.gather(*(pool.parse(task) for task in tasks))


def configuration(feeds: list[str], options: str = "", sink: str = "http://127.0.0.1:9/") -> str:
    """A configuration of these feeds, 100 rules of the corpus and one endpoint."""
    maker = RuleMaker(material().known)
    rules = "".join(
        f"  r{number}: '{rule.expression}'\n" for number, rule in enumerate(maker.rules(RULES))
    )
    listed = "".join(f"  f{n}: {{url: '{url}'{options}}}\n" for n, url in enumerate(feeds))
    return (
        "contact: desk@example.org\nallow_private: [127.0.0.0/8]\n"
        f"channels: {{desk: {{type: webhook, url: '{sink}'}}}}\ndefaults: {{send: [desk]}}\n"
        f"feeds:\n{listed}rules:\n{rules}"
    )


CONTESTANTS = {"wirewatch": wirewatch, "loop": plain_loop, "reader": reader}


def main(name: str, folder: str, port: str, count: str) -> None:
    """Take part."""
    with CONTESTANTS[name](Path(folder), urls(int(port), int(count))) as poll:
        print("ready", flush=True)
        for _ in sys.stdin:
            begin = cpu()
            poll()
            print(f"{cpu() - begin:.6f}", flush=True)


if __name__ == "__main__":
    os.environ.pop("NOTIFY_SOCKET", None)
    main(*sys.argv[1:])
