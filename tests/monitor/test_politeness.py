"""What publishers see over days, and what operators are told: the daemon's engine against an origin
on loopback, under a clock that the test moves.

A number such as A17 names the requirement of the catalogue that a test shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rigs.clockwork import Clock, work
from rigs.origin import Origin, Page, Reply, Request

from monitor.config import load
from monitor.daemon import Engine, engine
from monitor.fetch import fetch
from monitor.guard import FeedClient
from monitor.logs import Redactor

M = timedelta(minutes=1)
H = timedelta(hours=1)
D = timedelta(days=1)
START = datetime(2026, 11, 22, 12, tzinfo=UTC)


def rss(*guids: str, head: str = "", at: dict[str, datetime] | None = None) -> bytes:
    """A feed of these items; ``at`` says when they were published."""
    dates = at or {}
    entries = "".join(
        f"<item><guid>{guid}</guid><title>Item {guid}</title>"
        f"<link>https://a.example/{guid}</link>"
        + (f"<pubDate>{format_datetime(dates[guid])}</pubDate>" if guid in dates else "")
        + "</item>"
        for guid in guids
    )
    return (
        "<rss version='2.0' xmlns:atom='http://www.w3.org/2005/Atom' "
        "xmlns:fh='http://purl.org/syndication/history/1.0' "
        "xmlns:sy='http://purl.org/rss/1.0/modules/syndication/'><channel><title>T</title>"
        f"{head}{entries}</channel></rss>"
    ).encode()


class Site:
    """Feeds on loopback, and the daemon's engine on a clock of its own."""

    def __init__(self, origin: Origin, folder: Path) -> None:
        self.origin = origin
        self.folder = folder
        self.clock = Clock()
        self.configure("one")

    def configure(self, *paths: str, host: str | None = None, more: str = "every: 10m") -> None:
        feeds = "".join(
            f'  {path}: {{url: "{self.origin.url(f"/{path}", host=host)}", {more}}}\n'
            for path in paths
        )
        (self.folder / "wirewatch.yaml").write_text(
            "contact: desk@example.org\nallow_private: [127.0.0.1, 127.0.1.2]\nchannels: {}\n"
            f"feeds:\n{feeds}rules: {{items: item}}\n"
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Engine]:
        async with engine(load(self.folder), Redactor(), self.clock) as parts:
            yield parts

    async def pass_time(self, parts: Engine, span: timedelta, every: timedelta = 10 * M) -> None:
        """The clock goes on in steps, and what is due is done."""
        end = self.clock.now + span
        while self.clock.now < end:
            self.clock.step(every)
            await work(parts)

    def asked(self, path: str = "/one") -> list[Request]:
        return [request for request in self.origin.requests if request.path == path]

    async def row(self, parts: Engine, name: str = "one") -> Any:
        rows = await parts.writer(parts.store.feeds)
        return next(row for row in rows if row.name == name)

    async def told(self, parts: Engine) -> list[tuple[str, str]]:
        """The events so far, oldest first, as (name, message)."""
        events = await parts.writer(parts.store.events, 1000)
        return [(event.name, event.message) for event in reversed(events)]


@pytest.fixture
def site(tmp_path: Path) -> Any:
    with Origin("127.0.0.1", "127.0.1.2") as origin:
        yield Site(origin, tmp_path)


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())  # type: ignore[arg-type] # each test's own coroutine


def names(events: Iterable[tuple[str, str]]) -> list[str]:
    return [name for name, _ in events]


def test_a13_a_new_feed_is_polled_at_once_after_start_and_after_a_reload(site: Site) -> None:
    async def main() -> None:
        site.origin.serve("/one", Page(rss("a"), etag='"1"'))
        site.origin.serve("/two", Page(rss("a"), etag='"1"'))
        async with site.running() as parts:
            await work(parts)
            assert len(site.asked("/one")) == 1
            site.configure("one", "two")
            await parts.swap(load(site.folder))
            site.clock.step(timedelta(seconds=1))
            await work(parts)
            assert len(site.asked("/two")) == 1
            assert len(site.asked("/one")) == 1

    run(main)


def test_a13_feeds_of_many_hosts_that_redirect_to_one_are_asked_there_one_by_one(
    tmp_path: Path,
) -> None:
    addresses = [f"127.0.3.{n}" for n in range(1, 7)]
    with Origin(*addresses) as origin:
        site = Site(origin, tmp_path)
        target = origin.url("/real", host=addresses[0])
        site.origin.serve("/real", lambda _: Reply(body=rss("a"), delay=0.05))
        feeds = "".join(
            f"  f{n}: {origin.url('/go', host=address)}\n" for n, address in enumerate(addresses)
        )
        (tmp_path / "wirewatch.yaml").write_text(
            f"contact: desk@example.org\nallow_private: [127.0.3.0/24]\nchannels: {{}}\n"
            f"feeds:\n{feeds}rules: {{items: item}}\n"
        )
        site.origin.serve("/go", Reply(302, headers={"Location": target}))

        async def main() -> None:
            async with engine(load(tmp_path), Redactor(), site.clock) as parts:
                parts.poller.watch = replace(
                    parts.poller.watch,
                    clients=replace(parts.poller.watch.clients, feeds=both(parts)),
                )
                await work(parts)
                assert len(site.asked("/real")) == 6
                assert origin.most_parallel == 1

        run(main)


