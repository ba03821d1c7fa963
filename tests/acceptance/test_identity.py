"""What publishers do to their articles' guids, links and windows, told through the whole daemon:
each article is told exactly once (B12)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from email.utils import format_datetime
from html import escape
from pathlib import Path

import pytest
from rigs.clockwork import Clock, work
from rigs.command import run_here
from rigs.history import Article
from rigs.newsroom import Newsroom
from rigs.origin import Page

from monitor.config import load
from monitor.daemon import Engine, engine
from monitor.database import open_engine
from monitor.logs import Redactor
from monitor.store import Store

pytestmark = pytest.mark.usefixtures("parsing_here")

H = timedelta(hours=1)
DAY = timedelta(days=1)
TEXT = "Both delegations signed twenty documents, the one about gas not among them."
Shape = Callable[[Article, int], tuple[str, str]]
"""Guid and link that an article bears in the nth document."""


class Site:
    """What the feeds of a newsroom show, document by document, under a clock of its own."""

    def __init__(self, news: Newsroom) -> None:
        self.news = news
        self.clock = Clock()
        self._dates: dict[Article, str] = {}
        self._shown = 0

    def publish(self, *articles: Article, ago: timedelta = timedelta(), told: bool = True) -> None:
        """Articles appear; the first is ``ago`` old, each other a day older than the one before."""
        self.news.publish(*articles, told=told)
        for number, article in enumerate(articles):
            self._dates[article] = format_datetime(self.clock.now - ago - number * DAY)

    def show(self, feed: str, articles: Iterable[Article], shape: Shape) -> None:
        """Let a feed show these articles, their guids and links written so."""
        self._shown += 1
        entries = ""
        for article in articles:
            guid, link = shape(article, self._shown)
            entries += (
                f"<item><guid isPermaLink='false'>{escape(guid)}</guid>"
                f"<link>{escape(link)}</link><title>{escape(article.title)}</title>"
                f"<pubDate>{self._dates[article]}</pubDate>"
                f"<description>{escape(article.text)}</description></item>"
            )
        body = f"<rss version='2.0'><channel><title>{feed}</title>{entries}</channel></rss>"
        self.news.origin.serve(f"/{feed}", Page(body.encode(), etag=f'"{self._shown}"'))

    async def poll(self, parts: Engine) -> None:
        """An hour later, every feed is polled and what is due is sent."""
        self.clock.step(H)
        for _ in range(3):
            await work(parts)

    def live(self, *acts: Callable[[], None]) -> None:
        """Poll after each of these."""

        async def main() -> None:
            async with engine(load(self.news.folder), Redactor(), self.clock) as parts:
                for act in acts:
                    act()
                    await self.poll(parts)

        asyncio.run(main())


def usual(article: Article, _: int) -> tuple[str, str]:
    return article.guid, article.link


def flipped(article: Article, n: int, one: str, other: str) -> tuple[str, str]:
    link = article.link.replace(one, other) if n % 2 else article.link
    return link, link


SHAPES: tuple[Shape, ...] = (
    lambda a, n: (f"{a.guid}-{n}", a.link),
    lambda a, n: (f"{a.guid}?sid={n}", f"{a.link}?PHPSESSID={n}"),
    lambda a, n: (f"{a.link}#{n}", f"{a.link}?utm_campaign={n}&utm_source=rss"),
    lambda a, n: flipped(a, n, "https", "http"),
    lambda a, n: flipped(a, n, "//", "//www."),
    lambda a, n: ("", f"{a.link}/" if n % 2 else a.link),
)


def test_b12_each_article_is_told_once_whatever_becomes_of_its_guid(tmp_path: Path) -> None:
    with Newsroom(tmp_path, feeds=len(SHAPES), every="30m") as news:
        site = Site(news)

        def begin() -> None:
            old = [Article(f, "old", f"Xi and Putin met long ago ({f})") for f in news.feeds]
            site.publish(*old, told=False, ago=DAY)
            for article in old:
                site.show(article.feed, [article], usual)

        def go_on() -> None:
            n = len(news.published)
            site.publish(*(Article(f, f"n{n}", f"Xi, Putin: {f}-{n}") for f in news.feeds))
            for feed, shape in zip(news.feeds, SHAPES, strict=True):
                mine = [article for article in news.published if article.feed == feed]
                site.show(feed, mine, first_usual(mine[0], shape))

        site.live(begin, go_on, go_on, go_on, go_on)
        news.check()


def first_usual(newest: Article, shape: Shape) -> Shape:
    """The newest article in its usual shape, so that it is stored under its own link."""
    return lambda a, n: usual(a, n) if a == newest else shape(a, n)


def test_b12_an_article_in_three_feeds_of_one_site_polled_at_once_is_told_once(
    tmp_path: Path,
) -> None:
    with Newsroom(tmp_path, feeds=3, every="30m") as news:
        site = Site(news)

        def show() -> None:
            for feed in news.feeds:
                shown = news.published[:: -1 if feed == "feed-1" else 1]
                site.show(feed, shown, with_guids_of(feed))

        def begin() -> None:
            site.publish(Article("feed-0", "old", "Xi and Putin met long ago"), told=False)
            show()

        def go_on() -> None:
            n = len(news.published)
            parts = [Article("feed-0", f"{n}-{m}", f"Putin and Xi, part {n}.{m}") for m in range(4)]
            site.publish(*parts)
            show()

        site.live(begin, go_on, go_on)
        news.check()


def with_guids_of(feed: str) -> Shape:
    return lambda article, _: (f"{feed}:{article.guid}", article.link)


def archive_of(feed: str, title: str) -> list[Article]:
    return [Article(feed, f"a{n}", title.format(n), TEXT) for n in range(12)]


def digests(news: Newsroom) -> list[tuple[int, set[str]]]:
    bodies = [request.json for request in news.webhook.accepted]
    return [
        (body["data"]["count"], {hit["item"]["title"] for hit in body["data"]["hits"]})
        for body in bodies
        if body["type"] == "digest"
    ]


def command(news: Newsroom, *words: str) -> str:
    done = run_here([*words, "-c", str(news.folder)])
    assert done.code == 0, done.err
    return done.out


def release(site: Site) -> None:
    """What the command does, by the clock of the site."""
    store = Store(open_engine(f"sqlite:///{site.news.database}"))
    (row,) = store.feeds()
    with store.transaction():
        assert store.release_held(row.id, site.clock.now) == 12
    store.close()


def test_b12_a_republished_archive_is_held_until_the_operator_lets_it_go(tmp_path: Path) -> None:
    with Newsroom(tmp_path, every="30m") as news:
        site = Site(news)
        before = archive_of("feed-0", "Xi and Putin, chapter {}")
        site.publish(*before, ago=3 * DAY, told=False)

        def republish() -> None:
            edited = [Article(a.feed, a.guid, a.title, f"Now {a.text}") for a in before]
            site.publish(*edited, ago=3 * DAY)
            site.show("feed-0", edited, lambda a, _: (f"x{a.guid}", f"{a.link}/x"))

        site.live(lambda: site.show("feed-0", before, usual), republish)
        assert news.arrivals() == []
        assert "held" in command(news, "deliveries")
        site.live(lambda: release(site))
        assert digests(news) == [(12, {article.title for article in before})]


def test_b12_another_sites_archive_under_the_same_name_is_held_and_can_be_dropped(
    tmp_path: Path,
) -> None:
    with Newsroom(tmp_path, feeds=2, every="30m") as news:
        site = Site(news)
        before = archive_of("feed-0", "Chapter {}")
        other = archive_of("feed-1", "Putin and Xi, part {}")
        now = Article("feed-1", "now", "Xi and Putin meet now", TEXT)
        only = "".join(
            line for line in news.yaml().splitlines(keepends=True) if "feed-1:" not in line
        )
        news.configure(only)
        site.publish(*before, *other, ago=3 * DAY)

        def move() -> None:
            site.clock.step(H)
            site.publish(now)
            site.show("feed-1", [now, *other], usual)
            news.configure(only.replace(news.url("feed-0"), news.url("feed-1")))

        site.live(lambda: site.show("feed-0", before, usual))
        move()
        site.live(lambda: None)
        assert {arrival.link for arrival in news.arrivals()} == {now.link}
        told = command(news, "feeds", "release", "feed-0", "--drop")
        assert told == "12 hits of feed 'feed-0' are dropped\n"
        site.clock.step(3 * H)
        site.live(lambda: None)
        assert digests(news) == []
        assert {arrival.link for arrival in news.arrivals()} == {now.link}
