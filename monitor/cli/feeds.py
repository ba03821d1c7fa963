"""`wirewatch feeds`: how each feed is doing and when it is polled next, and why then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import AsJson, ConfigPath, due, fail, print_json, when
from monitor.cli.listing import Column, show
from monitor.cli.reading import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Row

_COLUMNS = (
    Column("feed"),
    Column("state"),
    Column("items", right=True),
    Column("newest"),
    Column("last poll"),
    Column("next poll"),
    Column("why then", below=True),
)
_STYLE = {"ok": "green", "new": "cyan", "failing": "red", "not_a_feed": "red", "gone": "red"}


def command(
    names: Annotated[list[str] | None, typer.Argument(help="Only these feeds.")] = None,
    config: ConfigPath = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also feeds that left the configuration.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """How each feed is doing, when it is polled next, and why then."""
    with open_store(config) as (checked, store):
        counts = store.feed_counts()
        found = _chosen(store.feeds(), names or [], everything=everything)
    if as_json:
        from monitor.logs import Redactor

        redact = Redactor()
        redact.learn(checked.secrets)
        print_json(_object(row, counts.get(row.id, (0, None)), redact) for row in found)
        return
    _show(found, counts)


def _chosen(feeds: list[Row[Any]], names: list[str], *, everything: bool) -> list[Row[Any]]:
    if not names:
        return [row for row in feeds if row.active or everything]
    for name in names:
        if all(row.name != name for row in feeds):
            fail(f"no feed '{name}'; all of them: wirewatch feeds")
    return [row for row in feeds if row.name in names]


def _object(
    row: Row[Any], count: tuple[int, datetime | None], redact: Callable[[str], str]
) -> dict[str, Any]:
    return {
        "name": row.name,
        "url": redact(row.url),
        "state": row.state if row.active else "inactive",
        "items": count[0],
        "newest_item": count[1],
        "interval": _interval(row).total_seconds(),
        "last_request": row.last_request_at,
        "last_good": row.last_good_at,
        "last_status": row.last_status,
        "last_outcome": row.last_outcome,
        "error": row.last_error,
        "failures": row.failures,
        "next_poll": row.next_poll_at,
        "why": row.next_poll_why,
    }


def _interval(row: Row[Any]) -> timedelta:
    return timedelta(seconds=row.every_s or row.interval_s)


def _show(found: list[Row[Any]], counts: dict[str, tuple[int, datetime | None]]) -> None:
    if not found:
        typer.echo("no feeds", err=True)
        return
    now = datetime.now(UTC)
    show(_COLUMNS, [_row(row, counts.get(row.id, (0, None)), now) for row in found])


def _row(row: Row[Any], count: tuple[int, datetime | None], now: datetime) -> tuple[Any, ...]:
    from rich.text import Text

    items, newest = count
    state = row.state if row.active else "inactive"
    why = Text(row.next_poll_why)
    if row.last_error:
        why.append(f" · {row.last_error}" if row.next_poll_why else row.last_error, "red")
    return (
        row.name,
        Text(state, _STYLE.get(state, "dim")),
        str(items),
        when(newest, now),
        when(row.last_request_at, now),
        "never" if row.state == "gone" or not row.active else due(row.next_poll_at, now),
        why,
    )
