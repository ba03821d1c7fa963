"""Questions about feeds and hosts: what the configuration names, what is due, what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from monitor.ids import new_id
from monitor.schedule import rescheduled
from monitor.store.base import (
    Questions,
    chunks,
    feeds,
    hosts,
    sightings,
)
from monitor.tables import UtcDateTime

_NOT_MOVED: dict[str, Any] = {
    "moved_to": None,
    "moved_times": 0,
    "moved_since": None,
    "asked_url": None,
}
_NOT_KNOWN: dict[str, Any] = {
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
"""What a server or its document said; another URL has not said it."""


@dataclass(frozen=True, slots=True)
class ConfiguredFeed:
    """What the store needs to know of a feed in the configuration."""

    name: str
    url: str
    host: str
    every_s: int | None = None


class FeedQuestions(Questions):
    """Feeds, and whose turn it is at each host."""

    def sync_feeds(self, configured: Iterable[ConfiguredFeed], now: datetime) -> None:
        """Make the table follow the configuration. History is kept: a feed that left is only
        inactive, a renamed one keeps its row, a changed URL under the same name takes the row
        over (its items are known, its validators are not)."""
        with self.transaction():
            rows = {row.url: row for row in self._run(sa.select(feeds))}
            wanted = {feed.url: feed for feed in configured}
            free = {row.name: row for url, row in rows.items() if url not in wanted}
            moved: set[str] = set()
            for url, feed in wanted.items():
                if url in rows:
                    self._keep_feed(rows[url], feed, now)
                elif feed.name in free:
                    moved.add(free[feed.name].id)
                    self._move_feed(free.pop(feed.name), feed, now)
                else:
                    self._add_feed(feed, now)
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
                    row.last_request_at,
                    timedelta(seconds=feed.every_s or row.interval_s),
                    row.not_before,
                    now,
                )
                values["next_poll_why"] = "every was changed"
        if values:
            self._run(sa.update(feeds).where(feeds.c.id == row.id).values(**values))

    def _move_feed(self, row: Row[Any], feed: ConfiguredFeed, now: datetime) -> None:
        self._run(
            sa.update(feeds)
            .where(feeds.c.id == row.id)
            .values(
                url=feed.url,
                host=feed.host,
                every_s=feed.every_s,
                active=True,
                validators_url=None,
                etag=None,
                last_modified=None,
                body_hash=None,
                next_poll_at=now,
                next_poll_why="new URL",
                not_before=None,
                failures=0,
                failing_since=None,
                told_broken_at=None,
                told_together=False,
                **_NOT_MOVED,
                **_NOT_KNOWN,
            )
        )

    def _add_feed(self, feed: ConfiguredFeed, now: datetime) -> None:
        self._run(
            sa.insert(feeds).values(
                id=new_id(),
                url=feed.url,
                name=feed.name,
                host=feed.host,
                every_s=feed.every_s,
                created_at=now,
                next_poll_at=now,
                active=True,
                state="new",
                next_poll_why="new",
                interval_s=900,
                last_outcome="",
                last_error="",
                failures=0,
                told_together=False,
                **_NOT_MOVED,
                **_NOT_KNOWN,
            )
        )

    def claim_feeds(
        self, owner: str, now: datetime, lease: timedelta, limit: int, pause: timedelta
    ) -> list[Row[Any]]:
        """T0: feeds that are due, at most one a host, ours until the lease ends.

        ``last_request_at`` is written and the next poll put a whole interval off before any
        request, so that spacing holds even when the process dies before T1. The host is busy
        until `release_host`, or until lease and ``pause`` are over.
        """
        with self.transaction():
            claimed = self._run(_due_feeds(now).limit(limit)).all()
            for row in claimed:
                self._claim_feed(row, owner, now, lease)
                self._hold_host(row.host, now + lease + pause)
            return list(claimed)

    def _claim_feed(self, row: Row[Any], owner: str, now: datetime, lease: timedelta) -> None:
        self._run(
            sa.update(feeds)
            .where(feeds.c.id == row.id)
            .values(
                claimed_by=owner,
                claimed_until=now + lease,
                last_request_at=now,
                next_poll_at=now + timedelta(seconds=row.every_s or row.interval_s),
                next_poll_why="the last poll did not end",
            )
        )

    def _hold_host(self, host: str, until: datetime) -> None:
        found = self._run(sa.update(hosts).where(hosts.c.host == host).values(free_at=until))
        if found.rowcount == 0:
            self._run(sa.insert(hosts).values(host=host, free_at=until))

    def release_host(self, host: str, free_at: datetime) -> None:
        """The request is over: the host's next one may start at ``free_at``."""
        with self.transaction():
            self._run(sa.update(hosts).where(hosts.c.host == host).values(free_at=free_at))

    def unclaim_feeds(self, rows: Sequence[Row[Any]], now: datetime) -> None:
        """Undo T0 of feeds that were not asked after all: ``rows`` as `claim_feeds` gave them."""
        with self.transaction():
            for row in rows:
                self.release_host(row.host, now)
                self.settle_feed(
                    row.id,
                    last_request_at=row.last_request_at,
                    next_poll_at=row.next_poll_at,
                    next_poll_why=row.next_poll_why,
                )

    def settle_feed(self, feed_id: str, **values: Any) -> None:
        """T1's part for the feed's row: its state, validators and next poll."""
        self._run(
            sa.update(feeds)
            .where(feeds.c.id == feed_id)
            .values(claimed_by=None, claimed_until=None, **values)
        )

    def block_host(self, host: str, until: datetime) -> None:
        """No feed of this host is asked before ``until``, nor before what it said earlier."""
        with self.transaction():
            blocked = self._run(sa.select(hosts.c.blocked_until).where(hosts.c.host == host)).all()
            if not blocked:
                self._run(sa.insert(hosts).values(host=host, blocked_until=until))
            elif blocked[0][0] is None or blocked[0][0] < until:
                question = sa.update(hosts).where(hosts.c.host == host)
                self._run(question.values(blocked_until=until))

    def blocked_hosts(self, now: datetime) -> dict[str, datetime]:
        """Hosts that want no request, and until when."""
        with self.transaction():
            question = sa.select(hosts.c.host, hosts.c.blocked_until)
            rows = self._run(question.where(hosts.c.blocked_until > now))
            return {row.host: row.blocked_until for row in rows}

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


def _due_feeds(now: datetime) -> Any:
    """Feeds that may be asked now, one a host: of each host whose turn it is, the longest due."""
    turn = sa.func.row_number().over(partition_by=feeds.c.host, order_by=feeds.c.next_poll_at)
    due = (
        sa.select(feeds.c.id, turn.label("turn"))
        .outerjoin(hosts, hosts.c.host == feeds.c.host)
        .where(
            feeds.c.active.is_(True),
            feeds.c.next_poll_at <= now,
            sa.or_(feeds.c.claimed_until.is_(None), feeds.c.claimed_until <= now),
            sa.or_(hosts.c.free_at.is_(None), hosts.c.free_at <= now),
            sa.or_(hosts.c.blocked_until.is_(None), hosts.c.blocked_until <= now),
        )
        .subquery()
    )
    question = sa.select(feeds).join(due, due.c.id == feeds.c.id).where(due.c.turn == 1)
    return question.order_by(feeds.c.next_poll_at)
