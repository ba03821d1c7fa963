"""`wirewatch feeds revive`: poll a feed again that had said it is gone for good."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from monitor.cli.common import NO, ConfigPath, fail
from monitor.cli.feeds import chosen
from monitor.cli.reading import open_store


def command(
    feed: Annotated[str, typer.Argument(help="The feed's name.")],
    config: ConfigPath = None,
) -> None:
    """Poll a feed again that answered 410 Gone, for which it is not polled any more."""
    with open_store(config, write=True) as (_, store):
        row = chosen(store.feeds(), [feed], everything=True)[0]
        if not row.active:
            fail(f"feed '{feed}' is not in the configuration any more", NO)
        if row.state != "gone":
            fail(f"feed '{feed}' is not gone, it is {row.state}: wirewatch feeds {feed}", NO)
        now = datetime.now(UTC)
        with store.transaction():
            store.revive_feed(row.id, now)
            message = f"feed '{feed}' revived by an operator"
            store.add_event("feed_revived", feed, message, now)
    typer.echo(f"feed '{feed}' is polled again; see how it does with: wirewatch feeds {feed}")
