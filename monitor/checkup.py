"""The regular look at all feeds: who has been in trouble for a day is told of, once.

Chose a round of its own instead of telling at the poll that finds the trouble, because a server may
ask for days of silence, and because only together the feeds show that it is we who are cut off.
What was told is in the rows, so that a restart repeats nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Row

from monitor import absence, health
from monitor.config import Config
from monitor.notices import tell
from monitor.store import Store

EVERY = timedelta(minutes=10)
_CUT_OFF_AFTER = timedelta(hours=1)
_AT_THE_SAME_TIME = timedelta(hours=1)


def check_up(
    store: Store, config: Config, now: datetime, awake_since: datetime | None = None
) -> None:
    """Tell operators of feeds and rules that are in trouble and of which they do not know yet.
    ``awake_since``: before that no daemon ran for a while; None: one did."""
    with store.transaction():
        _look_at_broken(store, config, now)
        _look_at_silent(store, config, now)
        absence.look(store, config, now, awake_since=awake_since)


def _look_at_broken(store: Store, config: Config, now: datetime) -> None:
    failing = store.failing_untold(now)
    for_an_hour = [row for row in failing if now - row.failing_since >= _CUT_OFF_AFTER]
    if len(for_an_hour) >= health.MANY and len(for_an_hour) > store.active_feeds() / 2:
        _tell_together(store, config, now, for_an_hour)
        return
    due = [row for row in failing if now - row.failing_since >= health.TROUBLE]
    if not due:
        return
    last = max(row.failing_since for row in due) + _AT_THE_SAME_TIME
    with_them = [row for row in failing if row.failing_since <= last]
    if len(with_them) >= health.MANY:
        _tell_together(store, config, now, with_them)
        return
    for row in due:
        store.set_told_broken([row.id], now, together=False)
        tell(store, config, now, "feed_broken", row.name, _broken(row, now))


def _broken(row: Row[Any], now: datetime) -> str:
    since = f"{row.failing_since:%Y-%m-%d %H:%M} UTC"
    if row.next_poll_at - now > 2 * health.DAY:
        until = f"{row.next_poll_at:%Y-%m-%d %H:%M} UTC"
        return (
            f"feed '{row.name}' has failed since {since}: {row.last_error}; its server wants no "
            f"request before {until}"
        )
    return (
        f"feed '{row.name}' has failed since {since}: {row.last_error}; "
        f"it is still tried, see: wirewatch feeds {row.name}"
    )


def _tell_together(store: Store, config: Config, now: datetime, rows: Sequence[Row[Any]]) -> None:
    store.set_told_broken([row.id for row in rows], now, together=True)
    total = store.active_feeds()
    since = f"{min(row.failing_since for row in rows):%Y-%m-%d %H:%M} UTC"
    ((error, count),) = Counter(row.last_error for row in rows).most_common(1)
    most = f"{error} ({count} of them)" if count < len(rows) else error
    step = (
        "look at this machine's own network first"
        if len(rows) > total / 2
        else "they are still tried"
    )
    message = (
        f"{len(rows)} of {total} feeds have failed since about {since}: {most}; "
        f"{step}, see: wirewatch feeds"
    )
    tell(store, config, now, "feeds_broken", "feeds", message)


def _look_at_silent(store: Store, config: Config, now: datetime) -> None:
    strange = [row for row in store.silent_untold(now) if _is_strange(row)]
    store.set_told_stale([row.id for row in strange], now)
    if len(strange) >= health.MANY:
        names = ", ".join(f"'{row.name}'" for row in strange[: health.MANY])
        message = (
            f"{len(strange)} feeds bring nothing new for longer than is usual for them, among "
            f"them {names}; see: wirewatch feeds"
        )
        tell(store, config, now, "feeds_stale", "feeds", message)
        return
    for row in strange:
        tell(store, config, now, "feed_stale", row.name, _stale(row))


def _is_strange(row: Row[Any]) -> bool:
    """Silent up to its last good poll, for longer than its own history explains."""
    allowed = health.silence_allowed(
        _span(row.rhythm_s), _span(row.longest_s), row.last_good_at - row.created_at
    )
    return bool(row.last_good_at - row.last_new_at > allowed)


def _stale(row: Row[Any]) -> str:
    usual = f", usually every {health.roughly(row.rhythm_s)}" if row.rhythm_s else ""
    return (
        f"feed '{row.name}' answers, but has brought nothing new since "
        f"{row.last_new_at:%Y-%m-%d %H:%M} UTC{usual}; look whether the site has given it up, "
        f"see: wirewatch feeds {row.name}"
    )


def _span(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
