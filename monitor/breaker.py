"""The republish breaker: old articles that come again as new ones are held, not shouted. Pure.

A site that moves, restores a backup or changes its guids shows its whole window anew. What repair
(`monitor.repair`) cannot tell to be known would be an alert each. So when at least ten items and
more than half of a window are new, and most of these are old in substance, the hits they make are
held: an operator is told and lets them go or drops them; after two hours they go by themselves, as
one digest for each rule and channel. Old articles that are edited all at once, as when a feed
changes from summaries to whole texts, count as if they were new.

What is dated after the last good poll is news and is never held, and critical rules are not held
either. A window that is all new and bears no usable dates is a gap: more was published than the
window holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal

HOLD = timedelta(hours=2)
_LATE = timedelta(hours=1)
"""Caches, slow editors and wrong clocks bring items so long after the time they bear."""

_LEAST = 10


@dataclass(frozen=True, slots=True)
class Window:
    """A document by its entries: how many there are, how many have new keys, how many of these
    are items known before under another key (``known_again``), and how many are old in substance:
    known since the last good poll by link or title, or dated before it. ``edited``: how many are
    known by key, say something else now, and are dated before the last good poll."""

    items: int
    new: int
    known_again: int
    old: int
    edited: int = 0


def judge(window: Window) -> Literal["usual", "gap", "republished"]:
    """What the window of a feed that had its first poll is: republished, all new, or usual."""
    changed, old = window.new + window.edited, window.old + window.edited
    if changed >= _LEAST and 2 * changed > window.items and 2 * old > changed:
        return "republished"
    if window.items and window.new - window.known_again == window.items:
        return "gap"
    return "usual"


def is_dated_before(published: datetime | None, last_good_at: datetime | None) -> bool:
    """Whether an item bears a time from before the last good poll. A time of midnight stands for
    its whole day: many publishers give dates only."""
    if published is None or last_good_at is None:
        return False
    whole_day = published.astimezone(UTC).time() == time()
    return published + (timedelta(days=1) if whole_day else _LATE) < last_good_at


def is_news(published: datetime | None, last_good_at: datetime | None) -> bool:
    """Whether an item's time says that it appeared after the last good poll."""
    return published is not None and not is_dated_before(published, last_good_at)
