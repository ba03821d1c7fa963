"""What a web page says about feeds: pure.

A page is hostile: of its first megabyte tags are read one by one, in one pass, and no tree is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from monitor import charset, clean
from monitor.opml import web_address

_READ = 1 << 20
_MOST_LINKS = 50

_TAG = re.compile(r"<(link|base|a)\s([^<>]{1,4000})>", re.IGNORECASE)
_HIDDEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|template|noscript|svg)[\s>].*?(?:</\1\s*>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_ATTRIBUTE = re.compile(
    r"""(?<![A-Za-z-])([A-Za-z-]{1,30}+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))"""
)
_FEED_TYPE = re.compile(
    r"(?:application|text)/(?:(?:x[.-])?(?:rss|atom|rdf)(?:\+xml)?|feed\+json|xml)", re.IGNORECASE
)
_FEED_PATH = re.compile(
    r"(?:\.(?:rss|atom|rdf)|/(?:rss|feed|feeds|atom)(?:/|\.xml|\.json|\.php)?"
    r"|(?:rss|feed|atom)[\w-]*\.xml|[?&](?:feed|format|type)=(?:rss2?|atom|feed))\Z",
    re.IGNORECASE,
)
_INDEX = re.compile(r"<(?:[\w.-]{1,40}:)?sitemapindex[\s>]")
_LOCATION = re.compile(r"<(?:[\w.-]{1,40}:)?loc>([^<>]{1,2000})<")
_MOST_SITEMAPS = 3
USUAL_PATHS = (
    "feed",
    "rss",
    "rss.xml",
    "feed.xml",
    "atom.xml",
    "index.xml",
    "feeds",
    "feed.json",
    "news-sitemap.xml",
)


class Link(NamedTuple):
    """A feed that a page names, as it names it."""

    url: str
    title: str = ""


def page_text(body: bytes, content_type: str) -> str:
    """The beginning of a page as text."""
    return charset.decode(body[:_READ], content_type)


def links(page: str, url: str) -> list[Link]:
    """The feeds that the page's link elements name, those of comments last."""
    tags = (tag for tag in _tags(page, url) if tag[0] == "link" and _names_a_feed(tag[1]))
    found = (Link(_address(given, base), _title(given)) for _, given, base in tags)
    return _ordered([link for link in found if link.url])


def anchors(page: str, url: str) -> list[Link]:
    """What the page's anchors lead to that is named like a feed."""
    found = []
    for name, given, base in _tags(page, url):
        address = _address(given, base) if name == "a" else ""
        parts = urlsplit(address)
        if address and _FEED_PATH.search(f"{parts.path}?{parts.query}".rstrip("?")):
            found.append(Link(address))
    return _ordered(found)


def news_sitemaps(page: str, url: str) -> list[Link]:
    """Of an index of sitemaps those that are named as news; none of any other page."""
    if not _INDEX.search(page, 0, 4_096):
        return []
    written = (unescape(found[1].strip()) for found in _LOCATION.finditer(page))
    named = (clean.link(one, url) for one in written if "news" in one.lower())
    return _ordered([Link(one) for one in named if one])[:_MOST_SITEMAPS]


def usual_places(page: str) -> list[str]:
    """Where feeds of such a page usually are: beside it, and at the root of its site."""
    path = urlsplit(page).path
    below = urljoin(page, path.rstrip("/") + "/feed")
    at_root = [urljoin(page, f"/{usual}") for usual in USUAL_PATHS]
    return list(dict.fromkeys([below, *at_root]))


def _tags(page: str, url: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """The tags that matter, each with its attributes and the base that counts for it."""
    base = url
    based = False
    for found in _TAG.finditer(_HIDDEN.sub(" ", page)):
        name, given = found[1].lower(), _attributes(found[2])
        if name == "base":
            if not based and given.get("href"):
                base, based = clean.link(given["href"], url) or url, True
            continue
        yield name, given, base


def _attributes(tag: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, *values in _ATTRIBUTE.findall(tag):
        given.setdefault(name.lower(), unescape(next(filter(None, values), "")).strip())
    return given


def _title(given: dict[str, str]) -> str:
    return clean.visible(clean.plain(given.get("title", ""), 200))


def _names_a_feed(given: dict[str, str]) -> bool:
    relations = set(given.get("rel", "").lower().split())
    if "stylesheet" in relations:
        return False
    return "feed" in relations or ("alternate" in relations and _is_feed_type(given))


def _is_feed_type(given: dict[str, str]) -> bool:
    kind = given.get("type", "").partition(";")[0].strip()
    if kind.lower() == "application/json":  # JSON Feed 1.0 is served so, and so is much else
        return "feed" in given.get("href", "").lower()
    return bool(_FEED_TYPE.fullmatch(kind))


def _address(given: dict[str, str], base: str) -> str:
    return clean.link(web_address(given.get("href", "")), base).partition("#")[0]


def _ordered(found: list[Link]) -> list[Link]:
    """Each once, in the page's order; the feeds of comments are seldom what is wanted."""
    unique = {link.url: link for link in reversed(found)}
    ordered = dict.fromkeys(unique[link.url] for link in found)
    last = sorted(ordered, key=lambda link: "comment" in f"{link.url} {link.title}".lower())
    return last[:_MOST_LINKS]
