"""What is stored and queued for hits: an alert for each channel of each rule, or a digest of those
that are held.

Made before the transaction: ten thousand hits take seconds, for which nobody else could write.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Row

import alerts
import rules
from alerts import CHANNEL_TYPES
from alerts.message import digest_heading
from alerts.policy import FLOOD, Manner
from monitor.config import ChannelConfig, Config, RuleConfig
from monitor.hits import Found
from monitor.ids import new_id
from monitor.mutes import Mutes
from monitor.settle import Poll
from monitor.store import NewDelivery
from monitor.stories import StoryBook
from monitor.translate import hit_of

MOST_IN_DIGEST = 25
"""Hits that a held digest shows, the newest; the others are counted. No channel has room for more,
and ``wirewatch hits`` lists them all."""


@dataclass(frozen=True, slots=True)
class Telling:
    """A hit of which somebody is told. ``follows``: its story has been told of before."""

    hit: alerts.Hit
    follows: bool = False


@dataclass(slots=True)
class Outbox:
    """What a poll's hits come to. ``hits``: rows to store; ``told``: hits there already that are
    told now, as id and new values; ``telling``: hits by rule that somebody is told of: ``queued``
    as alerts, or ``waiting`` for what `monitor.patience` decides; ``held``: hits by rule that wait
    for the operator (`monitor.breaker`)."""

    hits: list[dict[str, Any]] = field(default_factory=list)
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    telling: dict[str, list[tuple[alerts.Hit, Found]]] = field(default_factory=dict)
    queued: list[NewDelivery] = field(default_factory=list)
    waiting: dict[str, list[Telling]] = field(default_factory=dict)
    held: dict[str, list[alerts.Hit]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many hits are new or told now."""
        return len(self.hits) + len(self.told)

    @property
    def held_count(self) -> int:
        """How many of them wait for the operator."""
        return sum(len(held) for held in self.held.values())


def outbox_of(
    found: Iterable[Found],
    poll: Poll,
    config: Config,
    now: datetime,
    *,
    mutes: Mutes,
    book: StoryBook,
) -> Outbox:
    """The rows and alerts of everything that was found."""
    outbox = Outbox()
    for one in found:
        for match in one.matches:
            _add(outbox, one, match, poll, config, now)
    feeds = {feed.name for feed in poll.feeds}
    for name, pairs in outbox.telling.items():
        rule = config.rules[name]
        channels = channels_of(rule, config)
        telling = _in_stories(pairs, name, book)
        quiet = any(not tells_each(rule, config.channels[channel]) for channel in channels)
        if (
            rule.manner != Manner()
            or rule.when is not None
            or len(telling) > FLOOD
            or any(mutes.on(name, feeds, one.hit.story.id) for one in telling)
            or (quiet and any(one.follows for one in telling))
        ):
            outbox.waiting[name] = telling
        else:
            outbox.queued += [delivery_of(one.hit, to, now) for one in telling for to in channels]
    return outbox


def _in_stories(
    pairs: Sequence[tuple[alerts.Hit, Found]], rule: str, book: StoryBook
) -> list[Telling]:
    """The hits, each with its story. A flood is told as one anyway and opens none."""
    if len(pairs) > FLOOD:
        return [Telling(hit) for hit, _ in pairs]
    telling = []
    for hit, found in pairs:
        source = hit.item.source or hit.item.feed
        place = book.place(rule, found.entry.item_id, found.entry.item, source)
        story = alerts.Story(place.story, place.items, place.sources)
        telling.append(Telling(replace(hit, story=story), place.follows))
    return telling


def tells_each(rule: RuleConfig, channel: ChannelConfig) -> bool:
    """Whether a channel is told each hit of a story of a rule, or only the first."""
    repeat = rule.repeat or channel.repeat
    return repeat == "each" if repeat else CHANNEL_TYPES[channel.type].every_hit


def _add(
    outbox: Outbox, found: Found, match: rules.Match, poll: Poll, config: Config, now: datetime
) -> None:
    rule = config.rules[match.rule]
    hit = hit_of(
        match,
        found.entry.item,
        rule,
        poll.feeds[0].name,
        hit_id=found.quiet.get(match.rule) or new_id(),
        item_id=found.entry.item_id,
        first_seen=found.first_seen,
    )
    row = _hit_row(hit, found, poll.row.id, now)
    if match.rule in found.quiet:
        outbox.told.append((row.pop("id"), row))
    else:
        outbox.hits.append(row)
    if found.untold:
        return
    if found.held and rule.severity != "critical":
        outbox.held.setdefault(rule.name, []).append(hit)
    else:
        outbox.telling.setdefault(rule.name, []).append((hit, found))


