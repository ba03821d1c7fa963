"""Questions about follow-ups: what told a story first, and what cannot be put under it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from monitor.store.base import (
    Questions,
    deliveries,
    delivery_hits,
    hits,
    stories,
    story_items,
)


class FollowUpQuestions(Questions):
    """First alerts of stories, and the deliveries that follow them."""

    def told_first(self, story: str, rule: str, channel: str) -> str | None:
        """The delivery by which a channel was told of a rule's story first, if its service gave
        the message a name."""
        found: str | None = self._run(
            sa.select(deliveries.c.id)
            .join(delivery_hits, delivery_hits.c.delivery_id == deliveries.c.id)
            .join(hits, hits.c.id == delivery_hits.c.hit_id)
            .join(story_items, story_items.c.item_id == hits.c.item_id)
            .where(
                story_items.c.story_id == story,
                hits.c.rule == rule,
                delivery_hits.c.channel == channel,
                deliveries.c.kind == "hit",
                deliveries.c.follows.is_(None),
                deliveries.c.ref != "",
            )
            .order_by(deliveries.c.id)
            .limit(1)
        ).scalar()
        return found

    def first_told(self, delivery_id: str) -> Row[Any] | None:
        """A first alert, as id, ref and alert; None when it is not known or not there."""
        row: Row[Any] | None = self._run(
            sa.select(deliveries.c.id, deliveries.c.ref, deliveries.c.alert).where(
                deliveries.c.id == delivery_id, deliveries.c.ref != ""
            )
        ).first()
        return row

    def story(self, story_id: str) -> Row[Any] | None:
        """One story as it is now."""
        row: Row[Any] | None = self._run(sa.select(stories).where(stories.c.id == story_id)).first()
        return row

    def forget_ref(self, delivery_id: str) -> None:
        """The message is gone: nothing goes under it any more."""
        self._run(sa.update(deliveries).where(deliveries.c.id == delivery_id).values(ref=""))

    def due_follow_ups(self, channel: str) -> list[Row[Any]]:
        """Follow-ups that wait to be sent there."""
        return list(
            self._run(
                sa.select(deliveries).where(
                    deliveries.c.channel == channel,
                    deliveries.c.state == "due",
                    deliveries.c.follows.is_not(None),
                )
            )
        )

    def settle_folded(self, delivery_id: str, answer: str) -> bool:
        """This delivery is not sent: another tells its hits. False when it was sent, or given up,
        already."""
        found = self._run(
            sa.update(deliveries)
            .where(deliveries.c.id == delivery_id, deliveries.c.due_at.is_not(None))
            .values(state="folded", due_at=None, claimed_by=None, answer=answer)
        )
        return bool(found.rowcount)

    def move_hits(self, delivery_id: str, to: str) -> None:
        """Another delivery carries these hits from now on."""
        self._run(
            sa.update(delivery_hits)
            .where(delivery_hits.c.delivery_id == delivery_id)
            .values(delivery_id=to)
        )
