"""What waits: hits of rules with a throttle, quiet hours, digest times or a mute, and floods.

`alerts.policy` decides; here its decisions become rows. What is held for one rule, channel and
cause is one digest, which grows until it is due: nothing that waits needs anybody to remember it,
and nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import alerts
from alerts.policy import FLOOD, Hold, Send, decide
from monitor.config import Config, RuleConfig
from monitor.mutes import ActiveMute
from monitor.notices import tell
from monitor.outbox import channels_of, delivery_of, digest_delivery
from monitor.schedule import period
from monitor.store import NewDelivery, Store


def queue_patiently(
    store: Store,
    waiting: Mapping[str, Sequence[alerts.Hit]],
    mutes: Mapping[str, ActiveMute],
    config: Config,
    now: datetime,
) -> tuple[int, int]:
    """Queue what may be told now and hold the rest; joins a transaction.

    Args:
        waiting: hits by rule, the oldest first.
        mutes: by rule, the mute that holds its hits.

    Returns:
        How many alerts were queued, and how many hits wait, each counted once a channel.
    """
    queued = held = 0
    for name, hits in waiting.items():
        rule = config.rules[name]
        if len(hits) > FLOOD:
            _tell_flood(store, config, rule, hits, now)
        for channel in channels_of(rule, config):
            sorter = _Sorter(store, rule, channel, mutes.get(name), now)
            sorter.sort(hits)
            sorter.write()
            queued += len(sorter.queued)
            held += sum(map(len, sorter.held.values()))
    return queued, held


class _Sorter:
    """The hits of one rule for one channel: told now, or held, and for what."""

    def __init__(
        self,
        store: Store,
        rule: RuleConfig,
        channel: str,
        mute: ActiveMute | None,
        now: datetime,
    ) -> None:
        self.queued: list[NewDelivery] = []
        self.held: dict[tuple[str, datetime], list[alerts.Hit]] = {}
        self._store, self._rule, self._channel, self._now = store, rule, channel, now
        self._mute = mute
        throttled = rule.manner.throttle is not None
        self._window = store.window(rule.name, channel) if throttled else None
        self._before = self._window

    def sort(self, hits: Sequence[alerts.Hit]) -> None:
        """Decide about each; a flood is decided about as one."""
        for part in [hits] if len(hits) > FLOOD else [[hit] for hit in hits]:
            match self._decided():
                case Send(window):
                    self._window = window
                    self.queued.append(self._delivery(part))
                case Hold(until, cause):
                    held_by = f"mute:{self._mute.id}" if self._mute and cause == "mute" else cause
                    self.held.setdefault((held_by, until), []).extend(part)

    def _decided(self) -> Send | Hold:
        muted = self._mute.until if self._mute else None
        return decide(self._rule.manner, self._rule.severity, self._window, muted, self._now)

    def _delivery(self, hits: Sequence[alerts.Hit]) -> NewDelivery:
        if len(hits) == 1:
            return delivery_of(hits[0], self._channel, self._now)
        why = f"more than {FLOOD} in one poll"
        return digest_delivery(self._rule, self._channel, hits, None, now=self._now, why=why)

    def write(self) -> None:
        """Store what was decided."""
        self._store.queue(self.queued, self._now)
        if self._window != self._before and self._window is not None:
            self._store.keep_window(self._rule.name, self._channel, self._window)
        for (held_by, until), hits in self.held.items():
            self._hold(held_by, until, hits)

    def _hold(self, held_by: str, until: datetime, hits: Sequence[alerts.Hit]) -> None:
        row = self._store.waiting_digest(self._rule.name, self._channel, held_by)
        delivery = digest_delivery(
            self._rule,
            self._channel,
            hits,
            row,
            now=self._now,
            why=self._why(held_by),
            held_by=held_by,
            until=until,
        )
        if row is None:
            self._store.queue([delivery], self._now)
        else:
            self._store.extend_held(delivery)

    def _why(self, held_by: str) -> str:
        """The reason as people read it in the digest."""
        manner = self._rule.manner
        match held_by:
            case "quiet" if manner.quiet:
                return f"quiet from {manner.quiet.start:%H:%M} to {manner.quiet.end:%H:%M}"
            case "throttle" if manner.throttle:
                return f"more than {manner.throttle.max} in {period(manner.throttle.per)}"
            case "digest":
                return "told together at set times"
            case _:
                said = f": {self._mute.why}" if self._mute and self._mute.why else ""
                return f"muted{said}"


def _tell_flood(
    store: Store, config: Config, rule: RuleConfig, hits: Sequence[alerts.Hit], now: datetime
) -> None:
    feeds = ", ".join(sorted({hit.item.feed for hit in hits})[:3])
    message = (
        f"rule '{rule.name}' hit {len(hits)} items of {feeds} in one poll; they are told as one "
        f"digest; all of them: wirewatch hits --rule {rule.name}"
    )
    tell(store, config, now, "flood", rule.name, message)
