"""What pages say about their feeds, and pages made to hurt whoever reads them."""

from __future__ import annotations

import random

import pytest

from monitor.pagelinks import Link, anchors, links, news_sitemaps, page_text, usual_places

URL = "https://news.example/world/index.html"


@pytest.mark.parametrize(
    ("tag", "url"),
    [
        (
            '<link rel="alternate" type="application/rss+xml" href="/rss">',
            "https://news.example/rss",
        ),
        (
            "<LINK HREF=a.xml TYPE='application/atom+xml' REL=Alternate>",
            "https://news.example/world/a.xml",
        ),
        (
            '<link rel="alternate home" type="application/feed+json; v=1" href="f.json"/>',
            "https://news.example/world/f.json",
        ),
        (
            '<link rel="alternate" type="application/json" href="/feed.json">',
            "https://news.example/feed.json",
        ),
        ('<link rel="feed" href="//cdn.example/x?a=1&amp;b=2#c">', "https://cdn.example/x?a=1&b=2"),
        (
            '<link rel="alternate" type="application/rss+xml" href="feed://news.example/rss">',
            "http://news.example/rss",
        ),
        (
            '<link rel="alternate" type="application/rss+xml" href="https://m\u00fcnchen.example/rss">',
            "https://xn--mnchen-3ya.example/rss",
        ),
        (
            '<link rel="alternate" type="text/xml" title="a\nb"\n href="\n /rss">',
            "https://news.example/rss",
        ),
        (
            "<link rel=alternate type=application/x-rss+xml href=/rss.xml>",
            "https://news.example/rss.xml",
        ),
    ],
)
def test_a_link_to_a_feed_is_found_however_it_is_written(tag: str, url: str) -> None:
    """B20"""
    assert [link.url for link in links(f"<html><head>{tag}<body>", URL)] == [url]


@pytest.mark.parametrize(
    "tag",
    [
        '<link rel="alternate" hreflang="de" href="/de">',
        '<link rel="alternate" type="application/json" href="/wp-json/wp/v2/pages/2">',
        '<link rel="alternate stylesheet" type="application/rss+xml" href="/rss">',
        '<link rel="next" type="application/rss+xml" href="/rss">',
        '<link rel="alternate" type="application/rss+xml">',
        '<link rel="alternate" type="application/rss+xml" href="javascript:alert(1)">',
        '<link rel="alternate" type="application/rss+xml" href="https://a:b@news.example/rss">',
        '<link rel="alternate" type="application/rss+xml" href="file:///etc/passwd">',
        '<!-- <link rel="alternate" type="application/rss+xml" href="/rss"> -->',
        """<script>'<link rel="alternate" type="application/rss+xml" href="/rss">'</script>""",
        '<alink rel="alternate" type="application/rss+xml" href="/rss">',
    ],
)
def test_what_is_no_link_to_a_feed_is_passed_over(tag: str) -> None:
    assert links(f"<html><head>{tag}<body>", URL) == []


def test_links_count_from_the_first_base_stand_once_and_comments_come_last() -> None:
    feed = '<link rel=alternate type=application/rss+xml title="{}" href="{}">'
    page = (
        feed.format("News &raquo; Comments", "/comments/feed")
        + "<base target=_top><base href='/de/'><base href='/fr/'>"
        + feed.format("News &amp;\x1b more", "rss")
        + feed.format("again", "rss")
    )
    assert links(page, URL) == [
        Link("https://news.example/de/rss", "News & more"),
        Link("https://news.example/comments/feed", "News \u00bb Comments"),
    ]


def test_anchors_that_are_named_like_feeds_are_the_second_choice() -> None:
    hrefs = (
        "/rss",
        "/world.rss",
        "feeds/",
        "/a?format=rss",
        "/news/rss.xml",
        "https://x.example/atom.xml",
    )
    others = ("/rssfoo", "/about", "/feedback", "/a?feed=1", "mailto:rss", "/sitemap.xml")
    page = "".join(f'<a class=x href="{href}">RSS</a>' for href in (*hrefs, *others))
    assert [link.url for link in anchors(page, URL)] == [
        "https://news.example/rss",
        "https://news.example/world.rss",
        "https://news.example/world/feeds/",
        "https://news.example/a?format=rss",
        "https://news.example/news/rss.xml",
        "https://x.example/atom.xml",
    ]
    assert links(page, URL) == []


def test_an_index_of_sitemaps_leads_to_those_of_news() -> None:
    locs = (
        "/pages.xml",
        "/news-1.xml?a=1&amp;b=2",
        "https://x.example/NewsMap.xml",
        "file:///news",
    )
    index = "".join(f"<sitemap><loc>\n{loc} </loc></sitemap>" for loc in locs)
    assert [link.url for link in news_sitemaps(f"<?xml?><sitemapindex>{index}", URL)] == [
        "https://news.example/news-1.xml?a=1&b=2",
        "https://x.example/NewsMap.xml",
    ]
    assert news_sitemaps(f"<urlset>{index}", URL) == []


def test_usual_places_are_beside_the_page_and_at_the_root_of_its_site() -> None:
    assert usual_places("https://a.example/blog/?x=1")[:3] == [
        "https://a.example/blog/feed",
        "https://a.example/feed",
        "https://a.example/rss",
    ]
    assert len(usual_places("https://a.example/")) == len(set(usual_places("https://a.example")))


@pytest.mark.parametrize(
    "page",
    [
        "<link " * 200_000,
        "<!--" * 250_000,
        "<script>" * 120_000,
        "<a href='" * 100_000,
        "<link " + "a=b " * 250_000 + ">",
        ("<link " + "a" * 3_990 + ">") * 250,
        ("<link " + "a= " * 1_300 + ">") * 60,
        "<div>" * 200_000,
        "<link rel=alternate type=application/rss+xml href=/%s>" % ("x" * 3_000) * 300,
    ],
)
def test_pages_made_to_take_long_take_no_longer_than_others(page: str) -> None:
    """Each of these is quadratic for a reader that looks ahead without limit, or makes a tree."""
    text = page_text(page.encode(), "text/html")
    assert len(links(text, URL)) <= 1
    assert len(anchors(text, URL)) <= 1


def test_only_the_first_megabyte_of_a_page_is_read() -> None:
    page = b" " * (1 << 20) + b'<link rel="alternate" type="application/rss+xml" href="/rss">'
    assert links(page_text(page, ""), URL) == []


def test_random_damage_raises_nothing() -> None:
    chance = random.Random(5)
    whole = '<base href="/a/"><link rel="feed alternate" type="text/xml" href="/rss"><a href=x.rss>'
    for _ in range(500):
        letters = list(whole)
        for _ in range(chance.randint(1, 8)):
            letters[chance.randrange(len(letters))] = chance.choice("<>&/\0\"' =-![]:@%\u00e9\n")
        page = "".join(letters)
        assert all(link.url.startswith("http") for link in links(page, URL) + anchors(page, URL))
