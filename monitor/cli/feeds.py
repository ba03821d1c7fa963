"""`wirewatch feeds`: how each feed is doing and when it is polled next, and why then.

With one name: everything that is known about that feed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import AsJson, ConfigPath, due, fail, print_json, when
from monitor.cli.listing import Column, show
from monitor.cli.reading import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.text import Text
    from sqlalchemy.engine import Row

    from monitor.config import Config
    from monitor.store import Store

DAYS = 14
_COLUMNS = (
    Column("feed"),
    Column("state"),
    Column("every", right=True),
    Column("new, 14 days"),
    Column("newest"),
    Column("last poll"),
    Column("next poll"),
    Column("why then", below=True),
)
STYLE = {
    "ok": "green",
    "new": "cyan",
    "failing": "red",
    "blocked": "red",
    "not_a_feed": "red",
    "gone": "red",
    "stale": "yellow",
    "gap": "yellow",
    "moved": "yellow",
    "validators_lie": "yellow",
}
_BARS = "▁▂▃▄▅▆▇█"
_NONE = "·"


def command(
    names: Annotated[
        list[str] | None, typer.Argument(help="Only these feeds; of a single one everything.")
    ] = None,
    config: ConfigPath = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also feeds that left the configuration.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """How each feed is doing, when it is polled next, and why then. With one name, everything
    that is known about that feed."""
    with open_store(config) as (checked, store):
        found = chosen(store.feeds(), names or [], everything=everything)
        now = datetime.now(UTC)
        facts = _facts(checked, store, found, now)
        if len(names or []) == 1:
            from monitor.cli.feed_details import tell_all

            tell_all([(row, facts[row.id]) for row in found], store, now, as_json=as_json)
            return
    if as_json:
        print_json(facts[row.id] for row in found)
        return
    _show(found, facts, now)


def chosen(feeds: list[Row[Any]], names: list[str], *, everything: bool) -> list[Row[Any]]:
    """The feeds of these names, or all; exits with a mistake where one is unknown."""
    if not names:
        return [row for row in feeds if row.active or everything]
    for name in names:
        if all(row.name != name for row in feeds):
            fail(f"no feed '{name}'; all of them: wirewatch feeds")
    return [row for row in feeds if row.name in names]


Facts = dict[str, dict[str, Any]]


def _facts(config: Config, store: Store, found: list[Row[Any]], now: datetime) -> Facts:
    """By feed id, what JSON says and the listing shows."""
    from monitor.logs import Redactor

    redact = Redactor()
    redact.learn(config.secrets)
    counts = store.feed_counts()
    by_day = store.items_by_day(now - timedelta(days=DAYS))
    blocked = store.blocked_hosts(now)
    return {
        row.id: _object(row, counts.get(row.id, (0, None)), redact)
        | {"new_by_day": days(by_day.get(row.id, {}), now)}
        | _next(row, blocked.get(row.host))
        for row in found
    }


def _object(
    row: Row[Any], count: tuple[int, datetime | None], redact: Callable[[str], str]
) -> dict[str, Any]:
    return {
        "name": row.name,
        "url": redact(row.url),
        "asked_url": redact(row.asked_url) if row.asked_url else None,
        "state": row.state if row.active else "inactive",
        "items": count[0],
        "newest_item": count[1],
        "interval": float(row.every_s or row.interval_s),
        "last_request": row.last_request_at,
        "last_good": row.last_good_at,
        "last_status": row.last_status,
        "last_outcome": row.last_outcome,
        "error": row.last_error,
        "failures": row.failures,
    }


def _next(row: Row[Any], silent_until: datetime | None) -> dict[str, Any]:
    """When it is polled next and why then; the silence a server asked for counts for all feeds of
    its host."""
    if not row.active or row.state == "gone":
        return {"next_poll": None, "why": row.next_poll_why if row.active else ""}
    if silent_until is not None and silent_until > row.next_poll_at:
        why = f"Retry-After of {row.host} until {silent_until:%Y-%m-%d %H:%M:%S} UTC"
        return {"next_poll": silent_until, "why": why}
    return {"next_poll": row.next_poll_at, "why": row.next_poll_why}


def days(counts: Mapping[str, int], now: datetime) -> list[int]:
    """How many items were new on each of the last 14 days, today last."""
    dates = [now - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)]
    return [counts.get(f"{date:%Y-%m-%d}", 0) for date in dates]


def sparkline(counts: list[int]) -> str:
    """A bar for each count, the highest for the most; a dot for none."""
    most = max(counts, default=0)
    return "".join(_BARS[(count * 8 - 1) // most] if count else _NONE for count in counts)


def _show(found: list[Row[Any]], facts: Facts, now: datetime) -> None:
    if not found:
        typer.echo("no feeds", err=True)
        return
    show(_COLUMNS, [_row(facts[row.id], now) for row in found])


def _row(fact: dict[str, Any], now: datetime) -> tuple[str | Text, ...]:
    from rich.text import Text

    from monitor.schedule import period

    state = fact["state"]
    return (
        fact["name"],
        Text(state, STYLE.get(state, "dim")),
        period(timedelta(seconds=fact["interval"])),
        sparkline(fact["new_by_day"]),
        when(fact["newest_item"], now),
        when(fact["last_request"], now),
        due(fact["next_poll"], now) if fact["next_poll"] else "never",
        _why(fact),
    )


def _why(fact: dict[str, Any]) -> Text:
    from rich.text import Text

    why = Text(fact["why"])
    if fact["error"]:
        why.append(f" · {fact['error']}" if fact["why"] else fact["error"], "red")
    return why
