"""Questions about feeds: what the configuration names, and how they are doing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from monitor.ids import new_id
from monitor.schedule import DEFAULT_INTERVAL, Rhythm, rescheduled
from monitor.store.base import Questions, chunks, feeds, sightings
from monitor.tables import UtcDateTime
from monitor.wishes import remembered

_NOTHING_SAID: dict[str, Any] = {
    "validators_url": None,
    "etag": None,
    "last_modified": None,
    "body_hash": None,
    "not_before": None,
    "failures": 0,
    "failing_since": None,
    "told_broken_at": None,
    "told_together": False,
    "moved_to": None,
    "moved_times": 0,
    "moved_since": None,
    "asked_url": None,
    "ttl_s": None,
    "sy_s": None,
    "skip_hours": 0,
    "skip_days": 0,
    "slowed": 0,
    "unchanged_since": None,
    "probed_at": None,
    "validators_lie": False,
    "gap_at": None,
    "told_stale_at": None,
    "recent_polls": "[]",
}
"""Of what a server or its document says; another URL has said nothing."""


@dataclass(frozen=True, slots=True)
class ConfiguredFeed:
    """What the store needs to know of a feed in the configuration."""

    name: str
    url: str
    host: str
    every_s: int | None = None


class FeedQuestions(Questions):
    """What is known of each feed."""

    def sync_feeds(self, configured: Iterable[ConfiguredFeed], now: datetime) -> None:
        """Make the table follow the configuration. History is kept: a feed that left is only
        inactive, a renamed one keeps its row, a changed URL under the same name takes the row
        over (its items are known, its validators are not)."""
        with self.transaction():
            rows = {row.url: row for row in self._run(sa.select(feeds))}
            wanted = {feed.url: feed for feed in configured}
            free = {row.name: row for url, row in rows.items() if url not in wanted}
            moved: set[str] = set()
            new: list[dict[str, Any]] = []
            for url, feed in wanted.items():
                if url in rows:
                    self._keep_feed(rows[url], feed, now)
                elif feed.name in free:
                    moved.add(free[feed.name].id)
                    self._move_feed(free.pop(feed.name), feed, now)
                else:
                    new.append(_new_feed(feed, now))
            self._run(sa.insert(feeds), new)
            left = [
                row.id
                for url, row in rows.items()
                if row.active and url not in wanted and row.id not in moved
            ]
            for part in chunks(left):
                self._run(sa.update(feeds).where(feeds.c.id.in_(part)).values(active=False))

    def _keep_feed(self, row: Row[Any], feed: ConfiguredFeed, now: datetime) -> None:
        values: dict[str, Any] = {}
        host = row.host if row.asked_url else feed.host
        if (row.name, row.host, row.active) != (feed.name, host, True):
            values |= {"name": feed.name, "host": host, "active": True}
        if row.every_s != feed.every_s:
            values["every_s"] = feed.every_s
            if row.failures == 0:
                values["next_poll_at"] = rescheduled(
                    rhythm_of(row, feed.every_s), row.last_request_at, row.not_before, now
                )
                values["next_poll_why"] = "every was changed"
        if values:
            self._run(sa.update(feeds).where(feeds.c.id == row.id).values(**values))

    def _move_feed(self, row: Row[Any], feed: ConfiguredFeed, now: datetime) -> None:
        self._run(
            sa.update(feeds)
            .where(feeds.c.id == row.id)
            .values(url=feed.url, host=feed.host, every_s=feed.every_s, active=True)
            .values(next_poll_at=now, next_poll_why="new URL", **_NOTHING_SAID)
        )

    def active_feeds(self) -> int:
        """How many feeds are in the configuration."""
        with self.transaction():
            count = sa.select(sa.func.count()).select_from(feeds).where(feeds.c.active.is_(True))
            return int(self._run(count).scalar_one())

    def failing_untold(self, now: datetime) -> list[Row[Any]]:
        """Feeds that fail, of which operators were not told, oldest trouble first. One that is
        just due is asked before it is spoken of."""
        with self.transaction():
            question = sa.select(
                feeds.c.id,
                feeds.c.name,
                feeds.c.failing_since,
                feeds.c.last_error,
                feeds.c.next_poll_at,
            ).where(
                feeds.c.active.is_(True),
                feeds.c.failing_since.is_not(None),
                feeds.c.told_broken_at.is_(None),
                feeds.c.next_poll_at > now,
            )
            return list(self._run(question.order_by(feeds.c.failing_since, feeds.c.name)))

    def set_told_broken(self, ids: Sequence[str], now: datetime, *, together: bool) -> None:
        """Operators were told that these are broken: each by itself, or in one event."""
        with self.transaction():
            for part in chunks(ids):
                question = sa.update(feeds).where(feeds.c.id.in_(part))
                self._run(question.values(told_broken_at=now, told_together=together))

    def told_together(self, at: datetime) -> list[Row[Any]]:
        """The feeds that were told of in one event then and are still broken, by name."""
        with self.transaction():
            question = sa.select(feeds.c.id, feeds.c.name).where(
                feeds.c.active.is_(True),
                feeds.c.told_broken_at == at,
                feeds.c.told_together.is_(True),
            )
            return list(self._run(question.order_by(feeds.c.name)))

    def tell_apart(self, ids: Sequence[str]) -> None:
        """From now on each of these recovers with a notice of its own."""
        with self.transaction():
            for part in chunks(ids):
                question = sa.update(feeds).where(feeds.c.id.in_(part))
                self._run(question.values(told_together=False))

    def silent_untold(self, now: datetime) -> list[Row[Any]]:
        """Feeds that answer well and brought nothing for a day, of which operators were not
        told."""
        with self.transaction():
            question = sa.select(
                feeds.c.id,
                feeds.c.name,
                feeds.c.created_at,
                feeds.c.last_good_at,
                feeds.c.last_new_at,
                feeds.c.rhythm_s,
                feeds.c.longest_s,
            ).where(
                feeds.c.active.is_(True),
                feeds.c.failures == 0,
                feeds.c.told_stale_at.is_(None),
                feeds.c.last_good_at.is_not(None),
                feeds.c.last_new_at < now - timedelta(days=1),
            )
            return list(self._run(question.order_by(feeds.c.name)))

    def set_told_stale(self, ids: Sequence[str], now: datetime) -> None:
        """Operators were told that these bring nothing any more."""
        with self.transaction():
            for part in chunks(ids):
                question = sa.update(feeds).where(feeds.c.id.in_(part))
                self._run(question.values(told_stale_at=now, state="stale"))

    def feeds(self) -> list[Row[Any]]:
        """Every feed there is a row of, by name."""
        with self.transaction():
            return list(self._run(sa.select(feeds).order_by(feeds.c.name)))

    def poll_at(self, feed_id: str, at: datetime, why: str) -> None:
        """The feed is polled then, because an operator wants it."""
        with self.transaction():
            question = sa.update(feeds).where(feeds.c.id == feed_id)
            self._run(question.values(next_poll_at=at, next_poll_why=why))

    def revive_feed(self, feed_id: str, now: datetime) -> None:
        """A feed that was gone for good is polled again, as one of which nothing bad is known."""
        with self.transaction():
            question = sa.update(feeds).where(feeds.c.id == feed_id)
            self._run(
                question.values(
                    state="new",
                    next_poll_at=now,
                    next_poll_why="revived",
                    not_before=None,
                    failures=0,
                    failing_since=None,
                    told_broken_at=None,
                    told_together=False,
                    last_error="",
                )
            )

    def items_by_day(self, since: datetime) -> dict[str, dict[str, int]]:
        """Per feed id and day (``2026-11-22``, UTC), how many items were new. First polls, which
        bring a whole window, do not count."""
        with self.transaction():
            day = sa.func.date(sightings.c.first_seen_at, type_=sa.Text)
            rows = self._run(
                sa.select(sightings.c.feed_id, day, sa.func.count())
                .join(feeds, feeds.c.id == sightings.c.feed_id)
                .where(
                    sightings.c.first_seen_at > since,
                    sightings.c.first_seen_at > feeds.c.baselined_at,
                )
                .group_by(sightings.c.feed_id, day)
            )
            found: dict[str, dict[str, int]] = {}
            for feed_id, on, count in rows:
                found.setdefault(feed_id, {})[str(on)] = count
            return found

    def feed_counts(self) -> dict[str, tuple[int, datetime | None]]:
        """Per feed id: how many items, and when the newest was first seen."""
        with self.transaction():
            rows = self._run(
                sa.select(
                    sightings.c.feed_id,
                    sa.func.count(),
                    sa.type_coerce(sa.func.max(sightings.c.first_seen_at), UtcDateTime),
                ).group_by(sightings.c.feed_id)
            )
            return {feed_id: (count, newest) for feed_id, count, newest in rows}


def _new_feed(feed: ConfiguredFeed, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "url": feed.url,
        "name": feed.name,
        "host": feed.host,
        "every_s": feed.every_s,
        "created_at": now,
        "next_poll_at": now,
        "active": True,
        "state": "new",
        "next_poll_why": "new",
        "interval_s": int(DEFAULT_INTERVAL.total_seconds()),
        "last_outcome": "",
        "last_error": "",
        **_NOTHING_SAID,
    }


def rhythm_of(row: Row[Any], every_s: int | None) -> Rhythm:
    """What the row remembers of the feed's rhythm, with this interval of the operator's."""
    return Rhythm(
        row.id,
        None if every_s is None else timedelta(seconds=every_s),
        interval=timedelta(seconds=row.interval_s),
        validators=row.validators_url is not None or row.last_good_at is None,
        wishes=remembered(row.ttl_s, row.sy_s, row.skip_hours, row.skip_days),
        slowed=row.slowed,
    )
