"""`wirewatch deliveries`: what was and will be sent; `deliveries show` tells of every attempt,
`deliveries retry` revives dead letters."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import NO, AsJson, ConfigPath, Limit, fail, print_json, when
from monitor.cli.listing import Column, next_step, short, show
from monitor.cli.reading import open_store

if TYPE_CHECKING:
    from rich.text import Text
    from sqlalchemy.engine import Row

    from monitor.store import Store

app = typer.Typer(invoke_without_command=True)
_STATES = ("due", "held", "sending", "sent", "dead", "dropped", "folded")
_COLUMNS = (
    Column("id"),
    Column("queued"),
    Column("channel"),
    Column("what"),
    Column("state"),
    Column("tries", right=True),
    Column("title", below=True),
    Column("answer", below=True),
)
_ATTEMPT_COLUMNS = (
    Column("try", right=True),
    Column("at"),
    Column("took", right=True),
    Column("outcome"),
    Column("answer", below=True),
)
_STYLE = {
    "sent": "green",
    "dead": "red",
    "due": "yellow",
    "held": "yellow",
    "sending": "cyan",
    "dropped": "dim",
    "folded": "dim",
}


@app.callback()
def listing(
    context: typer.Context,
    config: ConfigPath = None,
    state: Annotated[
        str | None, typer.Option(help="Only: due, held, sending, sent, dead, dropped, folded.")
    ] = None,
    channel: Annotated[str | None, typer.Option(help="Only to this channel.")] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """What was and will be sent, newest first."""
    context.obj = config
    if context.invoked_subcommand is not None:
        return
    if state is not None and state not in _STATES:
        fail(f"--state {state}: there are {', '.join(_STATES)}")
    with open_store(config) as (checked, store):
        found = store.deliveries(limit, state=state, channel=channel)
        stopped = [row for row in store.channels() if row.disabled and channel in (None, row.name)]
    if as_json:
        print_json(_object(row) for row in found)
        return
    if not found and channel is not None and channel not in checked.channels:
        fail(f"no channel '{channel}' in the configuration")
    _show(found)
    for row in stopped:
        typer.echo(
            f"channel '{row.name}' is stopped: {row.disabled_why}; mend it in the configuration, "
            f"or: wirewatch deliveries retry --channel {row.name}",
            err=True,
        )


@app.command("show")
def show_one(
    context: typer.Context,
    identity: Annotated[str, typer.Argument(metavar="ID", help="An id, or its beginning.")],
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """One delivery and every attempt to send it: when, how long it took, what was answered."""
    with open_store(config or context.obj) as (_, store):
        whole = _one(store, identity)
        row, tried = store.delivery(whole), store.attempts(whole)
    if as_json:
        lines = [
            {"at": one.at, "took_ms": one.took_ms, "outcome": one.outcome, "answer": one.answer}
            for one in tried
        ]
        print_json([{**_object(row), "tried": lines}])
        return
    _show([row])
    if not tried:
        typer.echo("not tried yet", err=True)
        return
    typer.echo()
    show(_ATTEMPT_COLUMNS, [_attempt(one) for one in tried])


def _attempt(one: Row[Any]) -> tuple[str, ...]:
    at = one.at.strftime("%Y-%m-%d %H:%M:%S UTC")
    return str(one.number), at, f"{one.took_ms} ms", one.outcome, one.answer


@app.command()
def retry(
    context: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(help="Ids, or their beginnings.")] = None,
    config: ConfigPath = None,
    channel: Annotated[str | None, typer.Option(help="All dead letters of this channel.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
) -> None:
    """Make dead letters due again, each with the id it had."""
    if sum((bool(ids), channel is not None, everything)) != 1:
        fail("deliveries retry: name ids, or --channel NAME, or --all")
    with open_store(config or context.obj, write=True) as (checked, store):
        if channel is not None and channel not in checked.channels:
            fail(f"no channel '{channel}' in the configuration")
        able = {name for name, known in checked.channels.items() if known.enabled}
        whole = [_one(store, beginning) for beginning in ids or ()]
        stay = Counter(row.channel for row in store.dead_letters(whole, channel))
        revived = store.revive(datetime.now(UTC), ids=whole, channel=channel, able=able)
    _tell_unable({name: count for name, count in stay.items() if name not in able}, len(revived))
    missing = len(whole) - len(revived)
    if whole and missing:
        fail(f"{missing} of {len(whole)} are not dead letters; see: wirewatch deliveries", 1)
    typer.echo(f"{len(revived)} due again" if revived else "no dead letters, nothing to retry")


def _tell_unable(stay: dict[str, int], revived: int) -> None:
    """Dead letters of a channel that sends nothing would be due for ever: they stay as they are."""
    if not stay:
        return
    which = ", ".join(f"{count} for channel '{name}'" for name, count in sorted(stay.items()))
    fail(
        f"{revived} due again; {which} stay dead letters: such a channel is not in the "
        f"configuration or not enabled; mend that and retry",
        NO,
    )


def _one(store: Store, beginning: str) -> str:
    found = store.find_deliveries(beginning)
    if len(found) != 1:
        which = "more than one delivery begins so; write more of the id"
        none = "no delivery begins so; ids are shown by: wirewatch deliveries"
        fail(f"{beginning}: {which if found else none}")
    return found[0]


def _object(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "channel": row.channel,
        "kind": row.kind,
        "rule": row.rule,
        "title": row.title,
        "state": row.state,
        "attempts": row.attempts,
        "created": row.created_at,
        "due": row.due_at,
        "held_by": row.held_by,
        "last_attempt": row.last_attempt_at,
        "sent": row.sent_at,
        "answer": row.answer,
    }


def _show(found: list[Row[Any]]) -> None:
    if not found:
        typer.echo("no deliveries", err=True)
        return
    now = datetime.now(UTC)
    show(_COLUMNS, [_row(row, now) for row in found])
    if any(row.state == "dead" for row in found):
        next_step("to send dead letters again: wirewatch deliveries retry ID, or --all")


def _row(row: Row[Any], now: datetime) -> tuple[str | Text, ...]:
    from rich.text import Text

    state = row.state
    if state in ("due", "held") and row.due_at is not None and row.due_at > now:
        state = f"{'held, ' if state == 'held' else ''}due {when(row.due_at, now)}"
    return (
        short(row.id),
        when(row.created_at, now),
        row.channel,
        row.rule or row.kind,
        Text(state, _STYLE[row.state]),
        str(row.attempts),
        row.title,
        row.answer,
    )
