"""What a document says about when to come back and where its older entries are.

What cannot be read says nothing, and what is beyond all reason is the longest that is believed.
"""

from __future__ import annotations

import re
from datetime import timedelta

from monitor import clean
from monitor.entries import Raw, dicts_of, text_of
from monitor.feedxml import Document
from monitor.item import FeedHints

_LONGEST = timedelta(days=7)
_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MOST_LINKS = 1_000
_RELATIONS = frozenset(("prev-archive", "next", "self"))
# A relation may be written as its address in the registry (RFC 4287, 4.2.7.2).
_REGISTRY = re.compile(r"https?://www\.iana\.org/assignments/(?:link-relations|relation)/")


def hints(document: Document, url: str) -> FeedHints:
    """The hints of a document that was fetched from ``url``."""
    feed = document.feed
    links = _links(feed, url)
    return FeedHints(
        ttl=_ttl(text_of(feed, "ttl")),
        sy=_syndication(feed),
        skip_hours=skipped_hours(document.hours),
        skip_days=skipped_days(document.days),
        prev_archive=links.get("prev-archive", ""),
        next_page=links.get("next", ""),
        complete="complete" in document.history,
        archive="archive" in document.history,
        self_url=links.get("self", ""),
    )


def skipped_hours(texts: tuple[str, ...]) -> frozenset[int]:
    """Hours of the day; midnight may be written as 24, as RSS 0.91 did."""
    hours = (_number(text) for text in texts)
    return frozenset(hour % 24 for hour in hours if hour is not None and hour <= 24)


def skipped_days(texts: tuple[str, ...]) -> frozenset[int]:
    """Days of the week, 0 for Monday."""
    names = (text.strip().lower() for text in texts)
    return frozenset(_DAYS.index(name) for name in names if name in _DAYS)


def _ttl(written: str) -> timedelta | None:
    minutes = _number(written)
    return min(timedelta(minutes=minutes), _LONGEST) if minutes else None


def _syndication(feed: Raw) -> timedelta | None:
    """The time between two updates (mod_syndication): one a period where no frequency is given.

    A period must be named: those who leave it empty do not mean a day.
    """
    period = _PERIODS.get(text_of(feed, "sy_updateperiod").strip().lower())
    times = _number(text_of(feed, "sy_updatefrequency") or "1")
    if period is None or not times:
        return None
    return min(timedelta(seconds=period // timedelta(seconds=1) // times), _LONGEST) or None


def _number(written: str) -> int | None:
    """A whole number, not negative; None for anything else, and a million for all beyond."""
    digits = written.strip()
    if not (digits.isascii() and digits.isdigit()):
        return None
    return int(digits) if len(digits.lstrip("0")) < 7 else 1_000_000


def _links(feed: Raw, url: str) -> dict[str, str]:
    """The first address for each relation that says where else the feed's entries are.

    xml:base is already in them; a channel's <link> is its site and no base for them.
    """
    found: dict[str, str] = {}
    for one in dicts_of(feed, "links")[:_MOST_LINKS]:
        relation = _REGISTRY.sub("", text_of(one, "rel").strip())
        if relation in _RELATIONS and relation not in found:
            found[relation] = clean.link(text_of(one, "href"), url)
    return found
