"""The first poll is a baseline, also when its document was cut in the middle (B8, B13)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from rigs.clockwork import Clock, work
from rigs.origin import Origin, Reply

from monitor.config import load
from monitor.daemon import engine
from monitor.logs import Redactor

pytestmark = pytest.mark.usefixtures("parsing_here")

HOUR = timedelta(hours=1)
OLD = tuple(f"<item><guid>g{n}</guid><title>gas {n}</title></item>" for n in range(6))


def rss(*items: str, cut: bool = False) -> Reply:
    end = "<item><guid>x</guid><title>ga" if cut else "</channel></rss>"
    body = f"<rss version='2.0'><channel><title>T</title>{''.join(items)}{end}"
    return Reply(body=body.encode())


def told_after(folder: Path, *answers: Reply, clock: Clock) -> list[str]:
    """The titles people were told, once the feed gave these answers, one an hour."""

    async def main(url: str) -> list[str]:
        (folder / "wirewatch.yaml").write_text(
            "contact: desk@example.org\nallow_private: [127.0.0.1]\n"
            f"feeds: {{one: {{url: '{url}', every: 30m}}}}\nrules: {{gas: gas}}\n"
        )
        async with engine(load(folder), Redactor(), clock) as parts:
            for _ in answers:
                await work(parts)
                clock.step(HOUR)
            rows = await parts.writer(parts.store.deliveries, 100)
            return sorted(row.title for row in rows)

    with Origin() as origin:
        origin.serve("/one", *answers)
        return asyncio.run(main(origin.url("/one")))


def test_the_rest_of_a_first_document_that_was_cut_is_a_baseline_too(tmp_path: Path) -> None:
    answers = rss(*OLD[:3], cut=True), rss(*OLD)
    assert told_after(tmp_path, *answers, clock=Clock()) == []


def test_what_was_published_since_a_first_document_that_was_cut_is_told(tmp_path: Path) -> None:
    clock = Clock()
    date = format_datetime(clock.now + HOUR / 2)
    news = f"<item><guid>n</guid><title>gas now</title><pubDate>{date}</pubDate></item>"
    answers = rss(*OLD[:3], cut=True), rss(news, *OLD)
    assert told_after(tmp_path, *answers, clock=clock) == ["gas now"]


def test_a_feed_that_is_always_cut_is_told_of_from_its_third_poll_on(tmp_path: Path) -> None:
    answers = [rss(*OLD[n:], cut=True) for n in (2, 1, 0)]
    assert told_after(tmp_path, *answers, clock=Clock()) == ["gas 0"]
