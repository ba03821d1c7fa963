"""What waits: hits of rules with a throttle, quiet hours, digest times or a mute, and floods.

`alerts.policy` decides; here its decisions become rows. What is held for one rule, channel and
cause is one digest, which grows until it is due: nothing that waits needs anybody to remember it,
and nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import alerts
from alerts.policy import FLOOD, Hold, Send, decide
from monitor.config import ChannelConfig, Config, RuleConfig
from monitor.follow_ups import OF_A_STORY, about_story, first_of
from monitor.gathering import Gathered, gather
from monitor.mutes import ActiveMute, Mutes
from monitor.notices import tell
from monitor.outbox import Telling, channels_of, delivery_of, digest_delivery, tells_each
from monitor.schedule import period
from monitor.store import NewDelivery, Store
from monitor.stories import CLOSES_AFTER


@dataclass(frozen=True, slots=True)
class _Reason:
    """What hits wait for. ``held_by`` names it in the database, ``why`` to people; ``about``: the
    story that all of them tell."""

    held_by: str
    until: datetime
    why: str
    about: alerts.About | None = None


def queue_patiently(
    store: Store,
    waiting: Mapping[str, Sequence[Telling]],
    config: Config,
    now: datetime,
    *,
    mutes: Mutes,
    feeds: Collection[str],
) -> tuple[int, int]:
    """Queue what may be told now and hold the rest; joins a transaction.

    Args:
        waiting: hits by rule, in the order in which they are told.
        mutes: those that hold now.
        feeds: the names of the feed they came from.

    Returns:
        How many alerts were queued, and how many hits wait, each counted once a channel.
    """
    queued = held = 0
    for name, telling in waiting.items():
        rule = config.rules[name]
        if len(telling) > FLOOD:
            _tell_flood(store, config, rule, telling, now)
        gathered = gather(store, rule, telling, now)
        for channel in channels_of(rule, config):
            to = config.channels[channel]
            sorter = _Sorter(store, rule, to, now, each=tells_each(rule, to))
            sorter.sort(gathered.each, mutes, feeds)
            sorter.sort_gathered(gathered, mutes, feeds)
            sorter.write()
            queued += len(sorter.queued)
            held += sum(map(len, sorter.held.values()))
    return queued, held


class _Sorter:
    """The hits of one rule for one channel: told now, or held, and for what. ``each``: the channel
    is told each hit of a story."""

    def __init__(
        self, store: Store, rule: RuleConfig, to: ChannelConfig, now: datetime, *, each: bool
    ) -> None:
        self.queued: list[NewDelivery] = []
        self.held: dict[_Reason, list[alerts.Hit]] = {}
        self._store, self._rule, self._to, self._now = store, rule, to, now
        self._channel = to.name
        self._each = each
        throttled = rule.manner.throttle is not None
        self._window = store.window(rule.name, to.name) if throttled else None
        self._before = self._window

    def sort(self, telling: Sequence[Telling], mutes: Mutes, feeds: Collection[str]) -> None:
        """Decide about each; a flood is decided about as one."""
        if len(telling) > FLOOD:
            self._sort([one.hit for one in telling], mutes.on(self._rule.name, feeds, ""))
            return
        for one in telling:
            story = one.hit.story.id
            mute = mutes.on(self._rule.name, feeds, story)
            if one.follows and not self._each and mute is None:
                self._follow(one.hit)
            else:
                self._sort([one.hit], mute)

    def sort_gathered(self, gathered: Gathered, mutes: Mutes, feeds: Collection[str]) -> None:
        """Decide about what a rule with ``when:`` tells together."""
        for told in gathered.together:
            mute = mutes.on(self._rule.name, feeds, told.story)
            self._sort(list(told.hits), mute, told.why, told.about)
        if gathered.held and gathered.until:
            mute = mutes.on(self._rule.name, feeds, "")
            if mute is not None:
                self._sort(gathered.held, mute)
            else:
                self._after_burst(gathered.held, gathered.until)

    def _after_burst(self, hits: list[alerts.Hit], until: datetime) -> None:
        """What comes while a burst goes on is summed up when it is over, or when that is quiet."""
        manner = replace(self._rule.manner, throttle=None)
        then = decide(manner, self._rule.severity, None, None, until)
        until = then.until if isinstance(then, Hold) else until
        self._hold_back(_Reason("burst", until, "more of a burst told before"), hits)

    def _follow(self, hit: alerts.Hit) -> None:
        """More of a story: under its first alert at once, where that can be and nothing asks for
        patience; else summed up when the story closes. Uses up nothing of the throttle."""
        first = first_of(self._store, self._rule.name, self._to, hit.story.id)
        now = decide(self._rule.manner, self._rule.severity, self._window, None, self._now)
        if first is not None and isinstance(now, Send):
            self.queued.append(delivery_of(hit, self._channel, self._now, follows=first))
        else:
            until = self._now + CLOSES_AFTER
            about = about_story(self._store, hit.story.id)
            self._hold_back(_Reason(f"story:{hit.story.id}", until, OF_A_STORY, about), [hit])

    def _sort(
        self,
        hits: list[alerts.Hit],
        mute: ActiveMute | None,
        why: str = f"more than {FLOOD} in one poll",
        about: alerts.About | None = None,
    ) -> None:
        manner, severity = self._rule.manner, self._rule.severity
        muted = mute.until if mute else None
        match decide(manner, severity, self._window, muted, self._now):
            case Send(window):
                self._window = window
                self.queued.append(self._delivery(hits, why, about))
            case Hold(until, "mute") if mute is not None:
                why = f"muted: {mute.why}" if mute.why else "muted"
                self._hold_back(_Reason(f"mute:{mute.id}", until, why), hits)
            case Hold(until, cause):
                self._hold_back(_Reason(cause, until, self._why(cause)), hits)

    def _hold_back(self, reason: _Reason, hits: Sequence[alerts.Hit]) -> None:
        self.held.setdefault(reason, []).extend(hits)

    def _delivery(
        self, hits: Sequence[alerts.Hit], why: str, about: alerts.About | None
    ) -> NewDelivery:
        if len(hits) == 1:
            return delivery_of(hits[0], self._channel, self._now)
        return digest_delivery(
            self._rule, self._channel, hits, None, now=self._now, why=why, about=about
        )

    def write(self) -> None:
        """Store what was decided."""
        self._store.queue(self.queued, self._now)
        if self._window != self._before and self._window is not None:
            self._store.keep_window(self._rule.name, self._channel, self._window)
        for reason, hits in self.held.items():
            self._hold(reason, hits)

    def _hold(self, reason: _Reason, hits: Sequence[alerts.Hit]) -> None:
        row = self._store.waiting_digest(self._rule.name, self._channel, reason.held_by, self._now)
        delivery = digest_delivery(
            self._rule,
            self._channel,
            hits,
            row,
            now=self._now,
            why=reason.why,
            held_by=reason.held_by,
            until=reason.until,
            about=reason.about,
        )
        if row is None:
            self._store.queue([delivery], self._now)
        else:
            self._store.extend_held(delivery)

    def _why(self, cause: str) -> str:
        """The reason as people read it in the digest."""
        manner = self._rule.manner
        match cause:
            case "quiet" if manner.quiet:
                return f"quiet from {manner.quiet.start:%H:%M} to {manner.quiet.end:%H:%M}"
            case "throttle" if manner.throttle:
                return f"more than {manner.throttle.max} in {period(manner.throttle.per)}"
            case _:
                return "told together at set times"


def _tell_flood(
    store: Store, config: Config, rule: RuleConfig, telling: Sequence[Telling], now: datetime
) -> None:
    feeds = ", ".join(sorted({one.hit.item.feed for one in telling})[:3])
    message = (
        f"rule '{rule.name}' hit {len(telling)} items of {feeds} in one poll; they are told as one "
        f"digest; all of them: wirewatch hits --rule {rule.name}"
    )
    tell(store, config, now, "flood", rule.name, message)
