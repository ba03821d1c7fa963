"""`wirewatch status`: the daemon in one look."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import typer

from monitor.cli.common import AsJson, ConfigPath, console, due, print_json, when
from monitor.cli.reading import open_store

_MENDED = (
    "a stopped channel works again once its settings change in the YAML, or after: "
    "wirewatch deliveries retry --channel NAME"
)
_STOPPED = "not running; start it with: wirewatch run, or as a service"


def command(config: ConfigPath = None, as_json: AsJson = False) -> None:
    """The daemon in one look: feeds, hits, alerts, and whether it runs."""
    from monitor.database import held

    with open_store(config) as (checked, store):
        now = datetime.now(UTC)
        numbers = store.numbers(now)
        stopped = {row.name: row.disabled_why for row in store.channels() if row.disabled}
        running = held(checked.database)
    facts: dict[str, Any] = {
        "running": running,
        "rules": len(checked.rules),
        **numbers,
        "stopped_channels": stopped,
    }
    if as_json:
        print_json([facts])
        return
    _show(facts, now)


def _show(facts: dict[str, Any], now: datetime) -> None:
    from rich.table import Table
    from rich.text import Text

    sends = facts["deliveries"]
    waiting = waiting_in(sends)
    oldest = f", the oldest queued {when(facts['oldest_unsent'], now)}" if waiting else ""
    running = Text("running", "green") if facts["running"] else Text(_STOPPED, "yellow")
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("daemon", running)
    table.add_row("feeds", states_told(facts["feeds"]))
    table.add_row("rules", str(facts["rules"]))
    table.add_row("items", str(facts["items"]))
    table.add_row("hits", f"{facts['hits']}, {facts['hits_24h']} in the last 24 h")
    held = f", {sends['held']} digest{'s' * (sends['held'] != 1)} held" if sends.get("held") else ""
    table.add_row("alerts", f"{sends.get('sent', 0)} sent, {waiting} waiting{oldest}{held}")
    table.add_row("dead letters", _dead(sends.get("dead", 0)))
    table.add_row("last good poll", when(facts["last_good_poll"], now))
    table.add_row("next poll", due(facts["next_poll"], now))
    for name, why in facts["stopped_channels"].items():
        table.add_row("stopped", Text(f"{name}: {why}", "red"))
    console().print(table)
    if facts["stopped_channels"]:
        typer.echo(_MENDED, err=True)


def _dead(count: int) -> str:
    return f"{count}, see: wirewatch deliveries --state dead" if count else "0"


def waiting_in(sends: dict[str, int]) -> int:
    """How many alerts are still to be sent, of counts by state."""
    return sends.get("due", 0) + sends.get("sending", 0)


def states_told(states: dict[str, int]) -> str:
    """Counts by state in words: ``3 (1 failing, 2 ok)``."""
    total = sum(states.values())
    parts = [f"{count} {state}" for state, count in sorted(states.items())]
    return f"{total} ({', '.join(parts)})" if total else "0"
