"""`wirewatch events`: what the daemon had to tell its operators."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from monitor.cli.common import AsJson, ConfigPath, Limit, console, print_json, when
from monitor.cli.reading import open_store


def command(config: ConfigPath = None, limit: Limit = 20, as_json: AsJson = False) -> None:
    """What the daemon had to tell its operators, newest first."""
    from rich.table import Table
    from rich.text import Text

    with open_store(config) as (_, store):
        found = store.events(limit)
    if as_json:
        print_json(
            {
                "id": row.id,
                "at": row.at,
                "event": row.name,
                "subject": row.subject,
                "message": row.message,
            }
            for row in found
        )
        return
    if not found:
        typer.echo("no events", err=True)
        return
    now = datetime.now(UTC)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("when", "event", "message"):
        table.add_column(column, overflow="fold")
    for row in found:
        table.add_row(when(row.at, now), row.name, Text(row.message))
    console().print(table)
