"""`wirewatch stories`: what was told of several times, by whom, newest first."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import AsJson, ConfigPath, Limit, fail, print_json, when
from monitor.cli.listing import Column, next_step, short, show
from monitor.cli.reading import open_store

if TYPE_CHECKING:
    from sqlalchemy.engine import Row

_COLUMNS = (
    Column("id"),
    Column("newest"),
    Column("rule"),
    Column("items", right=True),
    Column("title", below=True),
    Column("sources", below=True),
)


def command(
    config: ConfigPath = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule's.")] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Stories: items of one rule that tell the same news, those with the newest items first."""
    with open_store(config) as (checked, store):
        found = store.stories(limit, rule)
    if as_json:
        print_json(map(_object, found))
        return
    if not found:
        if rule is not None and rule not in checked.rules:
            fail(f"no rule '{rule}' in the configuration")
        typer.echo("no stories yet", err=True)
        return
    now = datetime.now(UTC)
    show(_COLUMNS, [_row(row, now) for row in found])
    next_step("to keep one quiet: wirewatch mute ID --for 2h")


def _row(row: Row[Any], now: datetime) -> tuple[str, ...]:
    sources = ", ".join(json.loads(row.sources))
    title = row.title or "(no title)"
    return short(row.id), when(row.last_at, now), row.rule, str(row.size), title, sources


def _object(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "rule": row.rule,
        "title": row.title,
        "lang": row.lang,
        "items": row.size,
        "sources": json.loads(row.sources),
        "first": row.first_at,
        "newest": row.last_at,
    }
