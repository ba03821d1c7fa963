"""Store: every question the daemon asks its database, one method each.

`Store.transaction` is visible where things must be committed together; a method called outside one
runs in a transaction of its own. A store belongs to one thread (the daemon's writer thread, a
command's main thread). Transactions are short and none is open while the network is used.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from monitor.ids import new_id
from monitor.schedule import NEVER, rescheduled
from monitor.tables import (
    ChannelState,
    Delivery,
    DeliveryHit,
    Event,
    Feed,
    Hit,
    Host,
    Item,
    Sighting,
    UtcDateTime,
)

feeds = Feed.__table__  # type: ignore[attr-defined] # SQLModel adds it at run time
hosts = Host.__table__  # type: ignore[attr-defined] # likewise
items = Item.__table__  # type: ignore[attr-defined] # likewise
sightings = Sighting.__table__  # type: ignore[attr-defined] # likewise
hits = Hit.__table__  # type: ignore[attr-defined] # likewise
deliveries = Delivery.__table__  # type: ignore[attr-defined] # likewise
delivery_hits = DeliveryHit.__table__  # type: ignore[attr-defined] # likewise
channels = ChannelState.__table__  # type: ignore[attr-defined] # likewise
events = Event.__table__  # type: ignore[attr-defined] # likewise

_CHUNK = 500  # values in one IN (...): every database takes so many


@dataclass(frozen=True, slots=True)
class ConfiguredFeed:
    """What the store needs to know of a feed in the configuration."""

    name: str
    url: str
    host: str
    every_s: int | None = None


@dataclass(frozen=True, slots=True)
class KnownItem:
    """An item already stored, found by its key in one feed."""

    item_id: str
    text_hash: str
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """An alert to be queued for one channel."""

    id: str
    channel: str
    kind: Literal["hit", "digest", "event"]
    alert: str
    title: str
    rule: str = ""
    hit_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that is ours to send until its lease ends. ``attempts`` counts this one."""

    id: str
    channel: str
    kind: str
    rule: str
    title: str
    alert: str
    attempts: int
    retry_from: datetime


