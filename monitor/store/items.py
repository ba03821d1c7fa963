"""Questions about items, where they were seen, and the hits they made."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from monitor.repair import TEXT_CAP, Candidate, text_of
from monitor.store.base import (
    Questions,
    chunks,
    feeds,
    hits,
    items,
    sightings,
)

_MOST_CANDIDATES = 1000
_SEEN = (
    sa.select(
        sightings.c.key,
        sightings.c.item_id,
        sightings.c.last_seen_at,
        sightings.c.text_hash.label("own_hash"),
        items.c.text_hash,
        items.c.feed_id,
    )
    .join(items, items.c.id == sightings.c.item_id)
    .where(
        sightings.c.feed_id == sa.bindparam("feed"),
        sightings.c.key.in_(sa.bindparam("keys", expanding=True)),
    )
)
"""Made once: every document asks it."""


@dataclass(frozen=True, slots=True)
class KnownItem:
    """An item already stored, found by its key in one feed. ``text_hash`` of its entry there;
    ``feed_id`` of the feed that had it first, whose text is the item's."""

    item_id: str
    feed_id: str
    text_hash: str
    last_seen_at: datetime


class ItemQuestions(Questions):
    """Items, sightings and hits."""

    def known_items(self, feed_id: str, keys: Collection[str]) -> dict[str, KnownItem]:
        """Which of these keys the feed has shown before."""
        known: dict[str, KnownItem] = {}
        with self.transaction():
            for part in chunks(list(keys)):
                for row in self._run(_SEEN, {"feed": feed_id, "keys": part}):
                    known[row.key] = KnownItem(
                        row.item_id,
                        row.feed_id,
                        row.own_hash or row.text_hash,
                        row.last_seen_at,
                    )
        return known

    def candidates(
        self, canonicals: Collection[str], title_keys: Collection[str]
    ) -> list[Candidate]:
        """Stored items that have one of these canonical links or titles: at most 1,000 for 500 of
        each, so that a site which calls everything the same costs no more than others."""
        found: dict[str, Candidate] = {}
        with self.transaction():
            for question, values in ((_BY_LINK, canonicals), (_BY_TITLE, title_keys)):
                for part in chunks([value for value in values if value]):
                    for row in self._run(question, {"values": part}):
                        found[row.id] = _candidate(row)
        return list(found.values())

    def hits_on(self, item_ids: Collection[str]) -> dict[tuple[str, str], Row[Any]]:
        """The hits these items have, by (item, rule): ``id``, ``feed_id`` and ``untold``."""
        found: dict[tuple[str, str], Row[Any]] = {}
        if not item_ids:
            return found
        with self.transaction():
            for part in chunks(list(item_ids)):
                rows = self._run(
                    sa.select(
                        hits.c.id, hits.c.item_id, hits.c.rule, hits.c.feed_id, hits.c.untold
                    ).where(hits.c.item_id.in_(part))
                )
                found.update({(row.item_id, row.rule): row for row in rows})
        return found

    def rules_hit(self, item_ids: Collection[str]) -> set[tuple[str, str]]:
        """(item, rule) of the hits these items already have."""
        found: set[tuple[str, str]] = set()
        with self.transaction():
            for part in chunks(list(item_ids)):
                rows = self._run(
                    sa.select(hits.c.item_id, hits.c.rule).where(hits.c.item_id.in_(part))
                )
                found.update((row.item_id, row.rule) for row in rows)
        return found

    def items(self, item_ids: Collection[str]) -> dict[str, Row[Any]]:
        """These items, by id."""
        found: dict[str, Row[Any]] = {}
        if not item_ids:
            return found
        with self.transaction():
            for part in chunks(list(item_ids)):
                rows = self._run(sa.select(items).where(items.c.id.in_(part)))
                found.update({row.id: row for row in rows})
        return found

    def add_items(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._run(sa.insert(items), rows)

    def add_sightings(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._run(sa.insert(sightings), rows)

    def edit_sighting(self, feed_id: str, key: str, text_hash: str) -> None:
        """The entry says something else now."""
        self._run(
            sa.update(sightings)
            .where(sightings.c.feed_id == feed_id, sightings.c.key == key)
            .values(text_hash=text_hash)
        )

    def rekey(self, feed_id: str, old_key: str, key: str, key_version: int) -> None:
        """A sighting of an older version of wirewatch gets the key that this one gives it."""
        self._run(
            sa.update(sightings)
            .where(sightings.c.feed_id == feed_id, sightings.c.key == old_key)
            .values(key=key, key_version=key_version)
        )

    def put_aside(self, feed_id: str, key: str, item_id: str) -> None:
        """The feed uses this key for another article now: that it showed the item stays known,
        under a key that no entry has."""
        aside = f"was:{item_id}"
        for old, values in ((aside, None), (key, {"key": aside})):
            chosen = sightings.c.feed_id == feed_id, sightings.c.key == old
            change = sa.update(sightings).values(**values) if values else sa.delete(sightings)
            self._run(change.where(*chosen))

    def see_again(self, feed_id: str, keys: Collection[str], now: datetime) -> None:
        """These keys are still in the feed's window: they are not to be forgotten."""
        for part in chunks(list(keys)):
            self._run(
                sa.update(sightings)
                .where(sightings.c.feed_id == feed_id, sightings.c.key.in_(part))
                .values(last_seen_at=now)
            )

    def edit_item(self, item_id: str, values: Mapping[str, Any]) -> None:
        self._run(sa.update(items).where(items.c.id == item_id).values(**values))

    def add_hits(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._run(sa.insert(hits), rows)

    def tell_hit(self, hit_id: str, values: Mapping[str, Any]) -> None:
        """A hit that nobody was told is told now, as ``values`` say."""
        self._run(sa.update(hits).where(hits.c.id == hit_id).values(**values))

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


_CANDIDATE = sa.select(
    items.c.id,
    items.c.feed_id,
    feeds.c.name,
    feeds.c.host,
    items.c.canonical,
    items.c.title_key,
    items.c.title,
    sa.func.substr(items.c.summary, 1, TEXT_CAP).label("summary"),
    sa.func.substr(items.c.content, 1, TEXT_CAP).label("content"),
    items.c.published_at,
    items.c.first_seen_at,
).join(feeds, feeds.c.id == items.c.feed_id)


def _by(column: sa.Column[str]) -> Any:
    values: sa.BindParameter[str] = sa.bindparam("values", expanding=True)
    return _CANDIDATE.where(column.in_(values)).limit(_MOST_CANDIDATES)


_BY_LINK, _BY_TITLE = _by(items.c.canonical), _by(items.c.title_key)


def _candidate(row: Row[Any]) -> Candidate:
    return Candidate(
        item_id=row.id,
        feed_id=row.feed_id,
        feed=row.name,
        host=row.host,
        canonical=row.canonical,
        title_key=row.title_key,
        title=row.title,
        text=text_of(row.summary, row.content),
        published=row.published_at,
        first_seen=row.first_seen_at,
    )
