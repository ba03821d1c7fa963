"""What parsing takes and gives: plain values, imported by the daemon and by its worker processes.

They stand apart from ``monitor.parse``, which re-exports them, so that a worker need not import
the pool that started it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a feed, cleaned: texts without markup or control characters.

    ``key`` is its identity within its feed, made by ``monitor.identity``; ``url`` is absolute
    http or https, or empty. ``summary`` and ``content`` differ or ``content`` is empty. Times are
    aware UTC. ``lang`` is decided as design says, empty when unknown. ``former_keys``: what older
    versions of ``monitor.identity`` gave it as its key.
    """

    key: str
    key_version: int
    guid: str
    title: str
    url: str
    summary: str = ""
    content: str = ""
    author: str = ""
    tags: tuple[str, ...] = ()
    published: datetime | None = None
    source: str = ""
    lang: str = ""
    former_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedHints:
    """What the document says about when to come back and where its older entries are.

    ``ttl`` and ``sy`` (sy:updatePeriod divided by sy:updateFrequency) are positive and at most a
    week; ``skip_hours`` are hours of the day in GMT, 0 to 23; ``skip_days`` days of the week there,
    0 for Monday: all of these only ever lengthen. ``prev_archive`` and ``next_page`` (RFC 5005) and
    ``self_url`` are absolute http or https, or empty. ``complete``: the document is the whole feed;
    ``archive``: it is an old page of one.
    """

    ttl: timedelta | None = None
    sy: timedelta | None = None
    skip_hours: frozenset[int] = frozenset()
    skip_days: frozenset[int] = frozenset()
    prev_archive: str = ""
    next_page: str = ""
    complete: bool = False
    archive: bool = False
    self_url: str = ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A feed. ``version`` is feedparser's word, such as ``rss20``; items in document order, no key
    twice. ``bozo`` is the parser's complaint, empty when there was none.

    ``cut``: the document ended early and its last, partial entry was left out, so validators and
    body hash that came with it must not be kept (B8). ``dropped`` counts entries that are not in
    ``items``: repetitions of an item, entries that hold nothing, and all after the first 10,000.
    """

    version: str
    title: str
    items: tuple[Item, ...]
    hints: FeedHints = FeedHints()
    bozo: str = ""
    cut: bool = False
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class NotAFeed:
    """HTML, an empty body, an error page: never "nothing new" (B9). ``looks_like`` says what it
    seems to be, for the operator: ``an HTML page titled "Just a moment..."``."""

    looks_like: str


@dataclass(frozen=True, slots=True)
class ParseFailed:
    """The worker broke a limit or died. ``message`` is one line for the operator."""

    kind: Literal["timeout", "memory", "crashed"]
    message: str


ParseResult = Parsed | NotAFeed | ParseFailed


@dataclass(frozen=True, slots=True)
class ParseTask:
    """``url`` is the final URL, for relative links; ``lang`` and ``source`` the operator's.

    ``now``, when given, is when the body was fetched: publication times after it are clamped to it.
    """

    body: bytes
    url: str
    content_type: str = ""
    lang: str = ""
    source: str = ""
    now: datetime | None = None
