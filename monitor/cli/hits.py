"""`wirewatch hits`: what matched, newest first."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import AsJson, ConfigPath, Limit, console, print_json, when
from monitor.cli.reading import open_store

if TYPE_CHECKING:
    from rich.text import Text
    from sqlalchemy.engine import Row


def command(
    config: ConfigPath = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule's.")] = None,
    feed: Annotated[str | None, typer.Option(help="Only this feed's.")] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """What matched, newest first, with the matched words marked and where each alert went."""
    with open_store(config) as (_, store):
        found = store.hits(limit, rule=rule, feed=feed)
        told = store.deliveries_of_hits([row.id for row in found])
    if as_json:
        print_json(_object(row, told.get(row.id, [])) for row in found)
        return
    _show(found, told)


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


def _show(found: list[Row[Any]], told: dict[str, list[tuple[str, str]]]) -> None:
    from rich.table import Table

    if not found:
        typer.echo("no hits yet", err=True)
        return
    now = datetime.now(UTC)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("when", "rule", "feed", "title", "told"):
        table.add_column(column, overflow="fold")
    for row in found:
        sent = [f"{channel} {state}" for channel, state in told.get(row.id, [])]
        why_not = f"not told: {row.untold}" if row.untold else "nobody to tell"
        table.add_row(
            when(row.at, now), row.rule, row.feed, _title(row), ", ".join(sent) or why_not
        )
    console().print(table)


def _title(row: Row[Any]) -> Text:
    from rich.text import Text

    title = Text(row.title or "(no title)")
    for span in json.loads(row.match)["spans"]:
        if span["field"] == "title":
            title.stylize("bold yellow", span["start"], span["end"])
    return title
