"""Questions about stories: which are open for a rule, and the items that belong to them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from monitor.store.base import (
    Questions,
    chunks,
    deliveries,
    delivery_hits,
    hits,
    stories,
    story_items,
)
from monitor.stories import Member, Opened, Sketch

OF_STORY = "story:"
"""How ``held_by`` begins of what waits for a story to close; its id follows."""

_MOST_MEMBERS = 500
"""So many of the newest are compared with; a rule that has more has other troubles."""


class StoryQuestions(Questions):
    """Stories and their items."""

    def open_members(self, rule: str, since: datetime) -> list[Member]:
        """The items of a rule's stories that had one since then, the newest first."""
        question = (
            sa.select(story_items, stories.c.size, stories.c.sources)
            .join(stories, stories.c.id == story_items.c.story_id)
            .where(stories.c.rule == rule, stories.c.last_at >= since)
            .order_by(story_items.c.at.desc())
            .limit(_MOST_MEMBERS)
        )
        with self.transaction():
            return [
                Member(
                    row.story_id, Sketch.from_json(row.sketch), row.size, json.loads(row.sources)
                )
                for row in self._run(question)
            ]

    def add_stories(self, new: Sequence[Opened]) -> None:
        """Stories of one item."""
        self._run(
            sa.insert(stories),
            [
                {
                    "id": story.id,
                    "rule": story.rule,
                    "title": story.title,
                    "lang": story.lang,
                    "size": 1,
                    "sources": json.dumps([story.source], ensure_ascii=False),
                    "first_at": story.at,
                    "last_at": story.at,
                }
                for story in new
            ],
        )

    def add_members(self, rows: Sequence[tuple[str, str, Sketch]], at: datetime) -> None:
        """Items of stories, as story, item and sketch."""
        self._run(
            sa.insert(story_items),
            [
                {"story_id": story, "item_id": item, "sketch": sketch.to_json(), "at": at}
                for story, item, sketch in rows
            ],
        )

    def extend_story(self, story_id: str, items: int, sources: Sequence[str], at: datetime) -> None:
        """A story has so many items now, from these sources."""
        self._run(
            sa.update(stories)
            .where(stories.c.id == story_id)
            .values(size=items, sources=json.dumps(list(sources), ensure_ascii=False), last_at=at)
        )

    def counted(self, hit_ids: Collection[str]) -> set[tuple[str, str]]:
        """Hits of these, with their channel, that wait to be summed up when their story closes."""
        found: set[tuple[str, str]] = set()
        with self.transaction():
            for part in chunks(list(hit_ids)):
                question = (
                    sa.select(delivery_hits.c.hit_id, deliveries.c.channel)
                    .join(deliveries, deliveries.c.id == delivery_hits.c.delivery_id)
                    .where(delivery_hits.c.hit_id.in_(part), deliveries.c.state == "held")
                    .where(deliveries.c.held_by.startswith(OF_STORY, autoescape=True))
                )
                found.update((row.hit_id, row.channel) for row in self._run(question))
        return found

    def story_told_by(self, story: str, rule: str, channel: str) -> Row[Any] | None:
        """The delivery that told a channel of a rule's story first."""
        question = (
            sa.select(deliveries.c.id, deliveries.c.state, deliveries.c.sent_at, deliveries.c.title)
            .join(delivery_hits, delivery_hits.c.delivery_id == deliveries.c.id)
            .join(hits, hits.c.id == delivery_hits.c.hit_id)
            .join(story_items, story_items.c.item_id == hits.c.item_id)
            .where(story_items.c.story_id == story, hits.c.rule == rule)
            .where(deliveries.c.channel == channel, deliveries.c.follows.is_(None))
            .where(sa.not_(deliveries.c.held_by.startswith(OF_STORY, autoescape=True)))
            .order_by(deliveries.c.id)
            .limit(1)
        )
        with self.transaction():
            row: Row[Any] | None = self._run(question).first()
            return row

    def stories(self, limit: int, rule: str | None = None) -> list[Row[Any]]:
        """Stories, those with the newest items first."""
        question = sa.select(stories).order_by(stories.c.last_at.desc(), stories.c.id.desc())
        if rule is not None:
            question = question.where(stories.c.rule == rule)
        with self.transaction():
            return list(self._run(question.limit(limit)))

    def find_stories(self, beginning: str, limit: int = 2) -> list[str]:
        """Ids of stories that begin so."""
        question = sa.select(stories.c.id).where(
            stories.c.id.startswith(beginning, autoescape=True)
        )
        with self.transaction():
            return list(self._run(question.limit(limit)).scalars())
