"""Which hits the entries of a document make, and who is told of them.

A hit is stored once for a rule and an item, whatever keys, feeds and texts the item has come with.
An edited item, or one known again, makes a hit only of rules that what we had of it did not match:
a rule that is newer than the item looks at new items only.

One hit may be told later than it is stored: that of an item which was in some feed's first window,
when another feed brings it as news. Had we not added the first feed, it would have been told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Row

import rules
from monitor.breaker import is_dated_before
from monitor.config import Config, FeedConfig, RuleConfig
from monitor.item import Item
from monitor.recognition import Entry
from monitor.settle import Poll
from monitor.translate import document_of

_FRESH = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Found:
    """An entry with the hits it makes now. ``untold`` says why nobody is told, else is empty;
    ``quiet`` are ids of hits, by rule, that are there already and are told only now; ``held``: what
    is told waits for the operator (`monitor.breaker`)."""

    entry: Entry
    matches: tuple[rules.Match, ...]
    untold: str
    first_seen: datetime
    quiet: Mapping[str, str]
    held: bool = False


class HitFinder:
    """Matches the entries of one poll. ``already`` are the stored hits by (item, rule)."""

    def __init__(
        self,
        poll: Poll,
        config: Config,
        already: Mapping[tuple[str, str], Row[Any]],
        now: datetime,
        *,
        republished: bool,
    ) -> None:
        self._poll = poll
        self._config = config
        self._already = already
        self._now = now
        self._republished = republished
        self._taken: set[tuple[str, str]] = set()

    def all(self, entries: Iterable[Entry]) -> list[Found]:
        """The entries with their hits, in their order."""
        return [self._found(entry) for entry in entries]

    def _found(self, entry: Entry) -> Found:
        untold = _untold(entry.item, self._poll, self._now)
        had = self._had(entry)
        matches = []
        quiet = {}
        for match in self._matches(entry.item, self._poll.feeds):
            place = entry.item_id, match.rule
            hit = self._already.get(place)
            if place in self._taken or (hit is None and match.rule in had):
                continue
            if hit is not None:
                if untold or not self._is_news_here(entry, hit):
                    continue
                quiet[match.rule] = hit.id
            self._taken.add(place)
            matches.append(match)
        first_seen = entry.old.first_seen_at if entry.old else self._now
        return Found(entry, tuple(matches), untold, first_seen, quiet, self._is_held(entry))

    def _is_held(self, entry: Entry) -> bool:
        """In a republished window: what is not news, unless it is but an edit of no certain age."""
        certain = entry.how != "edited"
        return self._republished and (entry.age == "old" or (certain and entry.age == "unknown"))

    def _had(self, entry: Entry) -> set[str]:
        """Rules that the item as stored matches, as seen in the feed that had it first."""
        if entry.old is None:
            return set()
        first = self._config.feeds.get(entry.elsewhere.feed) if entry.elsewhere else None
        feeds = (first,) if first else self._poll.feeds
        return {match.rule for match in self._matches(_old_item(entry.old, entry.item), feeds)}

    def _matches(self, item: Item, feeds: tuple[FeedConfig, ...]) -> list[rules.Match]:
        found = self._config.ruleset.match(document_of(item, feeds))
        return [m for m in found if _in_force(self._config.rules[m.rule], self._now)]

    def _is_news_here(self, entry: Entry, hit: Row[Any]) -> bool:
        """Whether a hit that nobody was told, because the item was in another feed's first
        window, is news in this one."""
        row = self._poll.row
        return (
            hit.untold == "baseline"
            and entry.how == "again"
            and hit.feed_id != row.id
            and entry.old is not None
            and entry.old.first_seen_at >= self._now - _FRESH
            and not is_dated_before(entry.item.published, row.last_good_at)
        )


def _in_force(rule: RuleConfig, now: datetime) -> bool:
    return rule.until is None or now < rule.until


def _untold(item: Item, poll: Poll, now: datetime) -> str:
    feed = poll.feeds[0]
    if feed.max_age is not None and item.published and item.published < now - feed.max_age:
        return "max_age"
    if poll.row.baselined_at is not None or feed.first_poll == "alert":
        return ""
    if item.published is None:
        return "baseline"
    if isinstance(feed.first_poll, timedelta):
        return "" if item.published >= now - feed.first_poll else "baseline"
    since = poll.row.last_good_at  # of a first poll that was cut: what came after it is news
    return "" if since is not None and item.published > since else "baseline"


def _old_item(row: Row[Any], item: Item) -> Item:
    return replace(
        item,
        title=row.title,
        url=row.url,
        summary=row.summary,
        content=row.content,
        author=row.author,
        tags=tuple(json.loads(row.tags)),
        lang=row.lang,
        source=row.source,
    )
