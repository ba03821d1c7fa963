"""`wirewatch feeds release`: let go, or drop, the hits of a feed that republished its items."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import ConfigPath, fail
from monitor.cli.reading import open_store

if TYPE_CHECKING:
    from sqlalchemy.engine import Row

    from monitor.store import Store


def command(
    feed: Annotated[str, typer.Argument(help="The feed's name.")],
    config: ConfigPath = None,
    drop: Annotated[
        bool, typer.Option("--drop", help="Never send them; they stay listed by: wirewatch hits.")
    ] = False,
) -> None:
    """Send now what is held since a feed republished its items, as one digest for each rule and
    channel, or drop it. If you do neither, it is sent two hours after it was held."""
    with open_store(config, write=True) as (_, store):
        row = _feed(store, feed)
        count = _end(store, row, datetime.now(UTC), drop=drop)
    if not count:
        typer.echo(f"nothing is held for feed '{feed}'")
        return
    end = "dropped" if drop else "sent now; watch them with: wirewatch deliveries"
    typer.echo(f"{_hits(count)} of feed '{feed}' {'is' if count == 1 else 'are'} {end}")


def _feed(store: Store, name: str) -> Row[Any]:
    found = [row for row in store.feeds() if row.name == name]
    if not found:
        fail(f"no feed '{name}'; all of them: wirewatch feeds")
    return next((row for row in found if row.active), found[0])


def _end(store: Store, row: Row[Any], now: datetime, *, drop: bool) -> int:
    """End the hold and leave a trace of who ended it; how many hits were held."""
    with store.transaction():
        count = store.drop_held(row.id) if drop else store.release_held(row.id, now)
        if count:
            what = "dropped" if drop else "released"
            message = f"{_hits(count)} held for feed '{row.name}' {what} by an operator"
            store.add_event(f"held_{what}", row.name, message, now)
        return count


def _hits(count: int) -> str:
    return f"{count} {'hit' if count == 1 else 'hits'}"
