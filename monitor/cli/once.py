"""`wirewatch once`: one round, for cron and for trying out."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from monitor.cli.common import ConfigPath, due, fail, load_config
from monitor.cli.reading import database_of
from monitor.cli.status import states_told, waiting_in

if TYPE_CHECKING:
    from monitor.config import Config


def command(config: ConfigPath = None) -> None:
    """Poll what is due (a new feed at once), deliver what is due, and end with 0. Feeds and sends
    that fail are state, shown by `feeds` and `deliveries`, not an error of this command."""
    import sqlalchemy as sa

    from monitor import daemon
    from monitor.config import require_contact
    from monitor.database import DatabaseError, told
    from monitor.logs import Redactor, set_up
    from rules import RuleErrors

    checked = load_config(config)
    redact = Redactor()
    redact.learn(checked.secrets)
    set_up(checked.log_level, redact)
    try:
        require_contact(checked)
        with _progress() as left:
            asyncio.run(daemon.once(checked, redact, left))
    except RuleErrors as errors:
        fail(str(errors))
    except DatabaseError as error:
        fail(str(error))
    except sa.exc.DatabaseError as error:
        fail(str(told(error, checked.database)))
    if sys.stderr.isatty():
        _sum_up(checked, f" -c {shlex.quote(str(config))}" if config else "")


def _sum_up(config: Config, where: str) -> None:
    """What came of it and where to look, for people at a terminal."""
    now = datetime.now(UTC)
    with database_of(config) as store:
        numbers = store.numbers(now)
    sends = numbers["deliveries"]
    told = f"{sends.get('sent', 0)} alerts sent, {waiting_in(sends)} waiting"
    feeds = f"{states_told(numbers['feeds'])}, next poll {due(numbers['next_poll'], now)}"
    lines = (
        f"feeds: {feeds}; see: wirewatch feeds{where}",
        f"hits: {numbers['hits']}, {told}; see: wirewatch hits{where}",
        f"to go on for good: wirewatch run{where}",
    )
    for line in lines:
        typer.echo(line, err=True)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal: how many polls and sends of this round are over."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bars = [progress.add_task(name, total=0, visible=False) for name in ("polling", "sending")]
        most = [0, 0]

        def left(polls: int, sends: int) -> None:
            for index, count in enumerate((polls, sends)):
                most[index] = max(most[index], count)
                progress.update(
                    bars[index],
                    total=most[index],
                    completed=most[index] - count,
                    visible=most[index] > 0,
                )

        yield left
