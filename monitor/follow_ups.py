"""Follow-ups: more hits of a story, told quietly under the story's first alert.

A follow-up is a delivery that ``follows`` another. Chose to write this down when it is queued,
instead of asking for the first alert only when it is sent, because what is told and how is then
decided in the transaction that makes the hit (`monitor.patience`). What cannot be put under the
first alert, because that is gone or the service is down, is folded into the story's summary: never
lost, and nothing rings.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import alerts
from alerts import CHANNEL_TYPES, First
from monitor.config import ChannelConfig
from monitor.outbox import digest_delivery
from monitor.store import ClaimedDelivery, Store
from monitor.stories import CLOSES_AFTER

OF_A_STORY = "more of a story told before"


def first_of(store: Store, rule: str, channel: ChannelConfig, story: str) -> str | None:
    """The delivery that told a channel of a story first, if more can be put under it."""
    if not CHANNEL_TYPES[channel.type].follows:
        return None
    return store.told_first(story, rule, channel.name)


def about_story(store: Store, story_id: str) -> alerts.About | None:
    """What the summary of a story is about."""
    row = store.story(story_id)
    return alerts.About(row.title, told_before=True) if row is not None else None


def with_first(store: Store, delivery: ClaimedDelivery) -> ClaimedDelivery:
    """A claimed delivery, with what it goes under where it follows another."""
    row = store.first_told(delivery.follows) if delivery.follows else None
    alert = _read(row.id, row.alert) if row else None
    if row is None or alert is None or not isinstance(alert.body, alerts.Hit):
        return delivery
    story = store.story(alert.body.story.id)
    if story is not None:
        now = alerts.Story(story.id, story.size, tuple(json.loads(story.sources)))
        alert = replace(alert, body=replace(alert.body, story=now))
    return replace(delivery, first=First(row.ref, alert))


def fold(store: Store, delivery_id: str, channel: str, alert: str, now: datetime, why: str) -> bool:
    """Let the story's summary tell what a follow-up cannot; joins a transaction.

    ``alert``: the follow-up's, as it is stored. False when it cannot be read, or the follow-up is
    settled already.
    """
    read = _read(delivery_id, alert)
    if read is None or not isinstance(read.body, alerts.Hit):
        return False
    if not store.settle_folded(delivery_id, f"{why}; told when the story closes"):
        return False
    hit = read.body
    held_by = f"story:{hit.story.id}"
    row = store.waiting_digest(hit.rule.name, channel, held_by, now)
    until = now + CLOSES_AFTER
    digest = digest_delivery(
        hit.rule,
        channel,
        [hit],
        row,
        now=now,
        why=OF_A_STORY,
        held_by=held_by,
        until=until,
        about=about_story(store, hit.story.id),
    )
    digest = replace(digest, hit_ids=())  # they are there, and move
    if row is None:
        store.queue([digest], now)
    else:
        store.extend_held(digest)
    store.move_hits(delivery_id, digest.id)
    return True


def _read(delivery_id: str, stored: str) -> alerts.Alert | None:
    """A stored alert; None when it cannot be read."""
    try:
        return alerts.Alert.from_json(delivery_id, stored)
    except (ValueError, KeyError, TypeError):
        return None


def fold_waiting(store: Store, channel: str, now: datetime, why: str) -> None:
    """Fold every follow-up that waits for a channel; joins a transaction."""
    for row in store.due_follow_ups(channel):
        fold(store, row.id, channel, row.alert, now, why)
