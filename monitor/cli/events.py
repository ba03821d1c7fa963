"""`wirewatch events`: what the daemon had to tell its operators."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from monitor.cli.common import AsJson, ConfigPath, Limit, print_json, when
from monitor.cli.listing import Column, show
from monitor.cli.reading import open_store


def command(config: ConfigPath = None, limit: Limit = 20, as_json: AsJson = False) -> None:
    """What the daemon had to tell its operators, newest first."""
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
    show(
        (Column("when"), Column("event"), Column("message", below=True)),
        [(when(row.at, now), row.name, row.message) for row in found],
    )
