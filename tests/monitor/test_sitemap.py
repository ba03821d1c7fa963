"""Google News sitemaps: what is an item, what is refused and how that is told, and all the cuts."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from monitor import sitemap
from monitor.feedreader import read
from monitor.item import NotAFeed, Parsed, ParseTask
from monitor.language import Detector

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HEAD = (
    '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
    'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">'
)
INDEX = '<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
INSTEAD = "name the publisher's news sitemap, or a feed"
LISTED = "name the one of news that it lists:"


def parse(text: str) -> Any:
    task = ParseTask(text.encode(), "https://news.example/sitemap.xml", now=NOW)
    return read(task, Detector(lambda _: ("", 0.0)))


def news(number: int, *, title: str = "", prefix: str = "news") -> str:
    return (
        f"<url><loc>https://news.example/{number}</loc><{prefix}:news><{prefix}:title>"
        f"{title or f'Story {number}'}</{prefix}:title></{prefix}:news></url>"
    )


def titles(result: Any) -> list[str]:
    assert isinstance(result, Parsed)
    return [item.title for item in result.items]


def test_every_cut_of_a_sitemap_gives_its_whole_entries_and_no_half_title() -> None:
    """B8"""
    text = HEAD + "".join(news(number) for number in range(30)) + "</urlset>"
    entry_ends = [end + len("</url>") for end in _places(text, "</url>")]
    for at in random.Random(4).sample(range(len(HEAD), len(text) - 1), 100):
        result = parse(text[:at])
        whole = sum(end <= at for end in entry_ends)
        assert titles(result) == [f"Story {number}" for number in range(whole)]
        assert result.bozo
        assert result.cut == ("</urlset>" not in text[:at])


def _places(text: str, part: str) -> list[int]:
    return [at for at in range(len(text)) if text.startswith(part, at)]


def test_a_quiet_news_sitemap_is_a_feed_without_items() -> None:
    assert titles(parse(HEAD + "</urlset>")) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            HEAD + "<url><loc>https://a.example/1</loc></url>" * 1_200 + "</urlset>",
            f"a sitemap of 1,200 pages without Google News entries; {INSTEAD}",
        ),
        (
            "<urlset><url><loc>https://a.example/</loc></url></urlset>",
            f"a sitemap of one page without Google News entries; {INSTEAD}",
        ),
        (
            INDEX + "<sitemap><loc>https://a.example/pages.xml</loc></sitemap>"
            "<sitemap><loc>/news-sitemap.xml?a=1&amp;b=2</loc></sitemap></sitemapindex>",
            f"an index of sitemaps; {LISTED} https://news.example/news-sitemap.xml?a=1&b=2",
        ),
        (
            INDEX + "<sitemap><loc>https://a.example/1.xml</loc></sitemap>" * 3,
            f"an index of 3 sitemaps, none of them named as news; {INSTEAD}",
        ),
        (
            f"<!DOCTYPE urlset>{HEAD}{news(1)}</urlset>",
            "a sitemap with a DOCTYPE, which no sitemap needs",
        ),
        ("<urlset", "XML without an element"),
        ("<urlset a=<", "a sitemap that is broken"),
    ],
)
def test_what_is_no_news_sitemap_is_told_with_what_to_do_instead(text: str, told: str) -> None:
    assert parse(text) == NotAFeed(told)


def test_the_commonest_mistakes_are_mended() -> None:
    """B21"""
    bare = "<urlset>" + news(1, title="Oil & gas &eacute;tage") + "</urlset>"
    result = parse(bare)
    assert titles(result) == ["Oil & gas étage"]
    assert result.bozo
    odd = bare.replace("<url>", "<url><image:image><image:loc>x</image:loc></image:image>")
    assert titles(parse(odd)) == ["Oil & gas étage"]


def test_what_is_broken_in_the_middle_gives_what_stands_before() -> None:
    text = HEAD + news(1) + news(2) + "<url></loc></url>" + news(3) + "</urlset>"
    result = parse(text)
    assert titles(result) == ["Story 1", "Story 2"]
    assert not result.cut
    assert result.bozo == "line 1: mismatched tag"


def test_entries_depth_and_texts_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """B19"""
    monkeypatch.setattr("monitor.sitemap.MOST_ENTRIES", 100)
    monkeypatch.setattr("monitor.sitemap._MOST_ELEMENTS", 5_000)
    many = parse(HEAD + "".join(map(news, range(105))) + "</urlset>")
    assert len(many.items) == 100
    assert many.dropped == 5
    deep = parse(HEAD + news(1) + "<url>" + "<x>" * 10_000)
    assert titles(deep) == ["Story 1"]
    assert deep.bozo == "more than 20 levels deep"
    broad = parse(HEAD + news(1) + "<url>" + "<x/>" * 6_000 + "</url></urlset>")
    assert titles(broad) == ["Story 1"]
    assert broad.bozo == "more than 5,000 elements"
    plain = parse(HEAD + "<url><loc>https://a.example/</loc></url>" * 3_000)
    assert plain.looks_like.startswith("a sitemap of at least 2,499 pages without")
    strange = "".join(f"<p{number}:x/>" for number in range(100_000))  # each to be declared
    assert titles(parse(HEAD + news(1) + f"<url>{strange}</url></urlset>")) == ["Story 1"]
    long = parse(HEAD + news(1, title="wide " * 100_000) + "</urlset>")
    assert len(long.items[0].title) <= 1_000


def test_external_and_growing_entities_are_refused_before_reading() -> None:
    """B5"""
    for declared in ('<!ENTITY a SYSTEM "file:///etc/passwd">', '<!ENTITY a "b"><!ENTITY c "&a;">'):
        text = f"<!DOCTYPE urlset [{declared}]>{HEAD}{news(1, title='&a;')}</urlset>"
        result = parse(text)
        assert isinstance(result, NotAFeed)
        assert "XML" in result.looks_like


def test_random_damage_raises_nothing() -> None:
    chance = random.Random(7)
    text = HEAD + "".join(news(number) for number in range(5)) + "</urlset>"
    for _ in range(300):
        letters = list(text)
        for _ in range(chance.randint(1, 6)):
            letters[chance.randrange(len(letters))] = chance.choice("<>&/\0:é\"' x;#!")
        assert isinstance(parse("".join(letters)), Parsed | NotAFeed)


def test_only_sitemaps_are_read_as_such() -> None:
    assert sitemap.is_one("<?xml version='1.0'?><!-- a --><x:urlset>")
    assert not sitemap.is_one("<rss><urlset/></rss>")
