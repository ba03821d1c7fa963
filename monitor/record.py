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
from monitor.config import Config, FeedConfig, RuleConfig
from monitor.fetch import FetchFailed, ServerHints, Validators
from monitor.identity import text_hash
from monitor.ids import new_id
from monitor.notices import tell
from monitor.parse import Item, NotAFeed, Parsed, ParseFailed
from monitor.schedule import Bad, Good, NextPoll, Rhythm, next_poll
from monitor.store import KnownItem, NewDelivery, Store, tags_text
from monitor.translate import document_of, hit_of

BROKEN_AFTER = timedelta(hours=24)
_SEEN_AGAIN_EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The window is what it was: a 304, or a 200 with the body we had. ``by`` says which."""

    by: str


Answer = Parsed | Unchanged | NotAFeed | ParseFailed | FetchFailed


@dataclass(frozen=True, slots=True)
class Poll:
    """One poll that ended: the feed's row as it was claimed, its configuration, the answer.

    ``validators`` are those to keep for next time (None: the server gave none); ``body_hash`` of
    the body they came with; both are ignored unless the answer is good.
    """

    row: Row[Any]
    feeds: tuple[FeedConfig, ...]
    answer: Answer
    status: int | None = None
    validators: Validators | None = None
    body_hash: bytes | None = None
    hints: ServerHints = ServerHints()
    moved_to: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What T1 wrote, for the log: counts, and when the next poll is and why."""

    outcome: str
    next: NextPoll
    items: int = 0
    new: int = 0
    edited: int = 0
    hits: int = 0
    queued: int = 0
    error: str = ""


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
            return _record_unchanged(store, poll, poll.answer, config, now)
        case NotAFeed() | ParseFailed() | FetchFailed():
            return _record_failure(store, poll, poll.answer, config, now)
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
    good = Good(
        known=len(parsed.items) - len(new),
        window=len(parsed.items),
        validators=poll.validators is not None,
        max_age=poll.hints.max_age,
        ttl=parsed.hints.ttl,
    )
    after = next_poll(_rhythm(poll), good, now)
    hits, queued = _told(found, poll, config, now)
    with store.transaction():
        _add_items(store, found[: len(new)], row.id, now)
        for item in edited:
            store.edit_item(known[item.key].item_id, _texts(item) | {"edited_at": now})
        store.see_again(row.id, _to_see_again(known, now), now)
        store.add_hits(hits)
        store.queue(queued, now)
        _settle_good(store, poll, config, after, now, outcome="ok")
    return Recorded(
        outcome="ok",
        next=after,
        items=len(parsed.items),
        new=len(new),
        edited=len(edited),
        hits=len(hits),
        queued=len(queued),
        error=parsed.bozo,
    )


def _rhythm(poll: Poll) -> Rhythm:
    """By the configuration: what the row says of ``every`` may be older than a reload. The
    shortest of several names for one URL counts."""
    every = min((feed.every for feed in poll.feeds if feed.every), default=None)
    return Rhythm(poll.row.id, every, timedelta(seconds=poll.row.interval_s))


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


def _record_unchanged(
    store: Store, poll: Poll, answer: Unchanged, config: Config, now: datetime
) -> Recorded:
    good = Good(validators=poll.validators is not None, max_age=poll.hints.max_age)
    after = next_poll(_rhythm(poll), good, now)
    with store.transaction():
        _settle_good(store, poll, config, after, now, outcome=answer.by)
    return Recorded(answer.by, after)


def _settle_good(
    store: Store, poll: Poll, config: Config, after: NextPoll, now: datetime, *, outcome: str
) -> None:
    row, kept = poll.row, poll.validators
    cut_first = isinstance(poll.answer, Parsed) and poll.answer.cut and row.last_good_at is None
    moved: dict[str, Any] = {"moved_to": None, "moved_times": 0, "moved_since": None}
    if poll.moved_to is not None:
        same = poll.moved_to == row.moved_to
        moved = {
            "moved_to": poll.moved_to,
            "moved_times": row.moved_times + 1 if same else 1,
            "moved_since": row.moved_since if same else now,
        }
    store.settle_feed(
        row.id,
        state="ok",
        # What a cut first document did not show is as old as what it did; a feed that is cut
        # every time is told of from its third poll on all the same.
        baselined_at=row.baselined_at or (None if cut_first else now),
        validators_url=kept.url if kept else None,
        etag=kept.etag if kept else None,
        last_modified=kept.last_modified if kept else None,
        body_hash=poll.body_hash if poll.body_hash is not None else row.body_hash,
        next_poll_at=after.at,
        next_poll_why=after.why,
        not_before=after.not_before,
        interval_s=int(after.interval.total_seconds()),
        last_good_at=now,
        last_status=poll.status,
        last_outcome=outcome,
        last_error="",
        failures=0,
        failing_since=None,
        told_broken_at=None,
        **moved,
    )
    if row.told_broken_at is not None:
        name = poll.feeds[0].name
        tell(store, config, now, "feed_recovered", name, f"feed '{name}' works again")


def _record_failure(
    store: Store,
    poll: Poll,
    answer: NotAFeed | ParseFailed | FetchFailed,
    config: Config,
    now: datetime,
) -> Recorded:
    row = poll.row
    state, outcome, error = _failure(answer)
    bad = _bad(answer, row.failures + 1)
    after = next_poll(_rhythm(poll), bad, now)
    since = row.failing_since or now
    broken = row.told_broken_at is None and (bad.gone or now - since >= BROKEN_AFTER)
    with store.transaction():
        store.settle_feed(
            row.id,
            state=state,
            next_poll_at=after.at,
            next_poll_why=after.why,
            not_before=after.not_before,
            last_status=poll.status,
            last_outcome=outcome,
            last_error=error,
            failures=bad.failures,
            failing_since=since,
            told_broken_at=now if broken else row.told_broken_at,
        )
        if broken:
            _tell_broken(store, poll, config, now, since=since, error=error, gone=bad.gone)
    return Recorded(outcome, after, error=error)


def _failure(answer: NotAFeed | ParseFailed | FetchFailed) -> tuple[str, str, str]:
    """(state, outcome, the sentence for people)"""
    match answer:
        case NotAFeed():
            return "not_a_feed", "not_a_feed", f"not a feed: {answer.looks_like}"
        case ParseFailed():
            return "failing", f"parse_{answer.kind}", answer.message
        case FetchFailed():
            return ("gone" if answer.kind == "gone" else "failing"), answer.kind, answer.message


def _bad(answer: NotAFeed | ParseFailed | FetchFailed, failures: int) -> Bad:
    if not isinstance(answer, FetchFailed):
        return Bad(failures)
    return Bad(
        failures,
        retry_at=answer.retry_at,
        rate_limited=answer.kind == "rate_limited",
        gone=answer.kind == "gone",
    )


def _tell_broken(
    store: Store,
    poll: Poll,
    config: Config,
    now: datetime,
    *,
    since: datetime,
    error: str,
    gone: bool,
) -> None:
    name = poll.feeds[0].name
    if gone:
        message = (
            f"feed '{name}' is gone for good (410) and is not polled any more; "
            f"remove it, or give it its new URL"
        )
        tell(store, config, now, "feed_gone", name, message)
        return
    message = (
        f"feed '{name}' has failed since {since:%Y-%m-%d %H:%M} UTC: {error}; "
        f"it is still tried, see: wirewatch feeds"
    )
    tell(store, config, now, "feed_broken", name, message)
