"""`wirewatch hits`: what matched, newest first."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import AsJson, ConfigPath, Limit, fail, print_json, when
from monitor.cli.listing import MATCH, Column, next_step, short, show
from monitor.cli.reading import open_store

if TYPE_CHECKING:
    from rich.text import Text
    from sqlalchemy.engine import Row

_UNTOLD = {
    "": "nobody to tell",
    "baseline": "not told: its feed's first poll",
    "max_age": "not told: older than its feed's max_age",
    "dropped": "not told: an old item, republished; dropped by an operator",
}
_COLUMNS = (
    Column("id"),
    Column("when"),
    Column("rule"),
    Column("feed"),
    Column("title", below=True),
    Column("told", below=True),
)


def command(
    config: ConfigPath = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule's.")] = None,
    feed: Annotated[str | None, typer.Option(help="Only this feed's.")] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """What matched, newest first, with the matched words marked and where each alert went."""
    with open_store(config) as (checked, store):
        found = store.hits(limit, rule=rule, feed=feed)
        ids = [row.id for row in found]
        told, counted = store.deliveries_of_hits(ids), store.counted(ids)
    if as_json:
        print_json(_object(row, told.get(row.id, [])) for row in found)
        return
    if not found:
        for kind, name, known in (("rule", rule, checked.rules), ("feed", feed, checked.feeds)):
            if name is not None and name not in known:
                fail(f"no {kind} '{name}' in the configuration")
    _show(found, told, counted)


def _object(row: Row[Any], sent: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": row.at,
        "rule": row.rule,
        "severity": row.severity,
        "item": row.item_id,
        "title": row.title,
        "url": row.url,
        "feed": row.feed,
        "source": row.source,
        "lang": row.lang,
        "published": row.published_at,
        "match": json.loads(row.match),
        "untold": row.untold,
        "deliveries": [{"channel": channel, "state": state} for channel, state in sent],
    }


def _show(
    found: list[Row[Any]],
    told: dict[str, list[tuple[str, str]]],
    counted: set[tuple[str, str]],
) -> None:
    if not found:
        typer.echo("no hits yet", err=True)
        return
    now = datetime.now(UTC)
    show(_COLUMNS, [_row(row, _sent(row, told, counted), now) for row in found])
    next_step("why one of them, with its words and its link: wirewatch why ID")


def _sent(
    row: Row[Any], told: dict[str, list[tuple[str, str]]], counted: set[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Where a hit went: what waits for the end of its story is but counted there."""
    return [
        (channel, "counted in its story" if (row.id, channel) in counted else state)
        for channel, state in told.get(row.id, [])
    ]


def _row(row: Row[Any], sent: list[tuple[str, str]], now: datetime) -> tuple[str | Text, ...]:
    why_not = _UNTOLD.get(row.untold) or f"not told: {row.untold}"
    told = ", ".join(f"{channel} {state}" for channel, state in sent) or why_not
    return short(row.id), when(row.at, now), row.rule, row.feed, _title(row), told


def _title(row: Row[Any]) -> Text:
    from rich.text import Text

    title = Text(row.title or "(no title)")
    for span in json.loads(row.match)["spans"]:
        if span["field"] == "title":
            title.stylize(MATCH, span["start"], span["end"])
    return title
