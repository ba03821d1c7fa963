"""Questions about time itself: what a dead daemon left claimed, and a clock that stepped back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from monitor.schedule import NEVER
from monitor.store.base import (
    Questions,
    channels,
    deliveries,
    feeds,
    hosts,
    put_off,
)
from monitor.tables import UtcDateTime

_EVER = datetime(1, 1, 2, tzinfo=UTC)
_SLACK = timedelta(seconds=1)
_HOUR = timedelta(hours=1)
_PAST = (
    feeds.c.last_good_at,
    feeds.c.last_new_at,
    feeds.c.failing_since,
    feeds.c.moved_since,
    feeds.c.unchanged_since,
    feeds.c.probed_at,
    feeds.c.gap_at,
)
"""Since when something is so: what is told, probed and held counts from there."""


class ClockQuestions(Questions):
    """What was put off, when the time it was put off to is not what it was."""

    def release_claims(self, now: datetime, pause: timedelta) -> None:
        """At start, under the exclusive lock: nobody else polls or sends, so hosts held by the
        dead are free after their ``pause`` and every ``sending`` delivery is due."""
        with self.transaction():
            self._run(
                sa.update(feeds)
                .where(feeds.c.claimed_until.is_not(None))
                .values(claimed_by=None, claimed_until=None)
            )
            self._run(
                sa.update(hosts).where(hosts.c.free_at > now + pause).values(free_at=now + pause)
            )
            self._run(
                sa.update(deliveries)
                .where(deliveries.c.state == "sending")
                .values(state="due", due_at=now)
            )

    def follow_clock_back(self, now: datetime, longest_hold: timedelta) -> int:
        """The clock went back: what was put off from a time that is still to come is put off from
        ``now``, so that nothing waits for that time to come again and nothing is done earlier
        than promised. A host is held for ``longest_hold`` at most. Says how many feeds and
        deliveries were moved."""
        with self.transaction():
            self._free_by(now + longest_hold)
            self._blocks_moved(now)
            silences = self._silences_moved(now)
            moved = self._feeds_moved(now) + self._deliveries_moved(now)
            self._nothing_is_since_later(now)
            for name, until in silences.items():
                self._run(
                    sa.update(channels).where(channels.c.name == name).values(blocked_until=until)
                )
            return moved

    def _nothing_is_since_later(self, now: datetime) -> None:
        """What a clock that was wrong dated later is so since ``now``, and what was due is due."""
        told = feeds.c.created_at, feeds.c.baselined_at, feeds.c.told_broken_at
        for column in (*_PAST, *told, feeds.c.told_stale_at):
            self._run(sa.update(feeds).where(column > now).values({column: now}))
        never_asked = feeds.c.last_request_at.is_(None), feeds.c.next_poll_at > now
        self._run(sa.update(feeds).where(*never_asked).values(next_poll_at=now))

    def follow_clock_on(
        self,
        now: datetime,
        by: timedelta,
        longest_hold: timedelta = _HOUR,
        settled: Collection[str] = (),
    ) -> int:
        """The clock was set on ``by`` so much: polls that were still to come, and the silence of
        hosts, come as much later, since no publisher saw that time pass; nor was any feed silent or
        broken so much longer. ``settled``: ids of feeds whose next poll counts from the new time
        already. Says how many feeds were moved. Alerts only come earlier."""
        with self.transaction():
            times = (feeds.c.next_poll_at, feeds.c.not_before, feeds.c.claimed_until)
            moved = self._moved_on(feeds.c.id, times, (now - by, NEVER - by), by, settled)
            self._delays_kept(now, by)
            silences = hosts.c.free_at, hosts.c.blocked_until
            self._moved_on(hosts.c.host, silences, (now - by, NEVER - by), by)
            self._free_by(now + longest_hold)
            since = feeds.c.last_request_at, *_PAST
            self._moved_on(feeds.c.id, since, (_EVER, now - by + _SLACK), by)
            return moved

    def _delays_kept(self, now: datetime, by: timedelta) -> None:
        """What waited is not older by the time that nobody saw pass."""
        delays = sa.select(deliveries.c.id, deliveries.c.retry_from).where(
            deliveries.c.due_at.is_not(None), deliveries.c.retry_from < now
        )
        rows = self._run(delays).all()
        self._run(
            sa.update(deliveries).where(deliveries.c.id == sa.bindparam("row")),
            [{"row": row.id, "retry_from": min(row.retry_from + by, now)} for row in rows],
        )

    def _free_by(self, latest: datetime) -> None:
        """No host is held for longer than a poll may take."""
        self._run(sa.update(hosts).where(hosts.c.free_at > latest).values(free_at=latest))

    def _moved_on(
        self,
        key: sa.ColumnElement[str],
        times: Sequence[sa.ColumnElement[datetime]],
        between: tuple[datetime, datetime],
        by: timedelta,
        but: Collection[str] = (),
    ) -> int:
        """Times ``between`` these two are put off ``by`` so much, row by row: databases count time
        in different ways. How many rows the first of them moved."""
        after, before = between
        counts = []
        for column in times:
            question = sa.select(key, column).where(column > after, column < before)
            rows = [row for row in self._run(question) if row[0] not in but]
            self._run(
                sa.update(column.table).where(key == sa.bindparam("row")),
                [{"row": row[0], column.name: row[1] + by} for row in rows],
            )
            counts.append(len(rows))
        return counts[0]

    def _blocks_moved(self, now: datetime) -> None:
        """Hosts that asked for silence did so when one of their feeds was asked last."""
        last = sa.type_coerce(sa.func.max(feeds.c.last_request_at), UtcDateTime)
        rows = self._run(
            sa.select(hosts.c.host, hosts.c.blocked_until, last.label("last"))
            .join(feeds, feeds.c.host == hosts.c.host)
            .where(hosts.c.blocked_until > now)
            .group_by(hosts.c.host, hosts.c.blocked_until)
        ).all()
        for row in rows:
            if row.last is not None and row.last > now:
                until = put_off(row.blocked_until, row.last, now)
                question = sa.update(hosts).where(hosts.c.host == row.host)
                self._run(question.values(blocked_until=until))

    def _feeds_moved(self, now: datetime) -> int:
        rows = self._run(sa.select(feeds).where(feeds.c.last_request_at > now)).all()
        for row in rows:
            asked = row.last_request_at
            self._run(
                sa.update(feeds)
                .where(feeds.c.id == row.id)
                .values(
                    last_request_at=now,
                    next_poll_at=put_off(row.next_poll_at, asked, now),
                    not_before=put_off(row.not_before, asked, now),
                    claimed_until=put_off(row.claimed_until, asked, now),
                )
            )
        return len(rows)

    def _deliveries_moved(self, now: datetime) -> int:
        began = sa.func.coalesce(deliveries.c.last_attempt_at, deliveries.c.created_at)
        rows = self._run(
            sa.select(deliveries).where(deliveries.c.due_at.is_not(None), began > now)
        ).all()
        for row in rows:
            self._run(
                sa.update(deliveries)
                .where(deliveries.c.id == row.id)
                .values(
                    last_attempt_at=now if row.last_attempt_at else None,
                    due_at=put_off(row.due_at, row.last_attempt_at or row.created_at, now),
                    retry_from=min(row.retry_from, now),
                )
            )
        return len(rows)

    def _silences_moved(self, now: datetime) -> dict[str, datetime | None]:
        """Until when each silent channel is silent. It was told so at its last attempt."""
        last = sa.type_coerce(sa.func.max(deliveries.c.last_attempt_at), UtcDateTime)
        rows = self._run(
            sa.select(channels.c.name, channels.c.blocked_until, last.label("last"))
            .join(deliveries, deliveries.c.channel == channels.c.name)
            .where(channels.c.blocked_until > now)
            .group_by(channels.c.name, channels.c.blocked_until)
        )
        return {
            row.name: put_off(row.blocked_until, row.last, now)
            for row in rows
            if row.last is not None and row.last > now
        }
