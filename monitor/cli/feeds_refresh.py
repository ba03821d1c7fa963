"""`wirewatch feeds refresh`: poll a feed as soon as its server may be asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import NO, ConfigPath, fail, when
from monitor.cli.feeds import chosen
from monitor.cli.reading import open_store

if TYPE_CHECKING:
    from sqlalchemy.engine import Row

_WHY = "asked for by an operator"


def command(
    feed: Annotated[str, typer.Argument(help="The feed's name.")],
    config: ConfigPath = None,
) -> None:
    """Poll a feed as soon as politeness allows, which is not before what its server asked for."""
    now = datetime.now(UTC)
    with open_store(config, write=True) as (_, store):
        row = chosen(store.feeds(), [feed], everything=True)[0]
        if not row.active:
            fail(f"feed '{feed}' is not in the configuration any more", NO)
        if row.state == "gone":
            fail(f"feed '{feed}' is gone; try it again with: wirewatch feeds revive {feed}", NO)
        at = _soonest(row, now)
        if at < row.next_poll_at:
            store.poll_at(row.id, at, _WHY)
        at = max(min(at, row.next_poll_at), store.blocked_hosts(now).get(row.host, now))
    soon = "now" if at <= now else when(at, now)
    late = "" if at <= now else ", the soonest that its server may be asked"
    typer.echo(f"feed '{feed}' is polled {soon}{late}; see: wirewatch feeds {feed}")


def _soonest(row: Row[Any], now: datetime) -> datetime:
    from monitor.schedule import asked_for
    from monitor.store.feeds import rhythm_of

    return asked_for(rhythm_of(row, row.every_s), row.last_request_at, row.not_before, now)
