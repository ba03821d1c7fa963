"""Rules with ``when:``: hits that are told when there are enough of them, together.

A hit that waits for others is stored like any, and ``untold`` says for what it waits. What has been
told is read from the hits and the rule's window, so that a restart changes nothing. A flood of
more than `alerts.policy.FLOOD` hits in one poll is of no story, and is told as one at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import alerts
from alerts.policy import FLOOD, Burst, Sources, Window
from monitor.config import RuleConfig
from monitor.outbox import Telling
from monitor.schedule import period
from monitor.store import Store
from monitor.store.gathering import WAITING
from monitor.translate import stored_hit

_OF_BURST = ""  # the channel of a burst's window: it is of all of them
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Together:
    """Hits that are told in one alert, and why; of one ``story``, or empty."""

    hits: tuple[alerts.Hit, ...]
    why: str
    about: alerts.About | None = None
    story: str = ""


@dataclass(slots=True)
class Gathered:
    """What becomes of a rule's hits: told as of any rule (``each``), told ``together``, or
    ``held`` ``until`` a burst is over. All others wait."""

    each: list[Telling] = field(default_factory=list)
    together: list[Together] = field(default_factory=list)
    held: list[alerts.Hit] = field(default_factory=list)
    until: datetime | None = None


def gather(store: Store, rule: RuleConfig, telling: Sequence[Telling], now: datetime) -> Gathered:
    """Decide which hits of a poll are told, and which waited for them; joins a transaction in
    which they are stored."""
    match rule.when:
        case Sources() if len(telling) <= FLOOD:
            return _by_sources(store, rule, rule.when, telling, now)
        case Burst():
            return _in_burst(store, rule, rule.when, [one.hit for one in telling], now)
        case _:
            return Gathered(each=list(telling))


def _by_sources(
    store: Store, rule: RuleConfig, when: Sources, telling: Sequence[Telling], now: datetime
) -> Gathered:
    gathered = Gathered()
    stories: dict[str, list[Telling]] = {}
    for one in telling:
        stories.setdefault(one.hit.story.id, []).append(one)
    for story, members in stories.items():
        ids = [one.hit.id for one in members]
        if store.is_story_told(story, rule.name, ids):
            gathered.each += members
            continue
        store.set_untold(ids, f"{WAITING}{when.count} sources within {period(when.within)}")
        sources = store.story_sources(story, rule.name, now - when.within, now)
        if len(sources) >= when.count:
            why = f"in {len(sources)} sources within {period(when.within)}: {_some(sources)}"
            gathered.together.append(_story_told(store, rule, story, why))
    return gathered


def _story_told(store: Store, rule: RuleConfig, story: str, why: str) -> Together:
    rows = store.waiting_of_story(story, rule.name)
    store.set_untold([row.hit_id for row in rows], "")
    about = alerts.About(rows[0].story_title, told_before=False)
    return Together(tuple(stored_hit(row, rule) for row in rows), why, about, story)


def _in_burst(
    store: Store, rule: RuleConfig, when: Burst, hits: list[alerts.Hit], now: datetime
) -> Gathered:
    until = when.quiet_until(store.window(rule.name, _OF_BURST), now)
    if until is not None:
        return Gathered(held=hits, until=until)
    span = period(when.within)
    store.set_untold([hit.id for hit in hits], f"{WAITING}{when.count} hits within {span}")
    rows = store.waiting_of_rule(rule.name, now - when.within, now)
    if len(rows) < when.count:
        return Gathered()
    store.set_untold([row.hit_id for row in rows], "")
    store.keep_window(rule.name, _OF_BURST, Window(now, len(rows)))
    told = tuple(stored_hit(row, rule) for row in rows)
    return Gathered(together=[Together(told, f"{len(told)} hits within {span}")])


def _some(sources: Sequence[str]) -> str:
    left = len(sources) - _SHOWN
    shown = ", ".join(sources[:_SHOWN])
    return f"{shown} and {left} more" if left > 0 else shown
