"""How a publisher sees us: what is asked, with which headers, and never earlier than promised.

A number such as A3 names the requirement of the catalogue that a test shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rigs.clockwork import Clock, work
from rigs.origin import Origin, Page, Reply, Request

from monitor.config import load
from monitor.daemon import Engine, engine
from monitor.logs import Redactor

pytestmark = pytest.mark.usefixtures("parsing_here")

M = timedelta(minutes=1)
H = timedelta(hours=1)


def rss(*guids: str) -> bytes:
    entries = "".join(
        f"<item><guid>{guid}</guid><title>Item {guid}</title><link>https://a.example/{guid}</link></item>"
        for guid in guids
    )
    return f"<rss version='2.0'><channel><title>T</title>{entries}</channel></rss>".encode()


class Site:
    """One feed on loopback, and the daemon's engine on a clock of its own."""

    def __init__(self, origin: Origin, folder: Path) -> None:
        self.origin = origin
        self.folder = folder
        self.clock = Clock()
        self.configure(f'one: {{url: "{origin.url("/one")}", every: 10m}}')

    def configure(self, *feeds: str) -> None:
        (self.folder / "wirewatch.yaml").write_text(
            "contact: desk@example.org\nallow_private: [127.0.0.1]\nchannels: {}\nfeeds:\n"
            + "".join(f"  {feed}\n" for feed in feeds)
            + "rules: {items: item}\n"
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Engine]:
        async with engine(load(self.folder), Redactor(), self.clock) as parts:
            yield parts

    async def poll(self, after: timedelta = timedelta(), rounds: int = 1) -> None:
        """The clock moves on and the daemon, started anew, does what is due."""
        self.clock.step(after)
        async with self.running() as parts:
            for _ in range(rounds):
                await work(parts)

    def asked(self, path: str = "/one") -> list[Request]:
        return [request for request in self.origin.requests if request.path == path]

    async def row(self, name: str = "one") -> Any:
        async with self.running() as parts:
            rows = await parts.writer(parts.store.feeds)
        return next(row for row in rows if row.name == name)


@pytest.fixture
def site(tmp_path: Path) -> Any:
    with Origin() as origin:
        yield Site(origin, tmp_path)


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())  # type: ignore[arg-type] # each test's own coroutine


def test_a1_after_the_first_answer_every_request_is_conditional(site: Site) -> None:
    async def main() -> None:
        site.origin.serve("/one", Page(rss("a"), etag='"1"', last_modified="Sun, 22 Nov 2026"))
        for _ in range(4):
            await site.poll(after=2 * H)
        first, *rest = site.asked()
        assert first.header("If-None-Match") is None
        assert len(rest) == 3
        assert {r.header("If-None-Match") for r in rest} == {b'"1"'}
        assert {r.header("If-Modified-Since") for r in rest} == {b"Sun, 22 Nov 2026"}

    run(main)


@pytest.mark.parametrize("etag", ['W/"x"', "unquoted", '"a b"', "''", '"ü"'])
def test_a2_validators_go_back_byte_for_byte(site: Site, etag: str) -> None:
    async def main() -> None:
        site.origin.serve("/one", Reply(body=rss("a"), headers={"ETag": etag.encode()}))
        await site.poll()
        await site.poll(after=2 * H)
        assert site.asked()[1].header("If-None-Match") == etag.encode()

    run(main)


def test_a3_validators_of_two_answers_are_never_mixed(site: Site) -> None:
    async def main() -> None:
        site.origin.serve(
            "/one",
            Reply(body=rss("a"), headers={"ETag": '"1"', "Last-Modified": "yesterday"}),
            Reply(body=rss("a", "b"), headers={"Last-Modified": "today"}),
        )
        for _ in range(3):
            await site.poll(after=2 * H)
        assert site.asked()[2].header("If-None-Match") is None
        assert site.asked()[2].header("If-Modified-Since") == b"today"

    run(main)


def test_a4_new_validators_of_an_unchanged_body_are_kept(site: Site) -> None:
    async def main() -> None:
        site.origin.serve(
            "/one",
            Reply(body=rss("a"), headers={"ETag": '"1"'}),
            Reply(body=rss("a"), headers={"ETag": '"2"'}),
        )
        for _ in range(3):
            await site.poll(after=2 * H)
        assert site.asked()[2].header("If-None-Match") == b'"2"'
        assert (await site.row()).last_outcome == "unchanged"

    run(main)