class Store:
    """The database behind named questions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is committed together, or not at all."""
        if self._connection is not None:
            yield
            return
        with self._engine.begin() as connection:
            self._connection = connection
            try:
                yield
            finally:
                self._connection = None

    def close(self) -> None:
        self._engine.dispose()

    def _run(self, statement: Any, rows: Sequence[Mapping[str, Any]] | None = None) -> Any:
        assert self._connection is not None, "a question outside a transaction"  # noqa: S101 - a bug of ours, not input
        if rows is None:
            return self._connection.execute(statement)
        return self._connection.execute(statement, rows) if rows else None

    # Feeds ---------------------------------------------------------------------------------

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
            for part in _chunks(left):
                self._run(sa.update(feeds).where(feeds.c.id.in_(part)).values(active=False))

    def _keep_feed(self, row: Row[Any], feed: ConfiguredFeed, now: datetime) -> None:
        values: dict[str, Any] = {}
        if (row.name, row.host, row.active) != (feed.name, feed.host, True):
            values |= {"name": feed.name, "host": feed.host, "active": True}
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
                moved_to=None,
                moved_times=0,
                moved_since=None,
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
                moved_times=0,
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
            self._run(
                sa.update(hosts)
                .where(hosts.c.free_at > now + longest_hold)
                .values(free_at=now + longest_hold)
            )
            silences = self._silences_moved(now)
            moved = self._feeds_moved(now) + self._deliveries_moved(now)
            for name, until in silences.items():
                self._run(
                    sa.update(channels).where(channels.c.name == name).values(blocked_until=until)
                )
            return moved

    def _feeds_moved(self, now: datetime) -> int:
        rows = self._run(sa.select(feeds).where(feeds.c.last_request_at > now)).all()
        for row in rows:
            asked = row.last_request_at
            self._run(
                sa.update(feeds)
                .where(feeds.c.id == row.id)
                .values(
                    last_request_at=now,
                    next_poll_at=_put_off(row.next_poll_at, asked, now),
                    not_before=_put_off(row.not_before, asked, now),
                    claimed_until=_put_off(row.claimed_until, asked, now),
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
                    due_at=_put_off(row.due_at, row.last_attempt_at or row.created_at, now),
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
            row.name: _put_off(row.blocked_until, row.last, now)
            for row in rows
            if row.last is not None and row.last > now
        }

    def feeds(self) -> list[Row[Any]]:
        """Every feed there is a row of, by name."""
        with self.transaction():
            return list(self._run(sa.select(feeds).order_by(feeds.c.name)))

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

    def left_to_do(self, began: datetime, channel_names: Collection[str]) -> tuple[int, int]:
        """What keeps a round that began then from being over: feeds that were due, and alerts
        that were due or have not been tried."""
        with self.transaction():
            polls = sa.select(sa.func.count()).select_from(
                feeds.outerjoin(hosts, hosts.c.host == feeds.c.host)
            )
            polls = polls.where(
                feeds.c.active.is_(True),
                feeds.c.next_poll_at <= began,
                sa.or_(hosts.c.blocked_until.is_(None), hosts.c.blocked_until <= began),
            )
            sends = sa.select(sa.func.count()).where(
                deliveries.c.channel.in_(set(channel_names) - self._held_channels(began)),
                deliveries.c.state == "due",
                sa.or_(deliveries.c.due_at <= began, deliveries.c.attempts == 0),
            )
            return self._run(polls).scalar_one(), self._run(sends).scalar_one()

    def next_due(self) -> datetime | None:
        """When the earliest poll or delivery is due."""
        with self.transaction():
            poll = self._run(
                sa.select(sa.func.min(feeds.c.next_poll_at)).where(feeds.c.active.is_(True))
            ).scalar()
            send = self._run(sa.select(sa.func.min(deliveries.c.due_at))).scalar()
            return min((at for at in (poll, send) if at), default=None)

    # Items and hits ------------------------------------------------------------------------

    def known_items(self, feed_id: str, keys: Collection[str]) -> dict[str, KnownItem]:
        """Which of these keys the feed has shown before."""
        known: dict[str, KnownItem] = {}
        with self.transaction():
            for part in _chunks(list(keys)):
                for row in self._run(
                    sa.select(
                        sightings.c.key,
                        sightings.c.item_id,
                        sightings.c.last_seen_at,
                        items.c.text_hash,
                    )
                    .join(items, items.c.id == sightings.c.item_id)
                    .where(sightings.c.feed_id == feed_id, sightings.c.key.in_(part))
                ):
                    known[row.key] = KnownItem(row.item_id, row.text_hash, row.last_seen_at)
        return known

    def rules_hit(self, item_ids: Collection[str]) -> set[tuple[str, str]]:
        """(item, rule) of the hits these items already have."""
        found: set[tuple[str, str]] = set()
        with self.transaction():
            for part in _chunks(list(item_ids)):
                rows = self._run(
                    sa.select(hits.c.item_id, hits.c.rule).where(hits.c.item_id.in_(part))
                )
                found.update((row.item_id, row.rule) for row in rows)
        return found

    def items(self, item_ids: Collection[str]) -> dict[str, Row[Any]]:
        """These items, by id."""
        found: dict[str, Row[Any]] = {}
        with self.transaction():
            for part in _chunks(list(item_ids)):
                rows = self._run(sa.select(items).where(items.c.id.in_(part)))
                found.update({row.id: row for row in rows})
        return found

    def add_items(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._run(sa.insert(items), rows)

    def add_sightings(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._run(sa.insert(sightings), rows)

    def see_again(self, feed_id: str, keys: Collection[str], now: datetime) -> None:
        """These keys are still in the feed's window: they are not to be forgotten."""
        for part in _chunks(list(keys)):
            self._run(
                sa.update(sightings)
                .where(sightings.c.feed_id == feed_id, sightings.c.key.in_(part))
                .values(last_seen_at=now)
            )

    def edit_item(self, item_id: str, values: Mapping[str, Any]) -> None:
        self._run(sa.update(items).where(items.c.id == item_id).values(**values))

    def add_hits(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._run(sa.insert(hits), rows)

    def hits(
        self, limit: int, *, rule: str | None = None, feed: str | None = None
    ) -> list[Row[Any]]:
        """Hits, newest first, with their item and where each was sent."""
        question = (
            sa.select(hits, items, feeds.c.name.label("feed"))
            .join(items, items.c.id == hits.c.item_id)
            .join(feeds, feeds.c.id == hits.c.feed_id)
            .order_by(hits.c.at.desc(), hits.c.id.desc())
            .limit(limit)
        )
        if rule is not None:
            question = question.where(hits.c.rule == rule)
        if feed is not None:
            question = question.where(feeds.c.name == feed)
        with self.transaction():
            return list(self._run(question))

    def deliveries_of_hits(self, hit_ids: Collection[str]) -> dict[str, list[tuple[str, str]]]:
        """Per hit: (channel, state) of each delivery that carries it."""
        found: dict[str, list[tuple[str, str]]] = {}
        with self.transaction():
            for part in _chunks(list(hit_ids)):
                for row in self._run(
                    sa.select(delivery_hits.c.hit_id, deliveries.c.channel, deliveries.c.state)
                    .join(deliveries, deliveries.c.id == delivery_hits.c.delivery_id)
                    .where(delivery_hits.c.hit_id.in_(part))
                    .order_by(deliveries.c.channel)
                ):
                    found.setdefault(row.hit_id, []).append((row.channel, row.state))
        return found

    # Looking back --------------------------------------------------------------------------

    def find_items(self, beginning: str, limit: int = 2) -> list[str]:
        """Ids of items that begin so."""
        return self._beginning(items, beginning, limit)

    def find_hits(self, beginning: str, limit: int = 2) -> list[str]:
        """Ids of hits that begin so."""
        return self._beginning(hits, beginning, limit)

    def _beginning(self, table: sa.Table, beginning: str, limit: int) -> list[str]:
        with self.transaction():
            column = table.c.id
            question = sa.select(column).where(column.startswith(beginning, autoescape=True))
            return list(self._run(question.order_by(column).limit(limit)).scalars())

    def items_between(
        self, since: datetime, until: datetime, limit: int, before: Row[Any] | None = None
    ) -> list[Row[Any]]:
        """A page of items first seen then, the newest first; the next page is the one ``before``
        the last item of this one. Each page is a transaction of its own: whoever looks through a
        million items holds nobody up."""
        question = sa.select(items).where(
            items.c.first_seen_at >= since, items.c.first_seen_at < until
        )
        if before is not None:
            seen, at = items.c.first_seen_at, before.first_seen_at
            question = question.where(
                seen <= at, sa.or_(seen < at, sa.and_(seen == at, items.c.id < before.id))
            )
        newest = items.c.first_seen_at.desc(), items.c.id.desc()
        with self.transaction():
            return list(self._run(question.order_by(*newest).limit(limit)))

    def count_items(self, since: datetime, until: datetime) -> int:
        """How many items were first seen then."""
        question = sa.select(sa.func.count()).select_from(items)
        question = question.where(items.c.first_seen_at >= since, items.c.first_seen_at < until)
        with self.transaction():
            count: int = self._run(question).scalar_one()
            return count

    def items_at(self, url: str, limit: int) -> list[str]:
        """Ids of the items that have this URL, the newest first: one in each feed that had it."""
        with self.transaction():
            question = sa.select(items.c.id).where(items.c.url == url)
            newest = items.c.first_seen_at.desc(), items.c.id.desc()
            return list(self._run(question.order_by(*newest).limit(limit)).scalars())

    def hit(self, hit_id: str) -> Row[Any]:
        """This hit; it must be there."""
        with self.transaction():
            row: Row[Any] = self._run(sa.select(hits).where(hits.c.id == hit_id)).one()
            return row

    def hit_of(self, item_id: str, rule: str) -> Row[Any] | None:
        """The hit of this rule on this item."""
        with self.transaction():
            question = sa.select(hits).where(hits.c.item_id == item_id, hits.c.rule == rule)
            row: Row[Any] | None = self._run(question).one_or_none()
            return row

    def sightings_of(self, item_id: str) -> list[Row[Any]]:
        """Where the item was seen, first sighting first, with its ``feed``'s name and when that
        was polled first (``baselined_at``)."""
        question = (
            sa.select(sightings, feeds.c.name.label("feed"), feeds.c.baselined_at)
            .join(feeds, feeds.c.id == sightings.c.feed_id)
            .where(sightings.c.item_id == item_id)
            .order_by(sightings.c.first_seen_at, feeds.c.name)
        )
        with self.transaction():
            return list(self._run(question))

    def deliveries_of(self, hit_id: str) -> list[Row[Any]]:
        """The deliveries that carry this hit, by channel."""
        question = (
            sa.select(deliveries)
            .join(delivery_hits, delivery_hits.c.delivery_id == deliveries.c.id)
            .where(delivery_hits.c.hit_id == hit_id)
            .order_by(deliveries.c.channel)
        )
        with self.transaction():
            return list(self._run(question))

    # Deliveries ----------------------------------------------------------------------------

    def queue(self, new: Sequence[NewDelivery], now: datetime) -> None:
        """Put alerts into the outbox, due at once."""
        self._run(
            sa.insert(deliveries),
            [
                {
                    "id": delivery.id,
                    "channel": delivery.channel,
                    "kind": delivery.kind,
                    "rule": delivery.rule,
                    "title": delivery.title,
                    "alert": delivery.alert,
                    "state": "due",
                    "due_at": now,
                    "attempts": 0,
                    "created_at": now,
                    "retry_from": now,
                    "answer": "",
                }
                for delivery in new
            ],
        )
        self._run(
            sa.insert(delivery_hits),
            [
                {"hit_id": hit_id, "channel": delivery.channel, "delivery_id": delivery.id}
                for delivery in new
                for hit_id in delivery.hit_ids
            ],
        )

    def claim_deliveries(
        self,
        owner: str,
        now: datetime,
        leases: Mapping[str, timedelta],
        slots: Mapping[str, int],
    ) -> list[ClaimedDelivery]:
        """T2: due deliveries, oldest first, at most ``slots`` a channel, ours for its lease."""
        claimed: list[ClaimedDelivery] = []
        with self.transaction():
            held = self._held_channels(now)
            for channel, free in slots.items():
                if free > 0 and channel not in held:
                    claimed += self._claim_channel(owner, now, channel, free, leases[channel])
        return claimed

    def _held_channels(self, now: datetime) -> set[str]:
        rows = self._run(
            sa.select(channels.c.name).where(
                sa.or_(channels.c.disabled.is_(True), channels.c.blocked_until > now)
            )
        )
        return set(rows.scalars())

    def _claim_channel(
        self, owner: str, now: datetime, channel: str, limit: int, lease: timedelta
    ) -> list[ClaimedDelivery]:
        due = self._run(
            sa.select(deliveries)
            .where(deliveries.c.channel == channel, deliveries.c.due_at <= now)
            .order_by(deliveries.c.due_at, deliveries.c.id)
            .limit(limit)
        ).all()
        if due:
            self._run(
                sa.update(deliveries)
                .where(deliveries.c.id.in_([row.id for row in due]))
                .values(
                    state="sending",
                    claimed_by=owner,
                    attempts=deliveries.c.attempts + 1,
                    last_attempt_at=now,
                    due_at=now + lease,
                )
            )
        return [
            ClaimedDelivery(
                id=row.id,
                channel=row.channel,
                kind=row.kind,
                rule=row.rule,
                title=row.title,
                alert=row.alert,
                attempts=row.attempts + 1,
                retry_from=row.retry_from,
            )
            for row in due
        ]

    def settle_sent(self, delivery_id: str, now: datetime, answer: str) -> None:
        """T3: the service accepted it; true whatever else happened to the row meanwhile."""
        self._run(
            sa.update(deliveries)
            .where(deliveries.c.id == delivery_id)
            .values(state="sent", due_at=None, claimed_by=None, sent_at=now, answer=answer)
        )

    def settle_retry(self, delivery: ClaimedDelivery, at: datetime, answer: str) -> None:
        """T3: try again at ``at``. A row that is no longer ours stays as it is."""
        self._settle_failed(delivery, state="due", due_at=at, answer=answer)

    def settle_dead(self, delivery: ClaimedDelivery, answer: str) -> bool:
        """T3: a dead letter, with its cause. False when the row is no longer ours."""
        return self._settle_failed(delivery, state="dead", due_at=None, answer=answer)

    def _settle_failed(self, delivery: ClaimedDelivery, **values: Any) -> bool:
        found = self._run(
            sa.update(deliveries)
            .where(
                deliveries.c.id == delivery.id,
                deliveries.c.state == "sending",
                deliveries.c.attempts == delivery.attempts,
            )
            .values(claimed_by=None, **values)
        )
        return bool(found.rowcount)

    def bury_orphans(self, known: Collection[str]) -> dict[str, int]:
        """Deliveries whose channel left the configuration become dead letters with that cause;
        says how many a channel."""
        buried: dict[str, int] = {}
        with self.transaction():
            waiting = self._run(
                sa.select(deliveries.c.channel, sa.func.count())
                .where(deliveries.c.due_at.is_not(None))
                .group_by(deliveries.c.channel)
            ).all()
            for channel, count in waiting:
                if channel in known:
                    continue
                buried[channel] = count
                self._run(
                    sa.update(deliveries)
                    .where(deliveries.c.channel == channel, deliveries.c.due_at.is_not(None))
                    .values(
                        state="dead",
                        due_at=None,
                        claimed_by=None,
                        answer=f"channel '{channel}' is no longer in the configuration",
                    )
                )
        return buried

    def dead_letters(self, ids: Collection[str] = (), channel: str | None = None) -> list[Row[Any]]:
        """Dead letters, as id and channel: these, a channel's, or all."""
        question = sa.select(deliveries.c.id, deliveries.c.channel).where(
            deliveries.c.state == "dead"
        )
        if channel is not None:
            question = question.where(deliveries.c.channel == channel)
        if ids:
            question = question.where(deliveries.c.id.in_(list(ids)))
        with self.transaction():
            return list(self._run(question))

    def revive(
        self,
        now: datetime,
        *,
        ids: Collection[str] = (),
        channel: str | None = None,
        able: Collection[str] | None = None,
    ) -> list[str]:
        """Dead letters are due again with the id they had: these, a channel's, or all, but only
        those of channels that are ``able`` to send. A channel that was disabled works again.
        Gives the ids."""
        with self.transaction():
            dead = [
                row
                for row in self.dead_letters(ids, channel)
                if able is None or row.channel in able
            ]
            for part in _chunks([row.id for row in dead]):
                self._run(
                    sa.update(deliveries)
                    .where(deliveries.c.id.in_(part))
                    .values(state="due", due_at=now, attempts=0, retry_from=now)
                )
            revived = {row.channel for row in dead} | ({channel} if channel else set())
            self._run(
                sa.update(channels)
                .where(channels.c.name.in_(revived))
                .values(disabled=False, disabled_why="", disabled_at=None, blocked_until=None)
            )
            return [row.id for row in dead]

    def find_deliveries(self, beginning: str) -> list[str]:
        """Ids that begin so."""
        with self.transaction():
            return list(
                self._run(
                    sa.select(deliveries.c.id).where(
                        deliveries.c.id.startswith(beginning, autoescape=True)
                    )
                ).scalars()
            )

    def deliveries(
        self, limit: int, *, state: str | None = None, channel: str | None = None
    ) -> list[Row[Any]]:
        """Deliveries, newest first."""
        question = (
            sa.select(deliveries)
            .order_by(deliveries.c.created_at.desc(), deliveries.c.id.desc())
            .limit(limit)
        )
        if state is not None:
            question = question.where(deliveries.c.state == state)
        if channel is not None:
            question = question.where(deliveries.c.channel == channel)
        with self.transaction():
            return list(self._run(question))

    # Channels ------------------------------------------------------------------------------

    def sync_channels(self, fingerprints: Mapping[str, str]) -> list[str]:
        """Remember each channel's settings; one that was disabled and has new ones works again.
        Gives the names enabled so."""
        enabled: list[str] = []
        with self.transaction():
            rows = {row.name: row for row in self._run(sa.select(channels))}
            for name, fingerprint in fingerprints.items():
                row = rows.get(name)
                if row is None:
                    self._run(
                        sa.insert(channels).values(
                            name=name, fingerprint=fingerprint, disabled=False, disabled_why=""
                        )
                    )
                elif row.fingerprint != fingerprint:
                    if row.disabled:
                        enabled.append(name)
                    self._run(
                        sa.update(channels)
                        .where(channels.c.name == name)
                        .values(
                            fingerprint=fingerprint,
                            disabled=False,
                            disabled_why="",
                            disabled_at=None,
                            blocked_until=None,
                        )
                    )
        return enabled

    def block_channel(self, name: str, until: datetime) -> None:
        """The service asked for silence until then, restarts included."""
        self._run(
            sa.update(channels)
            .where(
                channels.c.name == name,
                sa.or_(channels.c.blocked_until.is_(None), channels.c.blocked_until < until),
            )
            .values(blocked_until=until)
        )

    def disable_channel(self, name: str, why: str, now: datetime) -> bool:
        """Stop sending there until an operator mends it; False when it was stopped already."""
        found = self._run(
            sa.update(channels)
            .where(channels.c.name == name, channels.c.disabled.is_(False))
            .values(disabled=True, disabled_why=why, disabled_at=now)
        )
        return bool(found.rowcount)

    def channels(self) -> list[Row[Any]]:
        with self.transaction():
            return list(self._run(sa.select(channels).order_by(channels.c.name)))

    # Events and numbers --------------------------------------------------------------------

    def add_event(self, name: str, subject: str, message: str, now: datetime) -> str:
        event_id = new_id()
        self._run(
            sa.insert(events).values(
                id=event_id, at=now, name=name, subject=subject, message=message
            )
        )
        return event_id

    def was_told(self, name: str, subject: str, since: datetime, now: datetime) -> bool:
        """Whether there was such an event since then."""
        found = self._run(
            sa.select(events.c.id)
            .where(events.c.at > since, events.c.at <= now)
            .where(events.c.name == name, events.c.subject == subject)
            .limit(1)
        )
        return found.first() is not None

    def events(self, limit: int) -> list[Row[Any]]:
        """Events, newest first."""
        with self.transaction():
            return list(
                self._run(
                    sa.select(events).order_by(events.c.at.desc(), events.c.id.desc()).limit(limit)
                )
            )

    def pulse(self, now: datetime) -> dict[str, int]:
        """A few counts that stay cheap however long the history: for STATUS."""
        with self.transaction():
            states = dict(
                self._run(
                    sa.select(deliveries.c.state, sa.func.count())
                    .where(deliveries.c.state.in_(["due", "sending", "dead"]))
                    .group_by(deliveries.c.state)
                ).all()
            )
            watched = self._run(
                sa.select(sa.func.count(), sa.func.count().filter(feeds.c.state == "ok")).where(
                    feeds.c.active.is_(True)
                )
            ).one()
            recent = sa.select(sa.func.count()).select_from(hits)
            recent = recent.where(hits.c.at > now - timedelta(days=1))
            return {
                "feeds": watched[0],
                "feeds_ok": watched[1],
                "hits_24h": self._run(recent).scalar_one(),
                "waiting": states.get("due", 0) + states.get("sending", 0),
                "dead": states.get("dead", 0),
            }

    def numbers(self, now: datetime) -> dict[str, Any]:
        """What `wirewatch status` shows: counts of everything, and the oldest unsent alert."""
        with self.transaction():
            states = self._run(
                sa.select(deliveries.c.state, sa.func.count()).group_by(deliveries.c.state)
            )
            feed_states = self._run(
                sa.select(feeds.c.state, sa.func.count())
                .where(feeds.c.active.is_(True))
                .group_by(feeds.c.state)
            )
            return {
                "feeds": dict(feed_states.all()),
                "items": self._count(items),
                "hits": self._count(hits),
                "hits_24h": self._run(
                    sa.select(sa.func.count())
                    .select_from(hits)
                    .where(hits.c.at > now - timedelta(days=1))
                ).scalar_one(),
                "deliveries": dict(states.all()),
                "oldest_unsent": self._run(
                    sa.select(
                        sa.type_coerce(sa.func.min(deliveries.c.created_at), UtcDateTime)
                    ).where(deliveries.c.due_at.is_not(None))
                ).scalar(),
                "last_good_poll": self._run(
                    sa.select(sa.type_coerce(sa.func.max(feeds.c.last_good_at), UtcDateTime))
                ).scalar(),
                "next_poll": self._run(
                    sa.select(sa.type_coerce(sa.func.min(feeds.c.next_poll_at), UtcDateTime)).where(
                        feeds.c.active.is_(True)
                    )
                ).scalar(),
            }

    def _count(self, table: sa.Table) -> int:
        count: int = self._run(sa.select(sa.func.count()).select_from(table)).scalar_one()
        return count


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


def _put_off(at: datetime | None, since: datetime, now: datetime) -> datetime | None:
    """What was put off from ``since`` until ``at``, put off from ``now`` for as long. A time
    before ``since`` was not put off from then and stays."""
    return at if at is None or at >= NEVER or at < since else now + (at - since)


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def tags_text(tags: Sequence[str]) -> str:
    """Tags as the database holds them."""
    return json.dumps(list(tags), ensure_ascii=False)
