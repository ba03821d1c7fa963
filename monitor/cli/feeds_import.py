"""`wirewatch feeds import FILE.opml`: the feeds of a reader's list, into the configuration."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.common import NO, ConfigPath, config_path, fail, load_config

if TYPE_CHECKING:
    from monitor.config import Config
    from monitor.config_added import NewFeed
    from monitor.opml import Outline
    from rules import Mistake

_MOST_TOLD = 20

To = Annotated[
    Path | None,
    typer.Option(
        "--to",
        metavar="FILE",
        help="The YAML file to write to; else feeds/added.yaml, or the file given by -c.",
        show_default=False,
    ),
]


_EMPTY = "no feeds in it; a feed itself, or a site, is added by: wirewatch feeds add URL"


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE.opml", show_default=False)],
    config: ConfigPath = None,
    to: To = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be written.")
    ] = False,
) -> None:
    """Write the feeds of an OPML file into the configuration; its folders become tags. What is
    configured already is passed over, and files that are not quite XML are read all the same."""
    from monitor.config_opml import read_outlines

    checked = load_config(config)
    found = read_outlines(file)
    if found.mistakes:
        fail(found.mistakes[0].headline)
    chosen = chosen_of(found.feeds, checked, str(file))
    _tell([*(replace(warning, hint="") for warning in found.warnings), *chosen.left_out])
    if dry_run:
        _show(chosen)
    elif chosen.feeds:
        _write(chosen, config, to)
    else:
        typer.echo(f"nothing to write: {_others(chosen) or _EMPTY}")
    if chosen.left_out and not (chosen.feeds or chosen.known):
        raise typer.Exit(NO)


@dataclass(slots=True)
class Chosen:
    """What becomes of the outlines of a file. ``known``: how many are configured already, or twice
    in the file; ``left_out``: those that cannot be used, each with its place and why."""

    feeds: list[NewFeed] = field(default_factory=list)
    known: int = 0
    left_out: list[Mistake] = field(default_factory=list)


def chosen_of(outlines: Iterable[Outline], config: Config, file: str) -> Chosen:
    """The feeds that are new to the configuration, named as nothing in it is."""
    from monitor.config_added import NewFeed
    from monitor.config_opml import Titles, settings_of
    from monitor.config_values import WrongValueError, feed_url
    from monitor.urls import normalised
    from rules import Mistake

    chosen = Chosen()
    urls = {normalised(feed.url) for feed in config.feeds.values()}
    names = set(config.feeds)
    titles = Titles(names)
    for outline in outlines:
        try:
            url = feed_url(outline.url)
            key = normalised(url)
            settings_of(outline)
        except WrongValueError as wrong:
            place = (file, outline.line, outline.column)
            chosen.left_out.append(Mistake(f"left out: {wrong.message}", wrong.hint, *place))
            continue
        if key in urls:
            chosen.known += 1
            continue
        urls.add(key)
        name = titles.name(outline)
        names.add(name)
        chosen.feeds.append(NewFeed(name, url, outline.tags, outline.settings))
    return chosen


def _tell(mistakes: list[Mistake]) -> None:
    for mistake in mistakes[:_MOST_TOLD]:
        typer.echo(mistake.headline, err=True)
    if len(mistakes) > _MOST_TOLD:
        typer.echo(f"and {len(mistakes) - _MOST_TOLD:,} more like these", err=True)


def _others(chosen: Chosen) -> str:
    parts = (
        f"{chosen.known:,} configured already" if chosen.known else "",
        f"{len(chosen.left_out):,} left out" if chosen.left_out else "",
    )
    return ", ".join(filter(None, parts))


def _count(chosen: Chosen) -> str:
    return "1 feed" if len(chosen.feeds) == 1 else f"{len(chosen.feeds):,} feeds"


def _show(chosen: Chosen) -> None:
    from monitor.config_added import as_yaml

    if chosen.feeds:
        typer.echo(as_yaml(chosen.feeds), nl=False)
    rest = _others(chosen)
    typer.echo(f"{_count(chosen)} would be written{f'; {rest}' if rest else ''}", err=True)


def _write(chosen: Chosen, config: Path | None, to: Path | None) -> None:
    rest = _others(chosen)
    place = write(chosen.feeds, config, to)
    typer.echo(f"wrote {_count(chosen)} to {place}{f'; {rest}' if rest else ''}")
    tell_next(config)


def write(feeds: list[NewFeed], config: Path | None, to: Path | None) -> Path:
    """Add the feeds to the configuration; exits with a mistake, and all as it was, where that
    cannot be done. Where they are now."""
    from monitor.config_added import CannotAddError, add, place_for

    directory = config_path(config)
    place = place_for(directory, to)
    try:
        add(directory, place, feeds)
    except CannotAddError as error:
        fail(str(error))
    return place


def tell_next(config: Path | None) -> None:
    """How what was written comes into force."""
    where = f" -c {shlex.quote(str(config))}" if config else ""
    typer.echo(f"next: systemctl reload wirewatch, or try it with: wirewatch once{where}")
