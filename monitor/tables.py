"""The tables: what the daemon remembers.

Ids are UUIDv7 text made by us, times aware UTC, JSON is text. Nothing here or in
`monitor.store`'s questions relies on SQLite: PostgreSQL is to hold the same tables.

A delivery's ``due_at`` is empty once nothing more is to be done about it, so one index over
(channel, due_at, id) finds what is due, oldest and newest, however long the history grows and
however much is due at one moment.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect
from sqlmodel import Field, SQLModel


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware time, kept as UTC; a naive one is a bug of ours and refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive time {value} for the database")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _time(**options: Any) -> Any:
    return Field(sa_type=UtcDateTime, **options)


def _text(**options: Any) -> Any:
    return Field(sa_type=sa.Text, **options)


WORKING = ("ok", "moved", "gap", "validators_lie")
"""States of feeds that bring what they publish."""


class Feed(SQLModel, table=True):
    """A URL polled for items. The row belongs to the normalised configured URL; the name is a
    label. ``active``: it is in the configuration and enabled.

    ``asked_url``: where it lives since a 301 was confirmed; empty: at ``url``. ``ttl_s``, ``sy_s``,
    ``skip_hours``, ``skip_days`` are what its last document said (bits from hour 0 GMT and from
    Monday). ``slowed``: how many steps a 429 has lengthened its interval. ``rhythm_s``: the usual
    time between two polls that bring something new, ``longest_s`` its longest silence of late.
    ``unchanged_since``: answers are 304 since then. ``told_together``: operators were told of it
    among others that broke at the same time. ``held_until``: hits of a republished window are held
    until then. ``recent_polls``: its last polls as JSON, newest first.
    """

    __tablename__ = "feeds"
    __table_args__ = (sa.Index("feeds_due", "active", "next_poll_at"),)

    id: str = _text(primary_key=True)
    url: str = _text(unique=True)
    name: str = _text(index=True)
    host: str = _text(index=True)
    active: bool = True
    state: str = _text(default="new")
    created_at: datetime = _time()
    baselined_at: datetime | None = _time(default=None)

    validators_url: str | None = _text(default=None)
    etag: bytes | None = None
    last_modified: bytes | None = None
    body_hash: bytes | None = None

    next_poll_at: datetime = _time()
    next_poll_why: str = _text(default="new")
    not_before: datetime | None = _time(default=None)
    every_s: int | None = None
    interval_s: int = 900
    claimed_by: str | None = _text(default=None)
    claimed_until: datetime | None = _time(default=None)

    last_request_at: datetime | None = _time(default=None)
    last_good_at: datetime | None = _time(default=None)
    last_status: int | None = None
    last_outcome: str = _text(default="")
    last_error: str = _text(default="")
    failures: int = 0
    failing_since: datetime | None = _time(default=None)
    told_broken_at: datetime | None = _time(default=None)

    moved_to: str | None = _text(default=None)
    moved_times: int = 0
    moved_since: datetime | None = _time(default=None)
    asked_url: str | None = _text(default=None)

    ttl_s: int | None = None
    sy_s: int | None = None
    skip_hours: int = 0
    skip_days: int = 0
    slowed: int = 0

    last_new_at: datetime | None = _time(default=None)
    rhythm_s: int | None = None
    longest_s: int | None = None
    unchanged_since: datetime | None = _time(default=None)
    probed_at: datetime | None = _time(default=None)
    validators_lie: bool = False
    gap_at: datetime | None = _time(default=None)
    held_until: datetime | None = _time(default=None)
    told_stale_at: datetime | None = _time(default=None)
    told_together: bool = False
    recent_polls: str = _text(default="[]")


class Host(SQLModel, table=True):
    """Whose turn it is at one publisher: no request before ``free_at`` and ``blocked_until``."""

    __tablename__ = "hosts"

    host: str = _text(primary_key=True)
    free_at: datetime | None = _time(default=None)
    blocked_until: datetime | None = _time(default=None)


class Item(SQLModel, table=True):
    """One article. Texts hold no markup. ``text_hash`` tells an edited one; ``canonical`` is its
    link and ``title_key`` its title without what does not make another article."""

    __tablename__ = "items"

    id: str = _text(primary_key=True)
    feed_id: str = _text(foreign_key="feeds.id", index=True)
    title: str = _text()
    url: str = _text(index=True)
    summary: str = _text()
    content: str = _text()
    author: str = _text()
    tags: str = _text(default="[]")
    source: str = _text()
    lang: str = _text()
    published_at: datetime | None = _time(default=None)
    first_seen_at: datetime = _time(index=True)
    edited_at: datetime | None = _time(default=None)
    text_hash: str = _text()
    canonical: str = _text(default="", index=True)
    title_key: str = _text(default="", index=True)


class Sighting(SQLModel, table=True):
    """An item's entry in one feed, under the key that feed gives it. ``text_hash`` of the entry:
    another one means it was edited there. Empty: that of its item, as it was then. A key that the
    feed uses for another article now is ``was:`` and the item's id."""

    __tablename__ = "sightings"

    feed_id: str = _text(primary_key=True, foreign_key="feeds.id")
    key: str = _text(primary_key=True)
    key_version: int
    item_id: str = _text(foreign_key="items.id", index=True)
    first_seen_at: datetime = _time()
    last_seen_at: datetime = _time()
    text_hash: str = _text(default="")


