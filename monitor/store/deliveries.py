"""Questions about deliveries, the outbox, and about the channels they go to."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Row

from alerts.channel import First
from monitor.ids import new_id
from monitor.store.base import (
    Questions,
    attempts,
    channels,
    chunks,
    deliveries,
    delivery_hits,
    feeds,
    hits,
)

_LONGEST_ANSWER = 500
_TOLD_INSTEAD = "%; told by '{}' instead"
"""How the cause of a dead letter ends that a fallback tells, as SQL's LIKE reads it."""
_CHUNK = 200  # deliveries handed over in one transaction
_BEHIND = timedelta(seconds=3)
"""A channel whose oldest alert has been due for so long does not keep up: half of its places go to
the newest (`DeliveryQuestions.claim_deliveries`)."""


def _at(name: str) -> sa.BindParameter[datetime]:
    return sa.bindparam(name, type_=deliveries.c.due_at.type)


_SILENT = sa.select(channels.c.name).where(
    sa.or_(channels.c.disabled.is_(True), channels.c.blocked_until > _at("now"))
)
_ARE_DUE = sa.and_(deliveries.c.channel == sa.bindparam("to"), deliveries.c.due_at <= _at("now"))
_CLAIMED = (
    deliveries.c.id, deliveries.c.channel, deliveries.c.kind, deliveries.c.rule,
    deliveries.c.title, deliveries.c.alert, deliveries.c.attempts, deliveries.c.retry_from,
    deliveries.c.follows, deliveries.c.done, deliveries.c.due_at,
)  # fmt: skip
_IN_TURN = (
    sa.select(*_CLAIMED)
    .order_by(deliveries.c.due_at, deliveries.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_OLDEST = _IN_TURN.where(_ARE_DUE)
_CAME_LAST = _IN_TURN.where(
    deliveries.c.channel == sa.bindparam("to"),
    deliveries.c.due_at
    == sa.select(sa.func.max(deliveries.c.due_at)).where(_ARE_DUE).scalar_subquery(),
    deliveries.c.id.not_in(sa.bindparam("known", expanding=True)),
)
_CLAIM = (
    sa.update(deliveries)
    .where(deliveries.c.id.in_(sa.bindparam("ids", expanding=True)))
    .values(
        state="sending",
        claimed_by=sa.bindparam("owner"),
        attempts=deliveries.c.attempts + 1,
        last_attempt_at=_at("now"),
        due_at=_at("until"),
    )
)
_TRIED = sa.insert(attempts).values(
    delivery_id=sa.bindparam("of"),
    number=sa.select(sa.func.count() + 1)
    .where(attempts.c.delivery_id == sa.bindparam("of"))
    .scalar_subquery(),
)
_SENT = (
    sa.update(deliveries)
    .where(deliveries.c.id == sa.bindparam("sent"))
    .values(
        state="sent",
        due_at=None,
        claimed_by=None,
        sent_at=_at("now"),
        answer=sa.bindparam("said"),
        ref=sa.bindparam("called"),
    )
)
"""Made once: every alert asks them, and building them takes longer than asking."""


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """An alert to be queued for one channel. ``held_until``: it waits until then, unless an
    operator releases or drops it first, because of the feed ``held_by``; None: it is due.
    ``follows``: the delivery of the story's first alert, under which it goes."""

    id: str
    channel: str
    kind: Literal["hit", "digest", "event"]
    alert: str
    title: str
    rule: str = ""
    hit_ids: tuple[str, ...] = ()
    held_until: datetime | None = None
    held_by: str = ""
    follows: str | None = None


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that is ours to send until its lease ends. ``attempts`` counts this one;
    ``first``: what it goes under, where it ``follows`` a delivery and that can be had; ``done``:
    recipients, of several, that have it already."""

    id: str
    channel: str
    kind: str
    rule: str
    title: str
    alert: str
    attempts: int
    retry_from: datetime
    follows: str | None = None
    first: First | None = None
    done: frozenset[str] = frozenset()


class DeliveryQuestions(Questions):
    """The outbox and its channels."""

    def queue(self, new: Sequence[NewDelivery], now: datetime) -> None:
        """Put alerts into the outbox, due at once unless they are held."""
        self._run(
            sa.insert(deliveries),
            [
                {
                    "id": delivery.id,
                    "channel": delivery.channel,
                    "kind": delivery.kind,
                    "rule": delivery.rule,
                    "title": delivery.title,
                    "alert": delivery.alert,
                    "state": "held" if delivery.held_until else "due",
                    "due_at": delivery.held_until or now,
                    "attempts": 0,
                    "created_at": now,
                    "retry_from": delivery.held_until or now,
                    "answer": "",
                    "held_by": delivery.held_by,
                    "follows": delivery.follows,
                }
                for delivery in new
            ],
        )
        self._run(
            sa.insert(delivery_hits),
            [
                {"hit_id": hit_id, "channel": delivery.channel, "delivery_id": delivery.id}
                for delivery in new
                for hit_id in delivery.hit_ids
            ],
        )

    def held_deliveries(self, feed_id: str) -> list[Row[Any]]:
        """What waits because this feed republished its items, the oldest first."""
        question = sa.select(deliveries).where(
            deliveries.c.state == "held", deliveries.c.held_by == feed_id
        )
        with self.transaction():
            return list(self._run(question.order_by(deliveries.c.id)))

    def extend_held(self, delivery: NewDelivery) -> None:
        """A held delivery carries more hits: ``delivery`` as it is now, with the hits added."""
        self._run(
            sa.update(deliveries)
            .where(deliveries.c.id == delivery.id)
            .values(
                alert=delivery.alert,
                title=delivery.title,
                due_at=delivery.held_until,
                retry_from=delivery.held_until,
            )
        )
        self._run(
            sa.insert(delivery_hits),
            [
                {"hit_id": hit_id, "channel": delivery.channel, "delivery_id": delivery.id}
                for hit_id in delivery.hit_ids
            ],
        )

    def hold_feed(self, feed_id: str, until: datetime | None) -> None:
        """Hits of the feed's republished window are held until then; None: they are not."""
        self._run(sa.update(feeds).where(feeds.c.id == feed_id).values(held_until=until))

    def release_held(self, feed_id: str, now: datetime) -> int:
        """What is held because of this feed is due at once. How many hits that are."""
        return self._end_hold(feed_id, state="due", due_at=now, retry_from=now)

    def drop_held(self, feed_id: str) -> int:
        """What is held because of this feed is never sent, and its hits say so. How many hits."""
        with self.transaction():
            held = [row.id for row in self.held_deliveries(feed_id)]
            for part in chunks(held):
                told = sa.select(delivery_hits.c.hit_id).where(
                    delivery_hits.c.delivery_id.in_(part)
                )
                self._run(sa.update(hits).where(hits.c.id.in_(told)).values(untold="dropped"))
            return self._end_hold(
                feed_id, state="dropped", due_at=None, answer="dropped by an operator"
            )

    def _end_hold(self, feed_id: str, **values: Any) -> int:
        with self.transaction():
            held = [row.id for row in self.held_deliveries(feed_id)]
            count: set[str] = set()
            for part in chunks(held):
                carried = sa.select(delivery_hits.c.hit_id)
                count.update(
                    self._run(carried.where(delivery_hits.c.delivery_id.in_(part))).scalars()
                )
                self._run(sa.update(deliveries).where(deliveries.c.id.in_(part)).values(**values))
            self.hold_feed(feed_id, None)
            return len(count)

    def claim_deliveries(
        self,
        owner: str,
        now: datetime,
        leases: Mapping[str, timedelta],
        slots: Mapping[str, int],
        newest: Mapping[str, int] | None = None,
    ) -> list[ClaimedDelivery]:
        """T2: due deliveries, oldest first, at most ``slots`` a channel, ours for its lease. Of
        the slots of a channel that does not keep up, ``newest`` go to what came last."""
        claimed: list[ClaimedDelivery] = []
        with self.transaction():
            held = self._held_channels(now)
            for channel, free in slots.items():
                if free > 0 and channel not in held:
                    due = self._due(channel, now, free, (newest or {}).get(channel, 0))
                    claimed += self._claim_rows(owner, now, due, leases[channel])
        return claimed

    def _held_channels(self, now: datetime) -> set[str]:
        return set(self._run(_SILENT, {"now": now}).scalars())

    def _due(self, channel: str, now: datetime, limit: int, newest: int) -> list[Row[Any]]:
        asked = {"to": channel, "now": now}
        due = list(self._run(_OLDEST, asked | {"most": limit}))
        if not newest or len(due) < limit or due[0].due_at > now - _BEHIND:
            return due
        known = [row.id for row in due]
        last = list(self._run(_CAME_LAST, asked | {"most": newest, "known": known}))
        return due[: limit - len(last)] + last

    def _claim_rows(
        self, owner: str, now: datetime, due: Sequence[Row[Any]], lease: timedelta
    ) -> list[ClaimedDelivery]:
        if due:
            ids = [row.id for row in due]
            self._run(_CLAIM, {"ids": ids, "owner": owner, "now": now, "until": now + lease})
        return [
            ClaimedDelivery(
                id=row.id,
                channel=row.channel,
                kind=row.kind,
                rule=row.rule,
                title=row.title,
                alert=row.alert,
                attempts=row.attempts + 1,
                retry_from=row.retry_from,
                follows=row.follows,
                done=frozenset(json.loads(row.done)),
            )
            for row in due
        ]

    def add_attempt(
        self, delivery_id: str, at: datetime, took: timedelta, outcome: str, answer: str
    ) -> None:
        """T3's line for the record (C31)."""
        self._run(
            _TRIED,
            {
                "of": delivery_id,
                "at": at,
                "took_ms": max(0, round(took.total_seconds() * 1000)),
                "outcome": outcome,
                "answer": answer[:_LONGEST_ANSWER],
            },
        )

    def attempts(self, delivery_id: str) -> list[Row[Any]]:
        """What was tried for a delivery, the first try first."""
        question = sa.select(attempts).where(attempts.c.delivery_id == delivery_id)
        with self.transaction():
            return list(self._run(question.order_by(attempts.c.number)))

    def delivery(self, delivery_id: str) -> Row[Any]:
        """One delivery, whole."""
        with self.transaction():
            row: Row[Any] = self._run(
                sa.select(deliveries).where(deliveries.c.id == delivery_id)
            ).one()
            return row

    def hand_over(
        self,
        channel: str,
        to: str,
        now: datetime,
        why: str,
        less: Callable[[Row[Any], Collection[str]], tuple[str, str]],
        ids: Collection[str] = (),
    ) -> int:
        """Tell by another channel what this one cannot: these, or those that are due, many at a
        time. Each becomes a dead letter here and a new delivery there, unless its hits have been
        told there: ``less`` makes alert and title of those of its hits that have not. Says how
        many."""
        question = sa.select(deliveries).where(deliveries.c.channel == channel)
        if ids:
            question = question.where(
                deliveries.c.id.in_(list(ids)), deliveries.c.state == "sending"
            )
        else:
            question = question.where(deliveries.c.state == "due", deliveries.c.due_at <= now)
            question = question.order_by(deliveries.c.due_at, deliveries.c.id).limit(_CHUNK)
        rows = self._run(question).all()
        for row in rows:
            self._run(
                sa.update(deliveries)
                .where(deliveries.c.id == row.id)
                .values(
                    state="dead",
                    due_at=None,
                    claimed_by=None,
                    answer=why + _TOLD_INSTEAD.format(to).removeprefix("%"),
                )
            )
            self._tell_there(row, to, now, less)
        return len(rows)

    def _tell_there(
        self,
        row: Row[Any],
        to: str,
        now: datetime,
        less: Callable[[Row[Any], Collection[str]], tuple[str, str]],
    ) -> None:
        carried = self._run(
            sa.select(delivery_hits.c.hit_id).where(delivery_hits.c.delivery_id == row.id)
        ).scalars()
        hit_ids = set(carried)
        there = self._run(
            sa.select(delivery_hits.c.hit_id).where(
                delivery_hits.c.channel == to, delivery_hits.c.hit_id.in_(hit_ids)
            )
        ).scalars()
        left = hit_ids - set(there)
        if hit_ids and not left:
            return
        alert, title = (row.alert, row.title) if left == hit_ids else less(row, left)
        delivery = NewDelivery(
            id=new_id(),
            channel=to,
            kind=row.kind,
            alert=alert,
            title=title,
            rule=row.rule,
            hit_ids=tuple(sorted(left)),
        )
        self.queue([delivery], now)

    def settle_sent(self, delivery_id: str, now: datetime, answer: str, ref: str = "") -> None:
        """T3: the service accepted it, and calls it ``ref``; true whatever else happened to the
        row meanwhile."""
        self._run(_SENT, {"sent": delivery_id, "now": now, "said": answer, "called": ref})

    def settle_retry(self, delivery: ClaimedDelivery, at: datetime, answer: str) -> None:
        """T3: try again at ``at``. A row that is no longer ours stays as it is."""
        self._settle_failed(delivery, state="due", due_at=at, answer=answer)

    def settle_dead(self, delivery: ClaimedDelivery, answer: str) -> bool:
        """T3: a dead letter, with its cause. False when the row is no longer ours."""
        return self._settle_failed(delivery, state="dead", due_at=None, answer=answer)

    def _settle_failed(self, delivery: ClaimedDelivery, **values: Any) -> bool:
        found = self._run(
            sa.update(deliveries)
            .where(
                deliveries.c.id == delivery.id,
                deliveries.c.state == "sending",
                deliveries.c.attempts == delivery.attempts,
            )
            .values(claimed_by=None, **values)
        )
        return bool(found.rowcount)

    def bury_orphans(self, known: Collection[str]) -> dict[str, int]:
        """Deliveries whose channel left the configuration become dead letters with that cause;
        says how many a channel."""
        buried: dict[str, int] = {}
        with self.transaction():
            waiting = self._run(
                sa.select(deliveries.c.channel, sa.func.count())
                .where(deliveries.c.due_at.is_not(None))
                .group_by(deliveries.c.channel)
            ).all()
            for channel, count in waiting:
                if channel in known:
                    continue
                buried[channel] = count
                self._run(
                    sa.update(deliveries)
                    .where(deliveries.c.channel == channel, deliveries.c.due_at.is_not(None))
                    .values(
                        state="dead",
                        due_at=None,
                        claimed_by=None,
                        answer=f"channel '{channel}' is no longer in the configuration",
                    )
                )
        return buried

    def dead_letters(self, ids: Collection[str] = (), channel: str | None = None) -> list[Row[Any]]:
        """Dead letters, as id and channel: these, or a channel's or all but for those that a
        fallback tells instead, which nobody is to be told twice."""
        question = sa.select(deliveries.c.id, deliveries.c.channel).where(
            deliveries.c.state == "dead"
        )
        if channel is not None:
            question = question.where(deliveries.c.channel == channel)
        if ids:
            question = question.where(deliveries.c.id.in_(list(ids)))
        else:
            question = question.where(deliveries.c.answer.not_like(_TOLD_INSTEAD.format("%")))
        with self.transaction():
            return list(self._run(question))

    def revive(
        self,
        now: datetime,
        *,
        ids: Collection[str] = (),
        channel: str | None = None,
        able: Collection[str] | None = None,
    ) -> list[str]:
        """Dead letters are due again with the id they had: these, a channel's, or all, but only
        those of channels that are ``able`` to send. A channel that was disabled works again.
        Gives the ids."""
        with self.transaction():
            dead = [
                row
                for row in self.dead_letters(ids, channel)
                if able is None or row.channel in able
            ]
            for part in chunks([row.id for row in dead]):
                self._run(
                    sa.update(deliveries)
                    .where(deliveries.c.id.in_(part))
                    .values(state="due", due_at=now, attempts=0, retry_from=now)
                )
            revived = {row.channel for row in dead} | ({channel} if channel else set())
            self._forget_delay(revived, now)
            self._run(
                sa.update(channels)
                .where(channels.c.name.in_(revived))
                .values(disabled=False, disabled_why="", disabled_at=None, blocked_until=None)
            )
            return [row.id for row in dead]

    def _forget_delay(self, names: Collection[str], now: datetime) -> None:
        """What waited because its channel was disabled is as good as new."""
        stopped = sa.select(channels.c.name).where(
            channels.c.name.in_(names), channels.c.disabled.is_(True)
        )
        self._run(
            sa.update(deliveries)
            .where(
                deliveries.c.channel.in_(stopped),
                deliveries.c.state == "due",
                deliveries.c.retry_from < now,
            )
            .values(retry_from=now)
        )

    def note_done(self, delivery_id: str, done: Collection[str]) -> None:
        """These recipients, of several, have it, also when others do not."""
        self._run(
            sa.update(deliveries)
            .where(deliveries.c.id == delivery_id)
            .values(done=json.dumps(sorted(done), ensure_ascii=False))
        )

    def find_deliveries(self, beginning: str) -> list[str]:
        """Ids that begin so."""
        with self.transaction():
            return list(
                self._run(
                    sa.select(deliveries.c.id).where(
                        deliveries.c.id.startswith(beginning, autoescape=True)
                    )
                ).scalars()
            )

    def deliveries(
        self, limit: int, *, state: str | None = None, channel: str | None = None
    ) -> list[Row[Any]]:
        """Deliveries, newest first."""
        question = (
            sa.select(deliveries)
            .order_by(deliveries.c.created_at.desc(), deliveries.c.id.desc())
            .limit(limit)
        )
        if state is not None:
            question = question.where(deliveries.c.state == state)
        if channel is not None:
            question = question.where(deliveries.c.channel == channel)
        with self.transaction():
            return list(self._run(question))

    def deliveries_of(self, hit_id: str) -> list[Row[Any]]:
        """The deliveries that carry this hit, by channel."""
        question = (
            sa.select(deliveries)
            .join(delivery_hits, delivery_hits.c.delivery_id == deliveries.c.id)
            .where(delivery_hits.c.hit_id == hit_id)
            .order_by(deliveries.c.channel)
        )
        with self.transaction():
            return list(self._run(question))

    def deliveries_of_hits(self, hit_ids: Collection[str]) -> dict[str, list[tuple[str, str]]]:
        """Per hit: (channel, state) of each delivery that carries it."""
        found: dict[str, list[tuple[str, str]]] = {}
        with self.transaction():
            for part in chunks(list(hit_ids)):
                for row in self._run(
                    sa.select(delivery_hits.c.hit_id, deliveries.c.channel, deliveries.c.state)
                    .join(deliveries, deliveries.c.id == delivery_hits.c.delivery_id)
                    .where(delivery_hits.c.hit_id.in_(part))
                    .order_by(deliveries.c.channel)
                ):
                    found.setdefault(row.hit_id, []).append((row.channel, row.state))
        return found

    def sync_channels(self, fingerprints: Mapping[str, str]) -> list[str]:
        """Remember each channel's settings; one that was disabled and has new ones works again.
        Gives the names enabled so."""
        enabled: list[str] = []
        with self.transaction():
            rows = {row.name: row for row in self._run(sa.select(channels))}
            for name, fingerprint in fingerprints.items():
                row = rows.get(name)
                if row is None:
                    self._run(
                        sa.insert(channels).values(
                            name=name, fingerprint=fingerprint, disabled=False, disabled_why=""
                        )
                    )
                elif row.fingerprint != fingerprint:
                    if row.disabled:
                        enabled.append(name)
                    self._run(
                        sa.update(channels)
                        .where(channels.c.name == name)
                        .values(
                            fingerprint=fingerprint,
                            disabled=False,
                            disabled_why="",
                            disabled_at=None,
                            blocked_until=None,
                        )
                    )
        return enabled

    def block_channel(self, name: str, until: datetime) -> None:
        """The service asked for silence until then, restarts included."""
        self._run(
            sa.update(channels)
            .where(
                channels.c.name == name,
                sa.or_(channels.c.blocked_until.is_(None), channels.c.blocked_until < until),
            )
            .values(blocked_until=until)
        )

    def disable_channel(self, name: str, why: str, now: datetime) -> bool:
        """Stop sending there until an operator mends it; False when it was stopped already."""
        found = self._run(
            sa.update(channels)
            .where(channels.c.name == name, channels.c.disabled.is_(False))
            .values(disabled=True, disabled_why=why, disabled_at=now)
        )
        return bool(found.rowcount)

    def stopped_channels(self) -> list[str]:
        """Channels that send nothing until they are mended."""
        return list(
            self._run(sa.select(channels.c.name).where(channels.c.disabled.is_(True))).scalars()
        )

    def channels(self) -> list[Row[Any]]:
        with self.transaction():
            return list(self._run(sa.select(channels).order_by(channels.c.name)))
