"""What commands share: the ``-c`` option, mistakes, exit codes, listings.

Results go to stdout, mistakes and logs to stderr. Exit codes: 0 fine; 1 the answer is no; 2 the
operator's mistake; 78 (`run` only) a configuration the daemon cannot start with.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from monitor.config import Config
    from rules import RuleErrors

NO = 1
MISTAKE = 2
CANNOT_START = 78
TRY_LATER = 75

ConfigPath = Annotated[
    Path | None,
    typer.Option(
        "-c",
        "--config",
        help="Configuration: a directory or a file; else /etc/wirewatch, else ./wirewatch.yaml.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON Lines: one object a line.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many rows.")]


def config_path(given: Path | None) -> Path:
    """Where the configuration is; exits with a mistake where there is none."""
    found = given or usual_place()
    if found is not None:
        return found
    return fail(
        "no configuration: neither /etc/wirewatch nor ./wirewatch.yaml exists; "
        "name one with -c, or write a first one with: wirewatch init DIR"
    )


def usual_place() -> Path | None:
    """The configuration that is read when none is named; None where there is none."""
    places = (Path("/etc/wirewatch"), Path("wirewatch.yaml"))
    return next((place for place in places if place.exists()), None)


def load_config(given: Path | None, *, code: int = MISTAKE) -> Config:
    """The configuration; with mistakes in it, tells all of them and exits with ``code``."""
    from monitor.config import load
    from rules import RuleErrors

    try:
        return load(config_path(given))
    except RuleErrors as errors:
        _say_all(errors)
        raise typer.Exit(code) from None


def _say_all(errors: RuleErrors) -> None:
    """Every mistake: with its line and caret to people, as a line of priority 3 to the journal."""
    for mistake in errors.mistakes:
        typer.echo(_to_journal(mistake.headline) or str(mistake), err=True)


def _to_journal(line: str) -> str:
    return f"<3>{line}" if "JOURNAL_STREAM" in os.environ else ""


def fail(message: str, code: int = MISTAKE) -> NoReturn:
    """One unwrapped line to stderr, and the exit code."""
    typer.echo(_to_journal(message) or message, err=True)
    raise typer.Exit(code)


def print_json(rows: Iterable[Mapping[str, Any]]) -> None:
    """One object a line; nothing for none."""
    from monitor.cli.highlight import until_nobody_reads

    with until_nobody_reads():
        for row in rows:
            sys.stdout.write(json.dumps(row, ensure_ascii=False, default=_json_value) + "\n")


def _json_value(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)


def console() -> Console:
    """Where tables go: as wide as the terminal, or wide enough to cut nothing when piped."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 200, highlight=False, markup=False)


def when(at: datetime | None, now: datetime) -> str:
    """A time as people say it: ``in 4 min``, ``3 h ago``, ``-`` for never."""
    if at is None:
        return "-"
    seconds = (at - now).total_seconds()
    size = _span(abs(seconds))
    if size == "now":
        return size
    return f"in {size}" if seconds > 0 else f"{size} ago"


def due(at: datetime | None, now: datetime) -> str:
    """When something is done next; what should have been done before is due ``now``."""
    return when(at if at is None else max(at, now), now)


def _span(seconds: float) -> str:
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return "now"
