"""Whose turn it is: T0, which claims due feeds, one a host, and what T1 writes of them.

Every poll passes here twice, so the statements are made once, and what is written for many feeds is
given to the database in one go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from monitor.store.base import Questions, feeds, hosts
from monitor.wishes import remembered, unskipped

_WINDOW = 4
"""So many times as many due feeds are looked at as are wanted, since some share a host."""

_IS_DUE = (
    feeds.c.active.is_(True),
    feeds.c.next_poll_at <= sa.bindparam("now", type_=feeds.c.next_poll_at.type),
    sa.or_(feeds.c.claimed_until.is_(None), feeds.c.claimed_until <= sa.bindparam("now")),
    sa.or_(hosts.c.free_at.is_(None), hosts.c.free_at <= sa.bindparam("now")),
    sa.or_(hosts.c.blocked_until.is_(None), hosts.c.blocked_until <= sa.bindparam("now")),
)
_LONGEST_DUE = (
    sa.select(feeds.c.id, feeds.c.host)
    .outerjoin(hosts, hosts.c.host == feeds.c.host)
    .where(*_IS_DUE)
    .order_by(feeds.c.next_poll_at)
    .limit(sa.bindparam("limit"))
)
_TURN = sa.func.row_number().over(partition_by=feeds.c.host, order_by=feeds.c.next_poll_at)
_EACH_HOSTS_LONGEST_DUE = (
    sa.select(feeds.c.id, feeds.c.host, feeds.c.next_poll_at, _TURN.label("turn"))
    .outerjoin(hosts, hosts.c.host == feeds.c.host)
    .where(*_IS_DUE)
    .subquery()
)
_ONE_A_HOST = (
    sa.select(_EACH_HOSTS_LONGEST_DUE.c.id, _EACH_HOSTS_LONGEST_DUE.c.host)
    .where(_EACH_HOSTS_LONGEST_DUE.c.turn == 1)
    .order_by(_EACH_HOSTS_LONGEST_DUE.c.next_poll_at)
    .limit(sa.bindparam("limit"))
)
_THESE = sa.select(feeds).where(feeds.c.id.in_(sa.bindparam("ids", expanding=True)))
_HOSTS = sa.select(hosts.c.host).where(hosts.c.host.in_(sa.bindparam("names", expanding=True)))
_NEW_HOST = sa.insert(hosts)
_ONE_FEED = sa.update(feeds).where(feeds.c.id == sa.bindparam("feed"))
_ONE_HOST = sa.update(hosts).where(hosts.c.host == sa.bindparam("name"))


class TurnQuestions(Questions):
    """Which feeds are asked now, and what came of it."""

    def claim_feeds(
        self, owner: str, now: datetime, lease: timedelta, limit: int, pause: timedelta
    ) -> list[Row[Any]]:
        """T0: feeds that are due, at most one a host, ours until the lease ends.

        ``last_request_at`` is written and the next poll put off as before, before any request, so
        that spacing holds even when the process dies before T1. The host is busy until
        `release_hosts`, or until lease and ``pause`` are over.
        """
        with self.transaction():
            ids = self._whose_turn(now, limit)
            if not ids:
                return []
            rows = sorted(self._run(_THESE, {"ids": ids}), key=lambda row: row.next_poll_at)
            self._run(_ONE_FEED, [_claim(row, owner, now, lease) for row in rows])
            self._hold_hosts([row.host for row in rows], now + lease + pause)
            return rows

    def _whose_turn(self, now: datetime, limit: int) -> list[str]:
        """Of each host whose turn it is the longest due. A look at the longest due of all is
        enough, unless many of these share a host."""
        wanted = limit * _WINDOW
        first: dict[str, str] = {}
        found = self._run(_LONGEST_DUE, {"now": now, "limit": wanted}).all()
        for row in found:
            first.setdefault(row.host, row.id)
        if len(first) < limit and len(found) == wanted:
            found = self._run(_ONE_A_HOST, {"now": now, "limit": limit}).all()
            return [row.id for row in found]
        return list(first.values())[:limit]

    def _hold_hosts(self, names: Sequence[str], until: datetime) -> None:
        known = set(self._run(_HOSTS, {"names": list(names)}).scalars())
        self._run(_NEW_HOST, [{"host": name} for name in names if name not in known])
        self._run(_ONE_HOST, [{"name": name, "free_at": until} for name in names])

    def release_host(self, host: str, free_at: datetime) -> None:
        """The request is over: the host's next one may start at ``free_at``."""
        self.release_hosts({host: free_at})

    def release_hosts(self, free_at: Mapping[str, datetime]) -> None:
        """The same for several hosts."""
        with self.transaction():
            self._run(_ONE_HOST, [{"name": name, "free_at": at} for name, at in free_at.items()])

    def unclaim_feeds(self, rows: Sequence[Row[Any]], now: datetime) -> None:
        """Undo T0 of feeds that were not asked after all: ``rows`` as `claim_feeds` gave them."""
        with self.transaction():
            self.release_hosts({row.host: now for row in rows})
            self.settle_feeds(
                (
                    row.id,
                    {
                        "last_request_at": row.last_request_at,
                        "next_poll_at": row.next_poll_at,
                        "next_poll_why": row.next_poll_why,
                    },
                )
                for row in rows
            )

    def settle_feed(self, feed_id: str, **values: Any) -> None:
        """T1's part for the feed's row: its state, validators and next poll."""
        self.settle_feeds([(feed_id, values)])

    def settle_feeds(self, settled: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """The same for several feeds."""
        alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for feed_id, values in settled:
            row = {"feed": feed_id, "claimed_by": None, "claimed_until": None, **values}
            alike.setdefault(tuple(row), []).append(row)
        with self.transaction():
            for rows in alike.values():
                self._run(_ONE_FEED, rows)

    def block_host(self, host: str, until: datetime) -> None:
        """No feed of this host is asked before ``until``, nor before what it said earlier."""
        with self.transaction():
            blocked = self._run(sa.select(hosts.c.blocked_until).where(hosts.c.host == host)).all()
            if not blocked:
                self._run(sa.insert(hosts).values(host=host, blocked_until=until))
            elif blocked[0][0] is None or blocked[0][0] < until:
                question = sa.update(hosts).where(hosts.c.host == host)
                self._run(question.values(blocked_until=until))

    def silent_until(self, host: str, now: datetime) -> datetime | None:
        """Until when this host wants no request; None where it said nothing of it."""
        with self.transaction():
            question = sa.select(hosts.c.blocked_until)
            until: datetime | None = self._run(
                question.where(hosts.c.host == host, hosts.c.blocked_until > now)
            ).scalar()
            return until

    def blocked_hosts(self, now: datetime) -> dict[str, datetime]:
        """Hosts that want no request, and until when."""
        with self.transaction():
            question = sa.select(hosts.c.host, hosts.c.blocked_until)
            rows = self._run(question.where(hosts.c.blocked_until > now))
            return {row.host: row.blocked_until for row in rows}


def _claim(row: Row[Any], owner: str, now: datetime, lease: timedelta) -> dict[str, Any]:
    return {
        "feed": row.id,
        "claimed_by": owner,
        "claimed_until": now + lease,
        "last_request_at": now,
        "next_poll_at": _again_at(row, now),
        "next_poll_why": "the last poll did not end",
    }


def _again_at(row: Row[Any], now: datetime) -> datetime:
    """When a poll that does not end is repeated: not in hours or days that the feed skips."""
    at = now + _as_before(row)
    if row.every_s is not None or not (row.skip_hours or row.skip_days):
        return at
    wishes = remembered(row.ttl_s, row.sy_s, row.skip_hours, row.skip_days)
    return unskipped(at, wishes, now)[0]


def _as_before(row: Row[Any]) -> timedelta:
    """The pause before this poll, which whatever decided it may ask for again; at least the
    interval, at most a day."""
    interval = timedelta(seconds=row.every_s or row.interval_s)
    if row.last_request_at is None:
        return interval
    before: timedelta = row.next_poll_at - row.last_request_at
    return max(interval, min(before, timedelta(days=1)))
