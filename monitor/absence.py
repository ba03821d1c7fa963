"""Rules with ``absent:`` that have no hit where one is usual: a feed or the rule may be broken.

What was told is read from the events, so that a restart repeats nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from alerts.policy import is_usual, usual_windows
from monitor.config import Config, RuleConfig
from monitor.notices import tell
from monitor.schedule import period
from monitor.store import Store

_SILENT, _BACK = "rule_silent", "rule_hits_again"


def look(store: Store, config: Config, now: datetime, *, awake_since: datetime | None) -> None:
    """Tell operators of rules that went silent, and of those that have hits again; joins a
    transaction. ``awake_since``: before that nobody looked at any feed; None: somebody did."""
    for rule in config.rules.values():
        if rule.absent is not None and _is_on(rule, now):
            _look_at(store, config, rule, rule.absent, now, awake_since)


def _is_on(rule: RuleConfig, now: datetime) -> bool:
    return rule.enabled and (rule.until is None or now < rule.until)


def _look_at(
    store: Store,
    config: Config,
    rule: RuleConfig,
    absent: timedelta,
    now: datetime,
    awake_since: datetime | None,
) -> None:
    last = store.last_hit(rule.name)
    if last is None:
        return
    told = store.last_event_of((_SILENT, _BACK), rule.name)
    is_told = told is not None and told.name == _SILENT
    if told is not None and is_told and last > told.at:
        message = f"rule '{rule.name}' has hits again, the last at {last:%Y-%m-%d %H:%M} UTC"
        tell(store, config, now, _BACK, rule.name, message)
        return
    asleep = awake_since is not None and awake_since > now - absent
    if is_told or asleep or last > now - absent or not _is_strange(store, rule, absent, now):
        return
    message = (
        f"rule '{rule.name}' has had no hit since {last:%Y-%m-%d %H:%M} UTC, where one in "
        f"{period(absent)} is usual: its feeds or the rule may be broken; look at: "
        f"wirewatch feeds, and: wirewatch backtest {rule.name}"
    )
    tell(store, config, now, _SILENT, rule.name, message)


def _is_strange(store: Store, rule: RuleConfig, absent: timedelta, now: datetime) -> bool:
    first = store.first_hit(rule.name)
    windows = usual_windows(absent, first, now) if first else []
    return is_usual(store.had_hits(rule.name, windows, absent), len(windows))
