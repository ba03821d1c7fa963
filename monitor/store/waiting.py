"""Questions about what waits: digests that grow until they are due, throttles' windows, mutes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from alerts import Alert, Digest
from alerts.policy import Window
from monitor.mutes import ActiveMute, Mutes
from monitor.store.base import Questions, deliveries, mutes, windows

_IN_FORCE = (
    sa.select(mutes)
    .where(
        mutes.c.until > sa.bindparam("now", type_=mutes.c.until.type), mutes.c.ended_at.is_(None)
    )
    .order_by(mutes.c.until)
)
"""Made once: every document asks it."""


class WaitingQuestions(Questions):
    """Digests, windows and mutes."""

    def waiting_digest(
        self, rule: str, channel: str, held_by: str, now: datetime
    ) -> Row[Any] | None:
        """The digest that hits of a rule for a channel, held for this, are to join. None that is
        due already: it would be put off for as long as its channel is stopped or busy."""
        row: Row[Any] | None = self._run(
            sa.select(deliveries)
            .where(
                deliveries.c.state == "held",
                deliveries.c.rule == rule,
                deliveries.c.channel == channel,
                deliveries.c.held_by == held_by,
                deliveries.c.due_at > now,
            )
            .limit(1)
        ).first()
        return row

    def window(self, rule: str, channel: str) -> Window | None:
        """How much of a rule's throttle is used for a channel."""
        row = self._run(
            sa.select(windows).where(windows.c.rule == rule, windows.c.channel == channel)
        ).first()
        return Window(row.began_at, row.told) if row else None

    def keep_window(self, rule: str, channel: str, window: Window) -> None:
        """Remember how much is used now."""
        values = {"began_at": window.began, "told": window.told}
        found = self._run(
            sa.update(windows)
            .where(windows.c.rule == rule, windows.c.channel == channel)
            .values(**values)
        )
        if found.rowcount == 0:
            self._run(sa.insert(windows).values(rule=rule, channel=channel, **values))

    def mute(self, mute: ActiveMute, now: datetime) -> None:
        """Keep a rule or feed quiet; a mute of the same name is replaced, what it holds waits for
        the new one's end."""
        with self.transaction():
            for old in self.mutes(now):
                if (old.kind, old.name) == (mute.kind, mute.name):
                    self._run(sa.update(mutes).where(mutes.c.id == old.id).values(ended_at=now))
                    self._run(
                        sa.update(deliveries)
                        .where(
                            deliveries.c.state == "held", deliveries.c.held_by == f"mute:{old.id}"
                        )
                        .values(due_at=mute.until, retry_from=mute.until, held_by=f"mute:{mute.id}")
                    )
            self._run(
                sa.insert(mutes).values(
                    id=mute.id,
                    kind=mute.kind,
                    name=mute.name,
                    until=mute.until,
                    why=mute.why,
                    created_at=now,
                )
            )

    def mutes(self, now: datetime) -> list[ActiveMute]:
        """The mutes that hold, those that end first before the others."""
        with self.transaction():
            rows = self._run(_IN_FORCE, {"now": now})
            return [ActiveMute(row.id, row.kind, row.name, row.until, row.why) for row in rows]

    def lift_mute(self, mute_id: str, now: datetime) -> int:
        """End a mute early: what it held is due, but for what another mute is on. How many digests
        are due."""
        with self.transaction():
            self._run(sa.update(mutes).where(mutes.c.id == mute_id).values(ended_at=now))
            self._keep_muted(mute_id, Mutes(tuple(self.mutes(now))))
            found = self._run(
                sa.update(deliveries)
                .where(deliveries.c.state == "held", deliveries.c.held_by == f"mute:{mute_id}")
                .values(due_at=now, retry_from=now, state="due")
            )
            return int(found.rowcount)

    def _keep_muted(self, mute_id: str, left: Mutes) -> None:
        """What a mute held that has ended, and another is on, that one holds from now on."""
        held = self._run(
            sa.select(deliveries).where(
                deliveries.c.state == "held", deliveries.c.held_by == f"mute:{mute_id}"
            )
        ).all()
        for row in held if left.active else ():
            mute = _still_on(row, left)
            if mute is not None:
                self._run(
                    sa.update(deliveries)
                    .where(deliveries.c.id == row.id)
                    .values(due_at=mute.until, retry_from=mute.until, held_by=f"mute:{mute.id}")
                )


def _still_on(row: Row[Any], left: Mutes) -> ActiveMute | None:
    """The mute that is on every hit that a held digest shows."""
    body = Alert.from_json(row.id, row.alert).body
    hits = body.hits if isinstance(body, Digest) else ()
    on = [left.on(row.rule, (hit.item.feed,), hit.story.id) for hit in hits]
    found = [mute for mute in on if mute is not None]
    return min(found, key=lambda mute: mute.until) if found and len(found) == len(on) else None