def feeds_that_lead_elsewhere(site: Site, feeds: int) -> list[str]:
    """So many feeds on hosts of their own, each redirected to ``/real`` on the first address of
    the origin, which is returned with those of the feeds."""
    addresses = [f"127.0.3.{n}" for n in range(1, feeds + 2)]
    lines = "".join(
        f"  f{n}: {site.origin.url('/go', host=address)}\n"
        for n, address in enumerate(addresses[1:])
    )
    (site.folder / "wirewatch.yaml").write_text(
        f"contact: desk@example.org\nallow_private: [127.0.3.0/24]\nchannels: {{}}\n"
        f"feeds:\n{lines}rules: {{items: item}}\n"
    )
    target = site.origin.url("/real", host=addresses[0])
    site.origin.serve("/go", Reply(302, headers={"Location": target}))
    return addresses


@pytest.fixture
def crossing(tmp_path: Path) -> Iterator[Site]:
    with Origin(*[f"127.0.3.{n}" for n in range(1, 5)]) as origin:
        yield Site(origin, tmp_path)


def test_a15_a_host_that_asked_for_silence_is_not_reached_by_redirects_of_others(
    crossing: Site,
) -> None:
    feeds_that_lead_elsewhere(crossing, 3)
    crossing.origin.serve("/real", Reply(429, headers={"Retry-After": "7200"}))

    async def main() -> None:
        async with engine(load(crossing.folder), Redactor(), crossing.clock) as parts:
            let_redirects_in(parts)
            await work(parts)
            assert len(crossing.asked("/real")) == 1
            rows = [await crossing.row(parts, f"f{n}") for n in range(3)]
            silent = "127.0.3.1 wants no request before 2026-11-22 14:00"
            assert sum(silent in row.last_error for row in rows) == 2  # one was told so
            assert all(row.next_poll_at >= START + 2 * H for row in rows)

    run(main)


