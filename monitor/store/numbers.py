"""Questions about everything at once: what is left to do, and the numbers of `status`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.store.base import deliveries, feeds, hits, hosts, items
from monitor.store.deliveries import DeliveryQuestions
from monitor.tables import UtcDateTime


class NumberQuestions(DeliveryQuestions):
    """What is left to do, and how much of everything there is."""

    def left_to_do(self, began: datetime, channel_names: Collection[str]) -> tuple[int, int]:
        """What keeps a round that began then from being over: feeds that were due, and alerts
        that were due or have not been tried, unless they are held."""
        with self.transaction():
            polls = sa.select(sa.func.count()).select_from(
                feeds.outerjoin(hosts, hosts.c.host == feeds.c.host)
            )
            polls = polls.where(
                feeds.c.active.is_(True),
                feeds.c.next_poll_at <= began,
                sa.or_(hosts.c.blocked_until.is_(None), hosts.c.blocked_until <= began),
            )
            sends = sa.select(sa.func.count()).where(
                deliveries.c.channel.in_(set(channel_names) - self._held_channels(began)),
                sa.or_(
                    sa.and_(deliveries.c.state == "due", deliveries.c.attempts == 0),
                    sa.and_(deliveries.c.state.in_(["due", "held"]), deliveries.c.due_at <= began),
                ),
            )
            return self._run(polls).scalar_one(), self._run(sends).scalar_one()

    def pulse(self, now: datetime) -> dict[str, int]:
        """A few counts that stay cheap however long the history: for STATUS."""
        with self.transaction():
            states = dict(
                self._run(
                    sa.select(deliveries.c.state, sa.func.count())
                    .where(deliveries.c.state.in_(["due", "held", "sending", "dead"]))
                    .group_by(deliveries.c.state)
                ).all()
            )
            watched = self._run(
                sa.select(sa.func.count(), sa.func.count().filter(feeds.c.state == "ok")).where(
                    feeds.c.active.is_(True)
                )
            ).one()
            recent = sa.select(sa.func.count()).select_from(hits)
            recent = recent.where(hits.c.at > now - timedelta(days=1))
            return {
                "feeds": watched[0],
                "feeds_ok": watched[1],
                "hits_24h": self._run(recent).scalar_one(),
                "waiting": sum(states.get(state, 0) for state in ("due", "held", "sending")),
                "dead": states.get("dead", 0),
            }

    def numbers(self, now: datetime) -> dict[str, Any]:
        """What `wirewatch status` shows: counts of everything, and the oldest unsent alert."""
        with self.transaction():
            states = self._run(
                sa.select(deliveries.c.state, sa.func.count()).group_by(deliveries.c.state)
            )
            feed_states = self._run(
                sa.select(feeds.c.state, sa.func.count())
                .where(feeds.c.active.is_(True))
                .group_by(feeds.c.state)
            )
            return {
                "feeds": dict(feed_states.all()),
                "items": self._count(items),
                "hits": self._count(hits),
                "hits_24h": self._run(
                    sa.select(sa.func.count())
                    .select_from(hits)
                    .where(hits.c.at > now - timedelta(days=1))
                ).scalar_one(),
                "deliveries": dict(states.all()),
                "oldest_unsent": self._run(
                    sa.select(
                        sa.type_coerce(sa.func.min(deliveries.c.created_at), UtcDateTime)
                    ).where(deliveries.c.due_at.is_not(None))
                ).scalar(),
                "last_good_poll": self._run(
                    sa.select(sa.type_coerce(sa.func.max(feeds.c.last_good_at), UtcDateTime))
                ).scalar(),
                "next_poll": self._run(
                    sa.select(sa.type_coerce(sa.func.min(feeds.c.next_poll_at), UtcDateTime)).where(
                        feeds.c.active.is_(True)
                    )
                ).scalar(),
            }

    def _count(self, table: sa.Table) -> int:
        count: int = self._run(sa.select(sa.func.count()).select_from(table)).scalar_one()
        return count
