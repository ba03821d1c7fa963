"""Questions about events: what operators should know of the daemon itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from monitor.ids import new_id
from monitor.store.base import (
    Questions,
    events,
)


class EventQuestions(Questions):
    """What happened to the daemon."""

    def add_event(self, name: str, subject: str, message: str, now: datetime) -> str:
        event_id = new_id()
        self._run(
            sa.insert(events).values(
                id=event_id, at=now, name=name, subject=subject, message=message
            )
        )
        return event_id

    def was_told(self, name: str, subject: str, since: datetime, now: datetime) -> bool:
        """Whether there was such an event since then."""
        found = self._run(
            sa.select(events.c.id)
            .where(events.c.at > since, events.c.at <= now)
            .where(events.c.name == name, events.c.subject == subject)
            .limit(1)
        )
        return found.first() is not None

    def events(self, limit: int) -> list[Row[Any]]:
        """Events, newest first."""
        with self.transaction():
            return list(
                self._run(
                    sa.select(events).order_by(events.c.at.desc(), events.c.id.desc()).limit(limit)
                )
            )

    def events_about(self, subject: str, limit: int) -> list[Row[Any]]:
        """The events of one feed or channel, newest first."""
        with self.transaction():
            question = sa.select(events).where(events.c.subject == subject)
            question = question.order_by(events.c.at.desc(), events.c.id.desc())
            return list(self._run(question.limit(limit)))
