"""Discovery against a real origin: which requests are made, in which order, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from rigs.names import Names
from rigs.origin import Origin, Page, Reply, bomb
from rigs.parsing import ParsesHere

from monitor.config import Config, load
from monitor.discover import MOST_REQUESTS, Discovery, discover
from monitor.fetch import FetchRequest
from monitor.guard import open_clients
from monitor.parse import ParserPool
from monitor.probe import Prober


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    file: Path = tmp_path_factory.mktemp("etc") / "all.yaml"
    file.write_text("contact: a@b.org\nallow_private: [127.0.0.1]\n")
    return load(file, {})


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as server:
        yield server


def found_at(config: Config, url: str, names: Names | None = None) -> Discovery:
    async def run() -> Discovery:
        clients = open_clients(
            contact=config.contact, allow_private=config.allow_private, lookup=names
        )
        async with clients as opened:
            return await discover(Prober(opened, cast("ParserPool", ParsesHere()), config), url)

    return asyncio.run(run())


def feed(title: str) -> Reply:
    return Reply(
        200,
        f"<rss version='2.0'><channel><title>{title}</title>"
        f"<item><title>Story of {title}</title></item></channel></rss>".encode(),
    )


def page(*tags: str) -> Reply:
    return Reply(200, f"<html><head><title>News</title>{''.join(tags)}".encode())


def link(href: str) -> str:
    return f'<link rel="alternate" type="application/rss+xml" href="{href}">'


def paths(origin: Origin) -> list[str]:
    return [request.target.decode() for request in origin.requests]


def test_the_address_of_a_feed_is_that_feed_with_one_request(
    origin: Origin, config: Config
) -> None:
    origin.serve("/rss", feed("One"))
    found = found_at(config, origin.url("/rss"))
    assert [(one.url, one.feed.title) for one in found.found] == [(origin.url("/rss"), "One")]
    assert (found.page, paths(origin)) == ("", ["/rss"])
    (request,) = origin.requests
    assert request.names() == {"host", "user-agent", "accept", "accept-encoding"}  # A20


def test_a_page_gives_the_feeds_it_links_to_and_nothing_is_guessed(
    origin: Origin, config: Config
) -> None:
    origin.serve("/", page(link("/a"), link("/gone"), link("/moved"), link("/b"), link("/a#x")))
    origin.serve("/a", feed("A"))
    origin.serve("/moved", Reply(301, b"", {"Location": "/b"}))
    origin.serve("/b", feed("B"))
    found = found_at(config, origin.url("/"))
    assert found.page == 'an HTML page titled "News"'
    assert [(one.url, one.feed.title) for one in found.found] == [
        (origin.url("/a"), "A"),
        (origin.url("/b"), "B"),
    ]
    assert paths(origin) == ["/", "/a", "/gone", "/moved", "/b", "/b"]
    assert origin.most_parallel == 1
    assert found.asked[2] == (origin.url("/gone"), "answered 404 Not Found")


def test_anchors_come_before_guesses_and_robots_txt_before_both_paths_and_sitemaps(
    origin: Origin, config: Config
) -> None:
    """A26"""
    origin.serve("/anchored", page("<a href=/list.rss>feeds</a>"))
    origin.serve("/list.rss", feed("Listed"))
    assert [one.feed.title for one in found_at(config, origin.url("/anchored")).found] == ["Listed"]
    origin.clear()
    origin.serve("/bare", page())
    robots = f"User-agent: *\nDisallow: /feed\nSitemap: {origin.url('/map-news.xml')}\nSitemap: x"
    origin.serve("/robots.txt", Reply(200, robots.encode()))
    origin.serve("/atom.xml", feed("Guessed"))
    found = found_at(config, origin.url("/bare"))
    assert [one.url for one in found.found] == [origin.url("/atom.xml")]
    assert paths(origin) == [
        "/bare",
        "/robots.txt",
        "/map-news.xml",
        "/bare/feed",
        "/rss",
        "/rss.xml",
        "/atom.xml",
    ]


def test_an_index_of_sitemaps_leads_to_the_one_of_news(origin: Origin, config: Config) -> None:
    locs = "".join(f"<sitemap><loc>/{name}.xml</loc></sitemap>" for name in ("pages", "news"))
    origin.serve("/sitemap.xml", Reply(200, f"<sitemapindex>{locs}</sitemapindex>".encode()))
    entry = "<url><loc>/a</loc><news:news><news:title>A</news:title></news:news></url>"
    origin.serve("/news.xml", Reply(200, f"<urlset>{entry}</urlset>".encode()))
    found = found_at(config, origin.url("/sitemap.xml"))
    assert [one.url for one in found.found] == [origin.url("/news.xml")]
    assert found.asked[-1][1] == "a feed, news sitemap"
    assert paths(origin) == ["/sitemap.xml", "/news.xml"]


def test_no_more_than_ten_requests_are_made(origin: Origin, config: Config) -> None:
    origin.serve("/", page(*(link(f"/{number}") for number in range(30))))
    assert found_at(config, origin.url("/")).found == []
    assert len(origin.requests) == MOST_REQUESTS
    origin.clear()
    origin.serve("/", page())
    assert found_at(config, origin.url("/")).found == []
    assert len(origin.requests) == MOST_REQUESTS
    assert paths(origin)[1] == "/robots.txt"


@pytest.mark.parametrize(
    "answer", [Reply(500), Reply(429), Reply(302, b"", {"Location": "ftp://x/"})]
)
def test_where_nobody_can_say_what_robots_may_ask_nothing_is_guessed(
    origin: Origin, config: Config, answer: Reply
) -> None:
    origin.serve("/", page())
    origin.serve("/robots.txt", answer)
    assert found_at(config, origin.url("/")).found == []
    assert paths(origin) == ["/", "/robots.txt"]


def test_a_server_that_asks_for_silence_ends_the_search(origin: Origin, config: Config) -> None:
    """A15"""
    origin.serve("/", page(link("/a"), link("/b")))
    origin.serve("/a", Reply(429, b"", {"Retry-After": "60"}))
    found = found_at(config, origin.url("/"))
    assert (found.found, found.problem) == ([], "answered 429 Too Many Requests")
    assert paths(origin) == ["/", "/a"]


def test_requests_to_a_host_are_a_pause_apart_but_not_to_ones_own(
    origin: Origin, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("monitor.probe.asyncio.sleep", sleep)
    origin.serve("/", page(link("/a"), link("/b")))
    origin.serve("/a", feed("A"))
    origin.serve("/b", feed("B"))
    found_at(config, origin.url("/"))
    assert slept == []
    public = replace(config, allow_private=("127.0.0.0/8",), host_pause=timedelta(seconds=7))
    names = Names(news_example=["127.0.0.1"])
    found = found_at(public, f"http://news.example:{origin.port}/", names)
    assert len(found.found) == 2
    assert len(slept) == 2
    assert all(6 < seconds <= 7 for seconds in slept)


def test_a_page_leads_no_further_into_the_own_network_than_a_redirect(
    origin: Origin, config: Config
) -> None:
    """E5"""
    with Origin("127.0.0.2") as house:
        house.serve("/secret", feed("House"))
        origin.serve("/", page(link(house.url("/secret")), link("http://169.254.169.254/latest")))
        found = found_at(config, origin.url("/"))
        assert found.found == []
        assert house.requests == []
    assert "is a loopback address" in found.asked[1][1]
    assert "is a link-local address" in found.asked[2][1]


def test_bombs_cost_one_answer_and_no_more(origin: Origin, config: Config) -> None:
    """B3"""
    origin.serve("/", page(link("/bomb"), link("/a")))
    origin.serve("/bomb", Reply(200, bomb(16 << 20), {"Content-Encoding": "gzip"}))
    origin.serve("/a", feed("A"))
    found = found_at(config, origin.url("/"))
    assert [one.feed.title for one in found.found] == ["A"]
    assert found.asked[1][1] == "the body unpacks to more than 100 times its size"


def test_hops_are_kept_as_they_were_sent_and_answered(origin: Origin, config: Config) -> None:
    origin.serve("/old", Reply(302, b"", {"Location": "/new"}))
    origin.serve("/new", Page(feed("New").body, etag='"1"'))

    async def run() -> Any:
        async with open_clients(contact="a@b.org", allow_private=config.allow_private) as clients:
            prober = Prober(clients, cast("ParserPool", ParsesHere()), config)
            request = FetchRequest(origin.url("/old"), headers={"X-Key": "k"}, auth=("me", "pw"))
            return await prober.look(request)

    probe = asyncio.run(run())
    assert [(hop.url, hop.status) for hop in probe.hops] == [
        (origin.url("/old"), 302),
        (origin.url("/new"), 200),
    ]
    assert (b"Location", b"/new") in probe.hops[0].received
    assert dict(probe.hops[1].received)[b"ETag"] == b'"1"'
    sent = {name.decode().lower() for name, _ in probe.hops[0].sent}
    assert sent == origin.requests[0].names()
    assert probe.parsed.title == "New"
    assert 0 <= probe.hops[0].seconds <= probe.hops[1].seconds <= probe.seconds
