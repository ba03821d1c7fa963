"""OPML, in which readers hand on lists of feeds: what an outline is, and how to write one.

An outline with an ``xmlUrl`` is a feed; any other is a folder, whose title tags the feeds in it.
What OPML has no word for (a feed's name here, how often it is asked) stands in attributes of our
own, which other programs pass over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

from rules.source import is_visible

SPACE = "urn:wirewatch:opml"
SETTINGS = ("every", "lang", "source", "max_age", "enabled")
"""What an outline may say of a feed besides name, URL and tags, as the configuration calls it."""

_OURS = "wirewatch:"
_LONGEST_TAG = 100
_FEED_SCHEME = re.compile(r"\s*(?:feed:(?://)?(?=https?:)|feed(?=://))", re.IGNORECASE)


class Outline(NamedTuple):
    """A feed as OPML tells it. ``tags``: the folders it lies in. ``name`` and ``settings`` are what
    our own export says, empty in others'."""

    title: str
    url: str
    tags: tuple[str, ...]
    line: int
    column: int
    name: str = ""
    settings: tuple[tuple[str, str], ...] = ()


class Tree:
    """Makes outlines of tags as a reader meets them."""

    def __init__(self) -> None:
        self.outlines: list[Outline] = []
        self._folders: list[str] = []

    @property
    def depth(self) -> int:
        """How many elements are open."""
        return len(self._folders)

    def open(self, name: str, attributes: Mapping[str, str], line: int, column: int) -> bool:
        """An element begins; whether it is a feed."""
        given = {key.lower(): " ".join(text.split()) for key, text in attributes.items()}
        is_outline = name.lower() == "outline"
        url = web_address(given.get("xmlurl", "")) if is_outline else ""
        title = (given.get("title") or given.get("text") or "") if is_outline else ""
        if url:
            tags = filter(None, map(_word, (*self._folders, *_categories(given))))
            settings = tuple((key, given[_OURS + key]) for key in SETTINGS if _OURS + key in given)
            own = _visible(given.get(f"{_OURS}name", ""))
            unique = tuple(dict.fromkeys(tags))
            self.outlines.append(Outline(title, url, unique, line, column, own, settings))
        self._folders.append("" if url else title)
        return bool(url)

    def close(self) -> None:
        """An element ends; one that never began is passed over."""
        if self._folders:
            self._folders.pop()


def web_address(written: str) -> str:
    """The address without the scheme of feed readers: ``feed:https://…``, ``feed://…``."""
    found = _FEED_SCHEME.match(written)
    if not found:
        return written
    return ("" if found[0].endswith((":", "/")) else "http") + written[found.end() :]


def _categories(given: Mapping[str, str]) -> list[str]:
    """OPML's own tags: ``category="/news/asia, gas"``."""
    return [text.strip().strip("/") for text in given.get("category", "").split(",")[:20]]


def _word(text: str) -> str:
    return _visible(text)[:_LONGEST_TAG].strip()


def _visible(text: str) -> str:
    return " ".join("".join(char for char in text if is_visible(char)).split())


class Feed(NamedTuple):
    """A feed to be written."""

    name: str
    url: str
    tags: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()


def written(title: str, feeds: Iterable[Feed]) -> str:
    """The feeds as OPML 2.0, in folders that are named after their tags, one within another."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<opml version="2.0" xmlns:wirewatch={quoteattr(SPACE)}>',
        f"  <head><title>{_escaped(title)}</title></head>",
        "  <body>",
        *_folders(sorted(feeds, key=lambda feed: feed.tags)),
        "  </body>",
        "</opml>",
    ]
    return "\n".join(lines) + "\n"


def _folders(feeds: Iterable[Feed]) -> Iterator[str]:
    """One line an outline; folders are opened and closed as the tags change."""
    opened: tuple[str, ...] = ()
    for feed in feeds:
        same = _shared(opened, feed.tags)
        yield from _closed(len(opened), same)
        for depth, tag in enumerate(feed.tags[same:], same):
            yield f"{_indent(depth)}<outline text={_quoted(tag)}>"
        opened = feed.tags
        yield f"{_indent(len(opened))}<outline {_attributes(feed)}/>"
    yield from _closed(len(opened), 0)


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many tags both begin with."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _closed(deep: int, until: int) -> Iterator[str]:
    return (f"{_indent(depth)}</outline>" for depth in range(deep - 1, until - 1, -1))


def _indent(depth: int) -> str:
    return "  " * (depth + 2)


def _attributes(feed: Feed) -> str:
    told = {"type": "rss", "text": feed.name, "xmlUrl": feed.url}
    own = {f"{_OURS}{key}": text for key, text in (("name", feed.name), *feed.settings)}
    return " ".join(f"{key}={_quoted(text)}" for key, text in {**told, **own}.items())


def _quoted(text: str) -> str:
    return quoteattr(_legal(text))


def _escaped(text: str) -> str:
    return _legal(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _legal(text: str) -> str:
    """The text without what no XML document may hold."""
    return "".join(char if is_visible(char) else " " for char in text)
