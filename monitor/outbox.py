"""What is stored and queued for hits: an alert for each channel of each rule, or a digest of those
that are held.

Made before the transaction: ten thousand hits take seconds, for which nobody else could write.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Row

import alerts
import rules
from monitor.config import Config, RuleConfig
from monitor.hits import Found
from monitor.ids import new_id
from monitor.settle import Poll
from monitor.store import NewDelivery
from monitor.translate import hit_of

MOST_IN_DIGEST = 25
"""Hits that a held digest shows, the newest; the others are counted. No channel has room for more,
and ``wirewatch hits`` lists them all."""


@dataclass(slots=True)
class Outbox:
    """What a poll's hits come to. ``hits``: rows to store; ``told``: hits there already that are
    told now, as id and new values; ``queued``: alerts; ``held``: hits that wait, by rule."""

    hits: list[dict[str, Any]] = field(default_factory=list)
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    queued: list[NewDelivery] = field(default_factory=list)
    held: dict[str, list[alerts.Hit]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many hits are new or told now."""
        return len(self.hits) + len(self.told)

    @property
    def held_count(self) -> int:
        """How many of them wait."""
        return sum(len(held) for held in self.held.values())


def outbox_of(found: Iterable[Found], poll: Poll, config: Config, now: datetime) -> Outbox:
    """The rows and alerts of everything that was found."""
    outbox = Outbox()
    for one in found:
        for match in one.matches:
            _add(outbox, one, match, poll, config, now)
    return outbox


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
        outbox.queued += _deliveries(hit, rule, config, now)


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


def _channels(rule: RuleConfig, config: Config) -> list[str]:
    return [channel for channel in rule.send if config.channels[channel].enabled]


def _deliveries(
    hit: alerts.Hit, rule: RuleConfig, config: Config, now: datetime
) -> list[NewDelivery]:
    new = []
    for channel in _channels(rule, config):
        delivery_id = new_id()
        alert = alerts.Alert(id=delivery_id, at=now, body=hit)
        new.append(
            NewDelivery(
                id=delivery_id,
                channel=channel,
                kind="hit",
                rule=rule.name,
                title=hit.item.title,
                alert=alert.to_json(),
                hit_ids=(hit.id,),
            )
        )
    return new


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
        for channel in _channels(rule, config):
            row = before.get((name, channel))
            digest = _digest(rule, hits, row)
            delivery_id = row.id if row else new_id()
            (longer if row else new).append(
                NewDelivery(
                    id=delivery_id,
                    channel=channel,
                    kind="digest",
                    rule=name,
                    title=f"{digest.count} {'hit' if digest.count == 1 else 'hits'} of {name}",
                    alert=alerts.Alert(id=delivery_id, at=now, body=digest).to_json(),
                    hit_ids=tuple(hit.id for hit in hits),
                    held_until=until,
                    held_by=held_by,
                )
            )
    return new, longer


def _digest(rule: RuleConfig, hits: Sequence[alerts.Hit], row: Row[Any] | None) -> alerts.Digest:
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
    return alerts.Digest(rule=told, count=count, hits=tuple(shown), more=count - len(shown))
