"""Which entries of a document are new items, and which are items we have: by key, else by repair.

Runs in the writer thread, as all of T1 does, one poll after the other: of two feeds that show an
article at the same moment, the second finds what the first has stored.

Same key, other text: the item was edited. Same key, but another link and a title and text that
have nothing in common with the old ones: the publisher uses the guid again, and the entry is what
its link and title say; if these say nothing, it is a new item when it is dated later than the old
one, else an edit.

An item's text is that of the feed that had it first. Whether an entry was edited is judged against
what it said in its own feed, so that two feeds with different summaries do not edit an item to
and fro for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.engine import Row

from monitor.breaker import Window, is_dated_before, is_news
from monitor.canonical import canonical_link
from monitor.identity import text_hash
from monitor.ids import new_id
from monitor.item import Item
from monitor.repair import Candidate, Marks, Place, Repaired, differs, marks_in, repaired, text_of
from monitor.store import KnownItem, Store

How = Literal["new", "edited", "again", "twin"]
Age = Literal["news", "old", "unknown"]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that says something we did not know.

    ``how``: a new item; an edited one; an item we have under another key or from another feed
    (again); or the same as another new entry of its document (a twin). ``old`` is the stored item
    of an edited one and of one we have, ``elsewhere`` what it was known again by. ``reused``: the
    item that had this key until now. ``age``: old when known since its feed's last good poll or
    dated before it, news when dated after it.
    """

    item: Item
    item_id: str
    how: How
    marks: Marks
    age: Age
    text_hash: str
    old: Row[Any] | None = None
    elsewhere: Candidate | None = None
    reused: str = ""


@dataclass(frozen=True, slots=True)
class Recognised:
    """A document's entries: those that say something, those known by key, and their counts.
    ``rekeyed``: new key and old key of sightings that an older version of wirewatch stored."""

    entries: tuple[Entry, ...]
    known: Mapping[str, KnownItem]
    window: Window
    rekeyed: Mapping[str, str]

    @property
    def known_keys(self) -> set[str]:
        """Keys of items that were there before this poll, under whatever key."""
        return {e.item.key for e in self.entries if e.how == "again"} | set(self.known)


def recognise(store: Store, row: Row[Any], document: Sequence[Item], now: datetime) -> Recognised:
    """Tell the entries of a document apart; ``row`` is their feed's. Asks, and writes nothing."""
    known, rekeyed = _known(store, row.id, document)
    changed = [item for item in document if _says_something(item, known.get(item.key))]
    if not changed:
        return Recognised((), known, Window(len(document), 0, 0, 0), rekeyed)
    old = store.items({known[item.key].item_id for item in changed if item.key in known})
    doubtful = {
        item.key
        for item in changed
        if item.key in known and _uses_guid_again(old[known[item.key].item_id], item)
    }
    strange = [item for item in changed if item.key not in known or item.key in doubtful]
    marks = marks_in(document, changed)
    beside = {seen.item_id for key, seen in known.items() if key not in doubtful}
    repair = _repair(store, row, strange, marks, beside, now)
    old |= store.items({found.item_id for found in repair.known.values()} - old.keys())
    sorter = _Sorter(row, known, doubtful, old, marks, repair)
    entries = tuple(sorter.entry(item) for item in changed)
    return Recognised(entries, known, _window(len(document), entries, known), rekeyed)


def _known(
    store: Store, feed_id: str, document: Sequence[Item]
) -> tuple[dict[str, KnownItem], dict[str, str]]:
    """Which entries the feed has shown before, by key, and which of these under the key of an
    older version."""
    known = store.known_items(feed_id, [item.key for item in document])
    older = {
        key: item.key for item in document if item.key not in known for key in item.former_keys
    }
    rekeyed: dict[str, str] = {}
    if older:
        for old_key, seen in store.known_items(feed_id, older).items():
            if older[old_key] not in rekeyed:
                rekeyed[older[old_key]] = old_key
                known[older[old_key]] = seen
    return known, rekeyed


def _says_something(item: Item, seen: KnownItem | None) -> bool:
    return seen is None or seen.text_hash != text_hash(item)


def _uses_guid_again(old: Row[Any], item: Item) -> bool:
    """Whether a known guid may stand for another article now."""
    links = canonical_link(old.url), canonical_link(item.url)
    before = f"{old.title}\n{text_of(old.summary, old.content)}"
    return all(links) and links[0] != links[1] and differs(old.title, before, item)


def _repair(
    store: Store,
    row: Row[Any],
    strange: Sequence[Item],
    marks: Mapping[str, Marks],
    beside: Collection[str],
    now: datetime,
) -> Repaired:
    wanted = [marks[item.key] for item in strange]
    candidates = store.candidates(
        {mark.canonical for mark in wanted}, {mark.title_key for mark in wanted}
    )
    return repaired(strange, marks, candidates, Place(row.id, row.host, beside), now)


@dataclass(slots=True)
class _Sorter:
    """What is known of a document's entries, to say of each what it is."""

    row: Row[Any]
    known: Mapping[str, KnownItem]
    doubtful: Collection[str]
    old: Mapping[str, Row[Any]]
    marks: Mapping[str, Marks]
    repair: Repaired
    ids: dict[str, str] = field(default_factory=dict)

    def entry(self, item: Item) -> Entry:
        """What this entry is; entries are asked for in the order of their document."""
        seen, elsewhere = self.known.get(item.key), self.repair.known.get(item.key)
        reused = seen.item_id if seen and item.key in self.doubtful else ""
        how: How = "new"
        item_id = ""
        if elsewhere:
            how, item_id = "again", elsewhere.item_id
        elif seen and not (reused and _is_later(item, self.old[reused])):
            how, item_id, reused = "edited", seen.item_id, ""
        elif twin := self.ids.get(self.repair.twins.get(item.key, "")):
            how, item_id = "twin", twin
        item_id = self.ids[item.key] = item_id or new_id()
        marks, age = self.marks[item.key], self._age(item)
        old = self.old.get(item_id)
        return Entry(item, item_id, how, marks, age, text_hash(item), old, elsewhere, reused)

    def _age(self, item: Item) -> Age:
        last_good = self.row.last_good_at
        since = self.repair.familiar.get(item.key)
        familiar = since is not None and last_good is not None and since <= last_good
        if familiar or is_dated_before(item.published, last_good):
            return "old"
        return "news" if is_news(item.published, last_good) else "unknown"


def _is_later(item: Item, old: Row[Any]) -> bool:
    return item.published is not None and item.published > (old.published_at or old.first_seen_at)


def _window(items: int, entries: Sequence[Entry], known: Mapping[str, KnownItem]) -> Window:
    new = [entry for entry in entries if entry.item.key not in known]
    return Window(
        items=items,
        new=len(new),
        known_again=sum(entry.how == "again" for entry in new),
        old=sum(entry.age == "old" for entry in new),
        edited=sum(entry.how == "edited" and entry.age == "old" for entry in entries),
    )