def test_a5_a_304_with_new_validators_changes_them(site: Site) -> None:
    async def main() -> None:
        site.origin.serve(
            "/one",
            Reply(body=rss("a"), headers={"ETag": '"1"'}),
            Reply(304, headers={"ETag": '"2"'}),
        )
        for _ in range(3):
            await site.poll(after=2 * H)
        assert site.asked()[2].header("If-None-Match") == b'"2"'

    run(main)


def test_a6_validators_are_stored_only_together_with_the_items_of_their_body(site: Site) -> None:
    async def main() -> None:
        site.origin.serve("/one", Page(rss("a"), etag='"1"'))
        async with site.running() as parts:
            adds = parts.store.add_items
            parts.store.add_items = _refuse  # type: ignore[method-assign,assignment] # the power goes here
            await work(parts)
            parts.store.add_items = adds  # type: ignore[method-assign] # and comes back
            (row,) = await parts.writer(parts.store.feeds)
            assert row.etag is None
        await site.poll(after=2 * H)
        assert site.asked()[1].header("If-None-Match") is None
        assert (await site.row()).etag == b'"1"'

    run(main)


def _refuse(*_: object) -> None:
    raise OSError("no more")


def test_a7_validators_of_a_page_that_is_no_feed_are_not_kept(site: Site) -> None:
    async def main() -> None:
        page = b"<!doctype html><title>Just a moment...</title>"
        site.origin.serve(
            "/one",
            Reply(body=rss("a"), headers={"ETag": '"1"'}),
            Reply(body=page, headers={"ETag": '"page"', "Content-Type": "text/html"}),
            Reply(body=rss("a", "b"), headers={"ETag": '"2"'}),
        )
        await site.poll()
        await site.poll(after=2 * H)
        row = await site.row()
        assert (row.state, row.failures) == ("not_a_feed", 1)
        assert row.last_error == 'not a feed: an HTML page titled "Just a moment..."'
        await site.poll(after=25 * H)
        assert site.asked()[2].header("If-None-Match") == b'"1"'
        assert (await site.row()).state == "ok"

    run(main)


def test_a11_a12_restarts_poll_nothing_that_is_not_due(site: Site) -> None:
    async def main() -> None:
        site.origin.serve("/one", Page(rss("a"), etag='"1"'))
        for _ in range(20):
            await site.poll(after=timedelta(seconds=20))
        assert len(site.asked()) == 1
        await site.poll(after=10 * M)
        assert len(site.asked()) == 2

    run(main)


def test_a13_two_feeds_of_one_host_are_asked_one_after_the_other(site: Site) -> None:
    async def main() -> None:
        feeds = [f"f{n}: {{url: '{site.origin.url(f'/f{n}')}', every: 10m}}" for n in range(6)]
        site.configure(*feeds)
        for n in range(6):
            site.origin.serve(f"/f{n}", Page(rss("a")))
        async with site.running() as parts:
            for _ in range(8):
                site.clock.step(timedelta(seconds=1))
                await work(parts)
        assert len(site.origin.requests) == 6
        assert site.origin.most_parallel == 1

    run(main)


def test_a14_max_age_is_waited_for_whatever_every_says(site: Site) -> None:
    async def main() -> None:
        site.origin.serve("/one", Reply(body=rss("a"), headers={"Cache-Control": "max-age=7200"}))
        await site.poll()
        await site.poll(after=119 * M)
        assert len(site.asked()) == 1
        assert (await site.row()).next_poll_why == "max-age 7200"
        await site.poll(after=30 * M)
        assert len(site.asked()) == 2

    run(main)


def test_a15_retry_after_is_obeyed_across_restarts_and_reloads(site: Site) -> None:
    async def main() -> None:
        site.origin.serve("/one", Reply(429, headers={"Retry-After": "86400"}))
        await site.poll()
        for _ in range(23):
            await site.poll(after=1 * H)
        site.configure(f'one: {{url: "{site.origin.url("/one")}", every: 1m}}')
        await site.poll(after=30 * M)
        assert len(site.asked()) == 1
        assert (await site.row()).next_poll_why == "Retry-After 2026-11-23 12:00:00 UTC"
        await site.poll(after=4 * H)
        assert len(site.asked()) == 2

    run(main)