def _hit_row(hit: alerts.Hit, found: Found, feed_id: str, now: datetime) -> dict[str, Any]:
    body = alerts.Alert(id=hit.id, at=now, body=hit).payload()["data"]["match"]
    return {
        "id": hit.id,
        "item_id": found.entry.item_id,
        "feed_id": feed_id,
        "rule": hit.rule.name,
        "severity": hit.rule.severity,
        "match": json.dumps(body, ensure_ascii=False),
        "untold": found.untold,
        "at": now,
    }


def channels_of(rule: RuleConfig, config: Config) -> list[str]:
    """Where a rule's alerts go now."""
    return [channel for channel in rule.send if config.channels[channel].enabled]


def delivery_of(
    hit: alerts.Hit, channel: str, now: datetime, follows: str | None = None
) -> NewDelivery:
    """The alert that tells one hit; ``follows``: the delivery under whose message it goes."""
    delivery_id = new_id()
    return NewDelivery(
        id=delivery_id,
        channel=channel,
        kind="hit",
        rule=hit.rule.name,
        title=hit.item.title,
        alert=alerts.Alert(id=delivery_id, at=now, body=hit).to_json(),
        hit_ids=(hit.id,),
        follows=follows,
    )


def digest_delivery(
    rule: RuleConfig | alerts.Rule,
    channel: str,
    hits: Sequence[alerts.Hit],
    before: Row[Any] | None,
    *,
    now: datetime,
    why: str,
    held_by: str = "",
    until: datetime | None = None,
    about: alerts.About | None = None,
) -> NewDelivery:
    """The digest that tells these hits, and those that the waiting delivery ``before`` carries
    already: as it is to be queued, or, with the id of ``before``, to take its place. ``about``: the
    one story that all of them tell."""
    digest = _digest(rule, hits, before, why, about)
    delivery_id = before.id if before else new_id()
    return NewDelivery(
        id=delivery_id,
        channel=channel,
        kind="digest",
        rule=rule.name,
        title=digest_heading(digest),
        alert=alerts.Alert(id=delivery_id, at=now, body=digest).to_json(),
        hit_ids=tuple(hit.id for hit in hits),
        held_until=until,
        held_by=held_by,
    )


def less(row: Row[Any], hit_ids: Collection[str]) -> tuple[str, str]:
    """The alert and title of a stored digest, with no others than these of its hits."""
    try:
        alert = alerts.Alert.from_json(row.id, row.alert)
    except (ValueError, KeyError, TypeError):  # sent as it is, that is told as its cause
        return row.alert, row.title
    if not isinstance(alert.body, alerts.Digest):
        return row.alert, row.title
    shown = tuple(hit for hit in alert.body.hits if hit.id in hit_ids)
    more = len(hit_ids) - len(shown)
    body = replace(alert.body, count=len(hit_ids), hits=shown, more=more)
    return replace(alert, body=body).to_json(), digest_heading(body)


def held_digests(
    outbox: Outbox,
    waiting: Iterable[Row[Any]],
    config: Config,
    *,
    held_by: str,
    until: datetime,
    now: datetime,
) -> tuple[list[NewDelivery], list[NewDelivery]]:
    """One digest for each rule and channel of the hits that are held: those to queue, and those of
    ``waiting`` (deliveries held because of the same feed) that carry more hits now."""
    before = {(row.rule, row.channel): row for row in waiting}
    new: list[NewDelivery] = []
    longer: list[NewDelivery] = []
    for name, hits in outbox.held.items():
        rule = config.rules[name]
        for channel in channels_of(rule, config):
            row = before.get((name, channel))
            why = "held because their feed published old items again"
            delivery = digest_delivery(
                rule, channel, hits, row, now=now, why=why, held_by=held_by, until=until
            )
            (longer if row else new).append(delivery)
    return new, longer


def _digest(
    rule: RuleConfig | alerts.Rule,
    hits: Sequence[alerts.Hit],
    row: Row[Any] | None,
    why: str,
    about: alerts.About | None,
) -> alerts.Digest:
    """The hits, and those that the held delivery ``row`` carries already: the newest that fit."""
    before = alerts.Alert.from_json(row.id, row.alert).body if row else None
    shown = [*hits]
    count = len(hits)
    if isinstance(before, alerts.Digest):
        shown += before.hits
        count += before.count
    shown.sort(key=lambda hit: hit.item.published or hit.item.first_seen, reverse=True)
    shown = shown[:MOST_IN_DIGEST]
    told = alerts.Rule(name=rule.name, severity=rule.severity, tags=rule.tags)
    return alerts.Digest(
        rule=told, count=count, hits=tuple(shown), more=count - len(shown), why=why, about=about
    )