def test_a13_who_waits_for_a_turn_where_a_redirect_leads_has_not_failed(
    crossing: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds_that_lead_elsewhere(crossing, 3)
    crossing.origin.serve("/real", lambda _: Reply(body=rss("a"), delay=0.3))
    short = partial(fetch, timeout=timedelta(seconds=0.6))
    monkeypatch.setattr("monitor.poller.fetch", short)

    async def main() -> None:
        async with engine(load(crossing.folder), Redactor(), crossing.clock) as parts:
            let_redirects_in(parts)
            await work(parts)
            states = [(await crossing.row(parts, f"f{n}")).state for n in range(3)]
            assert states == ["ok"] * 3

    run(main)


def let_redirects_in(parts: Engine) -> None:
    """Redirects may lead to loopback, which no redirect of a stranger may."""
    watch = parts.poller.watch
    parts.poller.watch = replace(watch, clients=replace(watch.clients, feeds=both(parts)))


def both(parts: Engine) -> FeedClient:
    """A client that may follow redirects to where no redirect may lead: loopback."""
    client = parts.poller.watch.clients.feeds.configured
    return FeedClient(client, client)


def test_a31_one_connection_to_a_host_carries_request_after_request(site: Site) -> None:
    async def main() -> None:
        site.configure("one", "two", "three")
        for path in ("/one", "/two", "/three"):
            site.origin.serve(path, Page(rss("a"), etag='"1"'))
        async with site.running() as parts:
            await site.pass_time(parts, 1 * M, every=timedelta(seconds=10))
            assert len(site.origin.requests) == 3
            assert site.origin.connections == 1
            assert site.origin.most_parallel == 1

    run(main)


def test_a15_a_429_silences_the_whole_host_across_restart_and_a_clock_that_goes_back(
    site: Site,
) -> None:
    async def main() -> None:
        site.configure("one", "two")
        site.origin.serve("/one", Reply(429, headers={"Retry-After": "7200"}), Page(rss("a")))
        site.origin.serve("/two", Page(rss("a"), etag='"1"'))
        async with site.running() as parts:
            await site.pass_time(parts, 20 * M)
            before = len(site.origin.requests)
            assert before in {1, 2}  # the other one may have been asked before
        site.clock.step(-1 * H)
        async with site.running() as parts:
            await site.pass_time(parts, 90 * M)
            assert len(site.origin.requests) == before
            await site.pass_time(parts, 90 * M)
            assert len(site.origin.requests) > before

    run(main)


def test_a11_a_wall_clock_that_is_set_on_an_hour_brings_no_poll_forward(site: Site) -> None:
    async def main() -> None:
        site.origin.serve("/one", Page(rss("a"), etag='"1"'))
        passed = 0.0
        config = load(site.folder)
        async with engine(config, Redactor(), site.clock, lambda: passed) as parts:
            await work(parts)
            site.clock.step(1 * H)  # somebody sets it
            await work(parts)
            assert len(site.asked()) == 1
            for _ in range(12):  # time passes
                site.clock.step(1 * M)
                passed += 60
                await work(parts)
            assert len(site.asked()) == 2

    run(main)


def test_a_poll_that_ends_before_a_step_of_the_clock_is_noticed_is_not_put_off_by_it(
    site: Site,
) -> None:
    """A11: else that feed, and its host, would be silent for the year that nobody saw pass."""
    steady = START.timestamp()

    def later(_: Request) -> Reply:
        site.clock.step(365 * D)
        return Reply(body=rss("a"), headers={"ETag": '"1"'})

    site.origin.serve("/one", later)

    async def main() -> None:
        config = load(site.folder)
        async with engine(config, Redactor(), site.clock, lambda: steady) as parts:
            await work(parts)
            await work(parts)
            row = await site.row(parts)
            assert row.next_poll_at <= site.clock.now + 11 * M
            assert row.last_good_at == site.clock.now
            site.origin.serve("/one", Page(rss("a"), etag='"1"'))
            site.clock.step(11 * M)
            nonlocal steady
            steady += 660
            await work(parts)
            assert len(site.asked()) == 2

    run(main)


def older(origin: Origin, path: str) -> str:
    return f"<atom:link rel='prev-archive' href='{origin.url(path)}'/>"


def test_a27_three_windows_between_two_polls_lose_no_item(site: Site) -> None:
    async def main() -> None:
        first, second, third, fourth = ([f"{x}{n}" for n in range(4)] for x in "abcd")
        site.origin.serve("/one", Page(rss(*first), etag='"1"'))
        async with site.running() as parts:
            await work(parts)
            site.origin.serve("/three", Page(rss(*third, head=older(site.origin, "/two"))))
            site.origin.serve("/two", Page(rss(*second, *first[:2], "before-our-time")))
            site.origin.serve(
                "/one", Page(rss(*fourth, head=older(site.origin, "/three")), etag='"4"')
            )
            site.clock.step(3 * H)
            await work(parts)
            row = await site.row(parts)
            assert (await parts.writer(parts.store.feed_counts))[row.id][0] == 16
            assert row.state == "ok"
            assert await site.told(parts) == []

    run(main)


def test_a27_pages_that_go_in_a_circle_end_and_the_gap_is_told(site: Site) -> None:
    async def main() -> None:
        site.origin.serve("/one", Page(rss("a"), etag='"1"'))
        async with site.running() as parts:
            await work(parts)
            site.origin.serve("/x", Page(rss("c", head=older(site.origin, "/y"))))
            site.origin.serve("/y", Page(rss("d", head=older(site.origin, "/x"))))
            site.origin.serve("/one", Page(rss("b", head=older(site.origin, "/x")), etag='"2"'))
            site.clock.step(3 * H)
            await work(parts)
            assert len(site.asked("/x")) == len(site.asked("/y")) == 1
            assert names(await site.told(parts)) == ["gap"]

    run(main)


def test_a27_at_most_ten_pages_are_read(site: Site) -> None:
    def endless(request: Request) -> Reply:
        number = int(request.path.rpartition("-")[2])
        head = older(site.origin, f"/page-{number + 1}")
        return Reply(body=rss(f"p{number}", head=head))

    async def main() -> None:
        site.origin.serve("/one", Page(rss("a"), etag='"1"'))
        for number in range(30):
            site.origin.serve(f"/page-{number}", endless)
        async with site.running() as parts:
            await work(parts)
            site.origin.serve("/one", Page(rss("b", head=older(site.origin, "/page-0"))))
            site.clock.step(3 * H)
            await work(parts)
            pages = [r for r in site.origin.requests if r.path.startswith("/page-")]
            assert len(pages) == 10
            assert all(r.header("If-None-Match") is None for r in pages)

    run(main)


def test_a27_a_complete_feed_has_no_gap_and_no_older_pages(site: Site) -> None:
    async def main() -> None:
        site.origin.serve("/one", Page(rss("a", "b"), etag='"1"'))
        async with site.running() as parts:
            await work(parts)
            head = "<fh:complete/>" + older(site.origin, "/x")
            site.origin.serve("/one", Page(rss("c", "d", head=head), etag='"2"'))
            site.clock.step(3 * H)
            await work(parts)
            assert site.asked("/x") == []
            assert await site.told(parts) == []

    run(main)