class Hit(SQLModel, table=True):
    """The stored fact: this rule matched this item. ``match`` is the alert's JSON of why.
    ``untold`` is empty, or says why nobody was told (``baseline``, ``max_age``, ``dropped``)."""

    __tablename__ = "hits"
    __table_args__ = (sa.UniqueConstraint("item_id", "rule", name="hits_once"),)

    id: str = _text(primary_key=True)
    item_id: str = _text(foreign_key="items.id")
    feed_id: str = _text(foreign_key="feeds.id")
    rule: str = _text(index=True)
    severity: str = _text()
    match: str = _text()
    untold: str = _text(default="")
    at: datetime = _time(index=True)


class Delivery(SQLModel, table=True):
    """The outbox row: one alert for one channel and how far it got.

    ``state`` is ``due``, ``held`` (until ``due_at``), ``sending``, ``sent``, ``dead``, ``dropped``
    or ``folded``. ``alert`` is versioned JSON, fixed when queued. While ``sending``, ``due_at`` is
    the end of the lease. ``held_by``: what it waits for, empty or the id of the feed that
    republished its window, or as `monitor.patience` names it. ``done``: a JSON list of
    the recipients, of several, that have it. ``ref``: what the service calls the message.
    ``follows``: the delivery that told its story first; this one goes under it, or, where that
    cannot be, is ``folded`` into a summary.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        sa.Index("deliveries_due", "channel", "due_at", "id"),
        sa.Index("deliveries_state", "state", "created_at"),
    )

    id: str = _text(primary_key=True)
    channel: str = _text()
    kind: str = _text()
    rule: str = _text(default="")
    title: str = _text(default="")
    alert: str = _text()
    state: str = _text(default="due")
    due_at: datetime | None = _time(default=None)
    claimed_by: str | None = _text(default=None)
    attempts: int = 0
    created_at: datetime = _time()
    retry_from: datetime = _time()
    last_attempt_at: datetime | None = _time(default=None)
    sent_at: datetime | None = _time(default=None)
    answer: str = _text(default="")
    held_by: str = _text(default="")
    done: str = _text(default="[]")
    ref: str = _text(default="")
    follows: str | None = _text(default=None)


class Attempt(SQLModel, table=True):
    """One try to send a delivery, for the record: when, how long it took, what came of it."""

    __tablename__ = "attempts"

    delivery_id: str = _text(primary_key=True, foreign_key="deliveries.id")
    number: int = Field(primary_key=True)
    at: datetime = _time(index=True)
    took_ms: int = 0
    outcome: str = _text()
    answer: str = _text()


class DeliveryHit(SQLModel, table=True):
    """Which hits a delivery carries. UNIQUE(hit, channel): a hit is queued once for a channel."""

    __tablename__ = "delivery_hits"

    hit_id: str = _text(primary_key=True, foreign_key="hits.id")
    channel: str = _text(primary_key=True)
    delivery_id: str = _text(foreign_key="deliveries.id", index=True)


class ChannelState(SQLModel, table=True):
    """What must outlive a restart about a channel: a silence its service asked for, and whether
    it is disabled. ``fingerprint`` of its settings: changing them enables it again."""

    __tablename__ = "channels"

    name: str = _text(primary_key=True)
    fingerprint: str = _text(default="")
    blocked_until: datetime | None = _time(default=None)
    disabled: bool = False
    disabled_why: str = _text(default="")
    disabled_at: datetime | None = _time(default=None)


class Story(SQLModel, table=True):
    """Items that tell the same news, among the hits of one rule: ``size`` of them, from
    ``sources`` (a JSON list)."""

    __tablename__ = "stories"
    __table_args__ = (sa.Index("stories_open", "rule", "last_at"),)

    id: str = _text(primary_key=True)
    rule: str = _text()
    title: str = _text()
    lang: str = _text()
    size: int = 1
    sources: str = _text()
    first_at: datetime = _time()
    last_at: datetime = _time(index=True)


class StoryItem(SQLModel, table=True):
    """An item of a story, and the sketch by which others are known to tell the same."""

    __tablename__ = "story_items"

    story_id: str = _text(primary_key=True, foreign_key="stories.id")
    item_id: str = _text(primary_key=True, foreign_key="items.id")
    sketch: str = _text()
    at: datetime = _time()


class Window(SQLModel, table=True):
    """How much of a rule's throttle is used for a channel: ``told`` alerts since ``began_at``."""

    __tablename__ = "windows"

    rule: str = _text(primary_key=True)
    channel: str = _text(primary_key=True)
    began_at: datetime = _time()
    told: int = 0


class Mute(SQLModel, table=True):
    """A rule, story or feed kept quiet until a time."""

    __tablename__ = "mutes"

    id: str = _text(primary_key=True)
    kind: str = _text()
    name: str = _text()
    until: datetime = _time(index=True)
    why: str = _text(default="")
    created_at: datetime = _time()
    ended_at: datetime | None = _time(default=None)


class Event(SQLModel, table=True):
    """Something operators should know about the daemon itself."""

    __tablename__ = "events"

    id: str = _text(primary_key=True)
    at: datetime = _time(index=True)
    name: str = _text()
    subject: str = _text(default="")
    message: str = _text()
