"""Questions about hits that wait for others, and about hits that do not come."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from monitor.store.base import Questions, chunks, events, feeds, hits, items, stories, story_items

WAITING = "waiting for "
"""How ``untold`` begins of a hit that waits for others of its rule."""

_SOURCE = sa.case((items.c.source != "", items.c.source), else_=feeds.c.name)
_HITS = (
    sa.select(
        hits.c.id.label("hit_id"),
        hits.c.match,
        hits.c.item_id,
        items,
        feeds.c.name.label("feed"),
        stories.c.id.label("story_id"),
        stories.c.title.label("story_title"),
        stories.c.size.label("story_size"),
        stories.c.sources.label("story_sources"),
    )
    .join(items, items.c.id == hits.c.item_id)
    .join(feeds, feeds.c.id == hits.c.feed_id)
)
# An item is in a story of each rule that it hits.
_IN_STORY = sa.and_(story_items.c.item_id == hits.c.item_id, stories.c.rule == hits.c.rule)


class GatheringQuestions(Questions):
    """Hits that wait for others, and rules that have none."""

    def story_sources(self, story: str, rule: str, since: datetime, until: datetime) -> list[str]:
        """The sources that a rule's story came from in that time, in their order."""
        question = (
            sa.select(_SOURCE, sa.func.min(story_items.c.at))
            .select_from(story_items)
            .join(items, items.c.id == story_items.c.item_id)
            .join(hits, sa.and_(hits.c.item_id == items.c.id, hits.c.rule == rule))
            .join(feeds, feeds.c.id == hits.c.feed_id)
            .where(story_items.c.story_id == story)
            .where(story_items.c.at >= since, story_items.c.at <= until)
            .group_by(_SOURCE)
            .order_by(sa.func.min(story_items.c.at), _SOURCE)
        )
        return [row[0] for row in self._run(question)]

    def is_story_told(self, story: str, rule: str, besides: Collection[str]) -> bool:
        """Whether somebody was told of a story by hits other than these."""
        question = (
            sa.select(hits.c.id)
            .join(story_items, story_items.c.item_id == hits.c.item_id)
            .where(story_items.c.story_id == story, hits.c.rule == rule)
            .where(hits.c.untold == "", hits.c.id.not_in(list(besides)))
            .limit(1)
        )
        return self._run(question).first() is not None

    def waiting_of_story(self, story: str, rule: str) -> list[Row[Any]]:
        """A story's hits that wait for others, the oldest first."""
        question = _HITS.join(story_items, story_items.c.item_id == hits.c.item_id)
        question = question.join(stories, stories.c.id == story_items.c.story_id)
        question = question.where(story_items.c.story_id == story)
        return self._waiting(question, rule)

    def waiting_of_rule(self, rule: str, since: datetime, until: datetime) -> list[Row[Any]]:
        """A rule's hits of that time that wait for others, the oldest first."""
        members = sa.join(story_items, stories, stories.c.id == story_items.c.story_id)
        question = _HITS.outerjoin(members, _IN_STORY)
        return self._waiting(question.where(hits.c.at >= since, hits.c.at <= until), rule)

    def _waiting(self, question: sa.Select[Any], rule: str) -> list[Row[Any]]:
        question = question.where(
            hits.c.rule == rule, hits.c.untold.startswith(WAITING, autoescape=True)
        )
        return list(self._run(question.order_by(hits.c.at, hits.c.id)))

    def set_untold(self, hit_ids: Sequence[str], why: str) -> None:
        """Why nobody is told of these hits; empty: somebody is."""
        for part in chunks(hit_ids):
            self._run(sa.update(hits).where(hits.c.id.in_(part)).values(untold=why))

    def first_hit(self, rule: str) -> datetime | None:
        """When the rule had its first hit."""
        return self._edge(rule, hits.c.at)

    def last_hit(self, rule: str) -> datetime | None:
        """When the rule had its last hit."""
        return self._edge(rule, hits.c.at.desc())

    def _edge(self, rule: str, order: Any) -> datetime | None:
        question = sa.select(hits.c.at).where(hits.c.rule == rule).order_by(order).limit(1)
        found: datetime | None = self._run(question).scalar()
        return found

    def had_hits(self, rule: str, ends: Sequence[datetime], length: timedelta) -> int:
        """In how many of the windows of a length that end then the rule had a hit."""
        return sum(self._had_hit(rule, end - length, end) for end in ends)

    def _had_hit(self, rule: str, since: datetime, until: datetime) -> bool:
        question = sa.select(hits.c.id).where(hits.c.rule == rule)
        question = question.where(hits.c.at > since, hits.c.at <= until).limit(1)
        return self._run(question).first() is not None

    def last_event_of(self, names: Collection[str], subject: str) -> Row[Any] | None:
        """The newest event of these names about a subject."""
        question = sa.select(events).where(events.c.subject == subject)
        question = question.where(events.c.name.in_(names))
        newest = events.c.at.desc(), events.c.id.desc()
        row: Row[Any] | None = self._run(question.order_by(*newest).limit(1)).first()
        return row

    def last_request(self) -> datetime | None:
        """When anything was asked of any feed last: until then at least, a daemon ran."""
        with self.transaction():
            question = sa.select(feeds.c.last_request_at).where(
                feeds.c.last_request_at.is_not(None)
            )
            found: datetime | None = self._run(
                question.order_by(feeds.c.last_request_at.desc()).limit(1)
            ).scalar()
            return found
