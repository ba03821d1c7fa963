"""T1: what one poll brought, committed together.

New items and sightings, the hits they make, the alerts to send for them, and the feed's
validators, state and next poll are one transaction. A crash before it costs a repeated request; a
crash after it costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, assert_never

from monitor.breaker import HOLD, judge
from monitor.config import Config
from monitor.fetch import FetchFailed
from monitor.hits import HitFinder
from monitor.identity import KEY_VERSION
from monitor.mutes import Mutes
from monitor.notices import tell
from monitor.outbox import Outbox, held_digests, outbox_of
from monitor.parse import Item, NotAFeed, Parsed, ParseFailed
from monitor.patience import queue_patiently
from monitor.recognition import Entry, Recognised, recognise
from monitor.settle import (
    Poll,
    Recorded,
    Unchanged,
    after_items,
    record_failure,
    record_unchanged,
    settle_good,
)
from monitor.store import KnownItem, Store, tags_text
from monitor.stories import StoryBook

_SEEN_AGAIN_EVERY = timedelta(days=1)


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
    seen = recognise(store, row, parsed.items, now)
    republished = row.baselined_at is not None and judge(seen.window) == "republished"
    already = store.hits_on({entry.item_id for entry in seen.entries if entry.old})
    finder = HitFinder(poll, config, already, now, republished=republished)
    mutes = Mutes(tuple(store.mutes(now))) if seen.entries else Mutes()
    book = StoryBook(store.open_members, now)
    found = finder.all(seen.entries)
    outbox = outbox_of(found, poll, config, now, mutes=mutes, book=book)
    settled = after_items(poll, parsed, seen.known_keys, now, republished=republished)
    with store.transaction():
        _write_sightings(store, seen, row.id, now)
        _write_hits(store, outbox, now)
        _write_stories(store, book, now)
        queued, waiting = queue_patiently(
            store, outbox.waiting, config, now, mutes=mutes, feeds={f.name for f in poll.feeds}
        )
        if outbox.held:
            _hold(store, poll, config, outbox, seen, now)
        settle_good(store, settled, config, now)
    return Recorded(
        outcome="ok",
        next=settled.next,
        items=len(parsed.items),
        new=_count(seen, "new"),
        again=_count(seen, "again") + _count(seen, "twin"),
        edited=_count(seen, "edited"),
        hits=outbox.count,
        held=outbox.held_count,
        queued=len(outbox.queued) + queued,
        waiting=waiting,
        error=parsed.bozo,
    )


def _count(seen: Recognised, how: str) -> int:
    return sum(entry.how == how for entry in seen.entries)


def _write_sightings(store: Store, seen: Recognised, feed_id: str, now: datetime) -> None:
    """What the document shows: the items it brings, and those that were there before."""
    for key, old_key in seen.rekeyed.items():
        store.rekey(feed_id, old_key, key, KEY_VERSION)
    _write_items(store, seen.entries, feed_id, now)
    store.see_again(feed_id, _to_see_again(seen.known, now), now)


def _write_hits(store: Store, outbox: Outbox, now: datetime) -> None:
    """The hits, new or told only now, and the alerts that need not wait."""
    store.add_hits(outbox.hits)
    for hit_id, values in outbox.told:
        store.tell_hit(hit_id, values)
    store.queue(outbox.queued, now)


def _write_items(store: Store, entries: Sequence[Entry], feed_id: str, now: datetime) -> None:
    """The items that are new or changed, and where all of them were seen."""
    store.add_items(
        [
            {"id": e.item_id, "feed_id": feed_id, "first_seen_at": now, **_texts(e)}
            for e in entries
            if e.how == "new"
        ]
    )
    for entry in entries:
        if _edits(entry, feed_id):
            store.edit_item(entry.item_id, _texts(entry) | {"edited_at": now})
        if entry.how == "edited":
            store.edit_sighting(feed_id, entry.item.key, entry.text_hash)
        elif entry.reused:
            store.put_aside(feed_id, entry.item.key, entry.reused)
    store.add_sightings([_sighting(e, feed_id, now) for e in entries if e.how != "edited"])


def _edits(entry: Entry, feed_id: str) -> bool:
    """Whether the item's own text changes: it is that of the feed that had it first."""
    old = entry.old
    return old is not None and old.feed_id == feed_id and old.text_hash != entry.text_hash


def _write_stories(store: Store, book: StoryBook, now: datetime) -> None:
    store.add_stories(book.opened)
    for story, (size, sources) in book.extended.items():
        store.extend_story(story, size, sources, now)
    store.add_members(book.members, now)


def _sighting(entry: Entry, feed_id: str, now: datetime) -> dict[str, Any]:
    return {
        "feed_id": feed_id,
        "key": entry.item.key,
        "key_version": entry.item.key_version,
        "item_id": entry.item_id,
        "first_seen_at": now,
        "last_seen_at": now,
        "text_hash": entry.text_hash,
    }


def _texts(entry: Entry) -> dict[str, Any]:
    item: Item = entry.item
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
        "text_hash": entry.text_hash,
        "canonical": entry.marks.canonical,
        "title_key": entry.marks.title_key,
    }


def _to_see_again(known: Mapping[str, KnownItem], now: datetime) -> list[str]:
    return [key for key, seen in known.items() if seen.last_seen_at < now - _SEEN_AGAIN_EVERY]


def _hold(
    store: Store, poll: Poll, config: Config, outbox: Outbox, seen: Recognised, now: datetime
) -> None:
    """Keep back what a republished window hits, and tell the operator what to type."""
    row, name = poll.row, poll.feeds[0].name
    waiting = [held for held in store.held_deliveries(row.id) if held.due_at > now]
    until = min((held.due_at for held in waiting), default=now + HOLD)
    new, longer = held_digests(outbox, waiting, config, held_by=row.id, until=until, now=now)
    store.queue(new, now)
    for delivery in longer:
        store.extend_held(delivery)
    store.hold_feed(row.id, until)
    window, count = seen.window, outbox.held_count
    message = (
        f"feed '{name}' seems to have republished old items: {window.new + window.edited} of "
        f"{window.items} are new or edited, {window.old + window.edited} of these known or dated "
        f"before the last good poll; "
        f"{count} {'hit is' if count == 1 else 'hits are'} held until {until:%Y-%m-%d %H:%M} UTC "
        f"and then sent as one digest a rule; to send them now: wirewatch feeds release {name}; "
        f"to drop them: wirewatch feeds release {name} --drop"
    )
    tell(store, config, now, "feed_republished", name, message)