def test_a19_a_feed_that_is_gone_is_not_asked_again_and_operators_are_told_once(
    site: Site,
) -> None:
    async def main() -> None:
        site.origin.serve("/one", Reply(410))
        await site.poll()
        for _ in range(5):
            await site.poll(after=timedelta(days=30))
        assert len(site.asked()) == 1
        async with site.running() as parts:
            (event,) = await parts.writer(parts.store.events, 10)
        assert event.message == (
            "feed 'one' is gone for good (410) and is not polled any more; "
            "remove it, give it its new URL, or try it again with: wirewatch feeds revive one"
        )

    run(main)


def test_a19_a_feed_that_fails_is_tried_daily_and_told_of_once_a_day_late(site: Site) -> None:
    async def main() -> None:
        site.origin.serve("/one", *[Reply(500)] * 11, Page(rss("a")))
        async with site.running() as parts:
            asked = []
            for _ in range(24 * 8):
                site.clock.step(1 * H)
                before = len(site.asked())
                await work(parts)
                asked += [site.clock.now] * (len(site.asked()) - before)
            events = await parts.writer(parts.store.events, 10)
        daily = [b - a for a, b in pairwise(asked[8:12])]
        assert all(24 * H <= pause <= 26 * H for pause in daily), asked
        assert [event.name for event in events] == ["feed_recovered", "feed_broken"]
        assert events[1].message.startswith("feed 'one' has failed since 2026-11-22 13:00 UTC: ")

    run(main)


def test_a20_a_request_says_who_asks_and_nothing_else(site: Site) -> None:
    async def main() -> None:
        site.origin.serve(
            "/one", Reply(body=rss("a"), headers={"Set-Cookie": "id=1", "ETag": '"1"'})
        )
        await site.poll()
        await site.poll(after=2 * H)
        ours = {"host", "user-agent", "accept", "accept-encoding"}
        first, second = site.asked()
        assert first.names() <= ours | {"connection"}
        assert second.names() <= ours | {"connection", "if-none-match"}
        agent = first.header("User-Agent")
        assert agent is not None
        assert agent.startswith(b"wirewatch/")
        assert b"desk@example.org" in agent

    run(main)


def test_a25_one_url_under_two_names_is_asked_once(site: Site) -> None:
    async def main() -> None:
        url = site.origin.url("/one")
        site.configure(f"one: {url}", f"two: {url}")
        site.origin.serve("/one", Page(rss("a"), etag='"1"'))
        await site.poll(rounds=3)
        assert len(site.asked()) == 1

    run(main)


def test_b9_an_empty_body_is_not_nothing_new(site: Site) -> None:
    async def main() -> None:
        site.origin.serve("/one", Reply(body=b""))
        await site.poll()
        row = await site.row()
        assert row.state == "not_a_feed"
        assert row.last_good_at is None

    run(main)


def test_b13_a_first_poll_tells_nobody_but_what_is_newer_than_first_poll_says(
    site: Site,
) -> None:
    async def main() -> None:
        url = site.origin.url("/one")
        site.configure(f'one: {{url: "{url}", first_poll: 24h}}')
        dated = rss("old", "new", "undated")
        dated = dated.replace(
            b"<title>Item old", b"<pubDate>Fri, 20 Nov 2026 12:00:00 GMT</pubDate><title>Item old"
        )
        dated = dated.replace(
            b"<title>Item new", b"<pubDate>Sun, 22 Nov 2026 11:00:00 GMT</pubDate><title>Item new"
        )
        site.origin.serve("/one", Page(dated))
        await site.poll(rounds=2)
        async with site.running() as parts:
            hits = await parts.writer(parts.store.hits, 10)
        assert {hit.title: hit.untold for hit in hits} == {
            "Item old": "baseline",
            "Item new": "",
            "Item undated": "baseline",
        }

    run(main)


def test_an_item_older_than_max_age_is_stored_and_counted_but_not_told(site: Site) -> None:
    async def main() -> None:
        url = site.origin.url("/one")
        site.configure(f'one: {{url: "{url}", first_poll: alert, max_age: 7d}}')
        old = rss("old").replace(
            b"<title>", b"<pubDate>Fri, 20 Nov 2025 12:00:00 GMT</pubDate><title>", 2
        )
        site.origin.serve("/one", Page(old))
        await site.poll(rounds=2)
        async with site.running() as parts:
            (hit,) = await parts.writer(parts.store.hits, 10)
            assert await parts.writer(parts.store.deliveries, 10) == []
        assert hit.untold == "max_age"

    run(main)
