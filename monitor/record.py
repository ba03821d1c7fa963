"""T1: what one poll brought, committed together.

New items and sightings, the hits they make, the alerts to send for them, and the feed's
validators, state and next poll are one transaction. A crash before it costs a repeated request; a
crash after it costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from sqlalchemy.engine import Row

import alerts
import rules
from monitor.config import Config, RuleConfig
from monitor.fetch import FetchFailed
from monitor.identity import text_hash
from monitor.ids import new_id
from monitor.parse import Item, NotAFeed, Parsed, ParseFailed
from monitor.settle import (
    Poll,
    Recorded,
    Unchanged,
    after_items,
    record_failure,
    record_unchanged,
    settle_good,
)
from monitor.store import KnownItem, NewDelivery, Store, tags_text
from monitor.translate import document_of, hit_of

_SEEN_AGAIN_EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Found:
    """An item with the hits it makes now. ``untold`` says why nobody is told, else is empty."""

    item: Item
    item_id: str
    matches: tuple[rules.Match, ...]
    untold: str
    first_seen: datetime


def record(store: Store, poll: Poll, config: Config, now: datetime) -> Recorded:
    """Commit one poll. Everything that the poll changes is in here."""
    match poll.answer:
        case Parsed():
            return _record_items(store, poll, poll.answer, config, now)
        case Unchanged():
            return record_unchanged(store, poll, poll.answer, config, now)
        case NotAFeed() | ParseFailed() | FetchFailed():
            return record_failure(store, poll, poll.answer, config, now)
        case _:
            assert_never(poll.answer)


def _record_items(
    store: Store, poll: Poll, parsed: Parsed, config: Config, now: datetime
) -> Recorded:
    row = poll.row
    known = store.known_items(row.id, [item.key for item in parsed.items])
    new = [item for item in parsed.items if item.key not in known]
    edited = [
        item
        for item in parsed.items
        if item.key in known and known[item.key].text_hash != text_hash(item)
    ]
    found = [_new_found(item, poll, config, now) for item in new]
    found += _edited_found(store, edited, known, poll, config, now)
    settled = after_items(poll, parsed, known, now)
    hits, queued = _told(found, poll, config, now)
    with store.transaction():
        _add_items(store, found[: len(new)], row.id, now)
        for item in edited:
            store.edit_item(known[item.key].item_id, _texts(item) | {"edited_at": now})
        store.see_again(row.id, _to_see_again(known, now), now)
        store.add_hits(hits)
        store.queue(queued, now)
        settle_good(store, settled, config, now)
    return Recorded(
        outcome="ok",
        next=settled.next,
        items=len(parsed.items),
        new=len(new),
        edited=len(edited),
        hits=len(hits),
        queued=len(queued),
        error=parsed.bozo,
    )


def _new_found(item: Item, poll: Poll, config: Config, now: datetime) -> _Found:
    matches = _matches(item, poll, config, now)
    return _Found(item, new_id(), matches, _untold(item, poll, now), now)


def _matches(item: Item, poll: Poll, config: Config, now: datetime) -> tuple[rules.Match, ...]:
    found = config.ruleset.match(document_of(item, poll.feeds))
    return tuple(match for match in found if _in_force(config.rules[match.rule], now))


def _in_force(rule: RuleConfig, now: datetime) -> bool:
    return rule.until is None or now < rule.until


def _untold(item: Item, poll: Poll, now: datetime) -> str:
    feed = poll.feeds[0]
    if feed.max_age is not None and item.published and item.published < now - feed.max_age:
        return "max_age"
    if poll.row.baselined_at is not None or feed.first_poll == "alert":
        return ""
    if item.published is None:
        return "baseline"
    if isinstance(feed.first_poll, timedelta):
        return "" if item.published >= now - feed.first_poll else "baseline"
    since = poll.row.last_good_at  # of a first poll that was cut: what came after it is news
    return "" if since is not None and item.published > since else "baseline"


def _edited_found(
    store: Store,
    edited: Sequence[Item],
    known: Mapping[str, KnownItem],
    poll: Poll,
    config: Config,
    now: datetime,
) -> list[_Found]:
    """An edited item is the same item; a rule that its new text matches and its old text did not
    is a hit."""
    if not edited:
        return []
    ids = [known[item.key].item_id for item in edited]
    old = store.items(ids)
    already = store.rules_hit(ids)
    found = []
    for item in edited:
        item_id = known[item.key].item_id
        before = _old_item(old[item_id], item)
        had = {match.rule for match in _matches(before, poll, config, now)}
        matches = tuple(
            match
            for match in _matches(item, poll, config, now)
            if match.rule not in had and (item_id, match.rule) not in already
        )
        found.append(
            _Found(item, item_id, matches, _untold(item, poll, now), old[item_id].first_seen_at)
        )
    return found


def _old_item(row: Row[Any], item: Item) -> Item:
    return replace(
        item,
        title=row.title,
        url=row.url,
        summary=row.summary,
        content=row.content,
        author=row.author,
        tags=tuple(json.loads(row.tags)),
        lang=row.lang,
        source=row.source,
    )


def _texts(item: Item) -> dict[str, Any]:
    return {
        "title": item.title,
        "url": item.url,
        "summary": item.summary,
        "content": item.content,
        "author": item.author,
        "tags": tags_text(item.tags),
        "source": item.source,
        "lang": item.lang,
        "published_at": item.published,
        "text_hash": text_hash(item),
    }


def _add_items(store: Store, found: Sequence[_Found], feed_id: str, now: datetime) -> None:
    store.add_items(
        [
            {"id": f.item_id, "feed_id": feed_id, "first_seen_at": now, **_texts(f.item)}
            for f in found
        ]
    )
    store.add_sightings(
        [
            {
                "feed_id": feed_id,
                "key": f.item.key,
                "key_version": f.item.key_version,
                "item_id": f.item_id,
                "first_seen_at": now,
                "last_seen_at": now,
            }
            for f in found
        ]
    )


def _to_see_again(known: Mapping[str, KnownItem], now: datetime) -> list[str]:
    return [key for key, seen in known.items() if seen.last_seen_at < now - _SEEN_AGAIN_EVERY]


def _told(
    found: Sequence[_Found], poll: Poll, config: Config, now: datetime
) -> tuple[list[dict[str, Any]], list[NewDelivery]]:
    """The hits to store, and an alert for each channel of each rule. Made before the transaction:
    ten thousand hits take seconds, for which nobody else could write."""
    hits: list[dict[str, Any]] = []
    queued: list[NewDelivery] = []
    for f in found:
        for match in f.matches:
            rule = config.rules[match.rule]
            hit = hit_of(
                match,
                f.item,
                rule,
                poll.feeds[0].name,
                hit_id=new_id(),
                item_id=f.item_id,
                first_seen=f.first_seen,
            )
            hits.append(_hit_row(hit, f, poll.row.id, now))
            if not f.untold:
                queued += _deliveries(hit, rule, config, now)
    return hits, queued


def _hit_row(hit: alerts.Hit, found: _Found, feed_id: str, now: datetime) -> dict[str, Any]:
    body = alerts.Alert(id=hit.id, at=now, body=hit).payload()["data"]["match"]
    return {
        "id": hit.id,
        "item_id": found.item_id,
        "feed_id": feed_id,
        "rule": hit.rule.name,
        "severity": hit.rule.severity,
        "match": json.dumps(body, ensure_ascii=False),
        "untold": found.untold,
        "at": now,
    }


def _deliveries(
    hit: alerts.Hit, rule: RuleConfig, config: Config, now: datetime
) -> list[NewDelivery]:
    new = []
    for channel in rule.send:
        if not config.channels[channel].enabled:
            continue
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
