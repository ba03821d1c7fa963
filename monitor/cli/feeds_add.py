"""`wirewatch feeds add URL`: from the address of a site to an entry in the configuration."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.asking import require_contact
from monitor.cli.common import MISTAKE, NO, AsJson, ConfigPath, fail, load_config, print_json, when
from monitor.cli.feeds_import import To, tell_next, write
from monitor.cli.listing import Column, show

if TYPE_CHECKING:
    from monitor.config import Config
    from monitor.config_added import NewFeed
    from monitor.discover import Discovery, Found

_COLUMNS = (
    Column("#", right=True),
    Column("format"),
    Column("items", right=True),
    Column("newest"),
    Column("lang"),
    Column("title"),
    Column("url", below=True),
    Column("", below=True),
)


def command(
    url: Annotated[str, typer.Argument(metavar="URL", help="A feed, or a page of a site.")],
    *,
    config: ConfigPath = None,
    name: Annotated[
        str | None, typer.Option(help="What to call it; else a name is made of its title.")
    ] = None,
    every: Annotated[
        str | None, typer.Option(help="Poll it at this interval, such as 10m or 1h.")
    ] = None,
    to: To = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Take the first feed without asking.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find the feeds of a site, show what they hold, and write the one you choose into the
    configuration. At most ten requests are made, one after the other."""
    checked = load_config(config)
    address = _address(url)
    known = _Known.of(checked)
    _require_new(address, name, every, known)
    require_contact(checked)
    discovery = asyncio.run(_discovered(checked, address, as_json=as_json))
    rows = [_Row(number, found, known) for number, found in enumerate(discovery.found, 1)]
    _show(rows, discovery, address, as_json=as_json)
    chosen = _chosen(rows, discovery, yes=yes, as_json=as_json)
    feed = _entry(chosen.found, name, every, known)
    place = write([feed], config, to)
    typer.echo(f"wrote feed '{feed.name}' to {place}", err=as_json)
    if not as_json:
        tell_next(config)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is configured: names, and names by normalised URL."""

    names: frozenset[str]
    by_url: dict[str, str]

    @classmethod
    def of(cls, config: Config) -> _Known:
        from monitor.urls import normalised

        feeds = config.feeds.values()
        return cls(frozenset(config.feeds), {normalised(feed.url): feed.name for feed in feeds})

    def name_of(self, url: str) -> str:
        """The name of the feed that has this URL, empty when none has."""
        from monitor.urls import normalised

        return self.by_url.get(normalised(url), "")


@dataclass(frozen=True, slots=True)
class _Row:
    """A feed that was found, as it is shown."""

    number: int
    found: Found
    known: _Known

    @property
    def is_known_as(self) -> str:
        return self.known.name_of(self.found.url)

    @property
    def newest(self) -> datetime | None:
        times = (item.published for item in self.found.feed.items if item.published)
        return max(times, default=None)

    @property
    def lang(self) -> str:
        counted = Counter(item.lang for item in self.found.feed.items if item.lang)
        return counted.most_common(1)[0][0] if counted else ""


def _address(written: str) -> str:
    """The URL that is meant; exits with a mistake where none is."""
    from monitor.config_values import WrongValueError, feed_url

    try:
        return feed_url(written if "://" in written else f"https://{written}")
    except WrongValueError as wrong:
        fail(f"{wrong.message}{f'; {wrong.hint}' if wrong.hint else ''}")


def _require_new(url: str, name: str | None, every: str | None, known: _Known) -> None:
    """Before anybody is asked: nothing of this is there already, or can never be."""
    from monitor.config_values import WrongValueError, word
    from monitor.config_values import every as period

    if known.name_of(url):
        fail(f"{url} is configured already: it is feed '{known.name_of(url)}'")
    if name in known.names:
        fail(f"--name {name}: there is a feed of this name already; choose another")
    try:
        if name is not None:
            word(name)
        if every is not None:
            period(every)
    except WrongValueError as wrong:
        which = "--every" if every is not None else "--name"
        fail(f"{which}: {wrong.message}{f'; {wrong.hint}' if wrong.hint else ''}")


async def _discovered(config: Config, url: str, *, as_json: bool) -> Discovery:
    from alerts.text import clean
    from monitor.discover import discover
    from monitor.probe import prober

    def tell(asked: str, what: str) -> None:
        if sys.stderr.isatty() and not as_json:
            typer.echo(f"{clean(asked)}: {clean(what)}", err=True)

    async with prober(config) as asking:
        return await discover(asking, url, tell)


def _show(rows: Sequence[_Row], discovery: Discovery, url: str, *, as_json: bool) -> None:
    from alerts.text import clean

    if as_json:
        print_json(_object(row) for row in rows)
    elif rows:
        now = datetime.now(UTC)
        show(_COLUMNS, [_cells(row, now) for row in rows])
    if not rows:
        none = f"{discovery.page}; no feed was found on its site: if you know of one, name it"
        told = sys.stderr.isatty() and not as_json and bool(discovery.problem)
        shown = "no feed was found; nothing was written"  # what went wrong stands right above it
        fail(shown if told else clean(f"{url}: {discovery.problem or none}"), NO)


def _cells(row: _Row, now: datetime) -> tuple[str, ...]:
    from monitor.discover import feed_format

    feed = row.found.feed
    known = row.is_known_as
    return (
        str(row.number),
        feed_format(feed),
        str(len(feed.items)),
        when(row.newest, now),
        row.lang or "-",
        feed.title or "-",
        row.found.url,
        f"configured already: feed '{known}'" if known else "",
    )


def _object(row: _Row) -> dict[str, Any]:
    from monitor.discover import feed_format

    feed = row.found.feed
    return {
        "url": row.found.url,
        "title": feed.title,
        "format": feed_format(feed),
        "items": len(feed.items),
        "newest_item": row.newest,
        "lang": row.lang,
        "configured_as": row.is_known_as or None,
    }


def _chosen(rows: Sequence[_Row], discovery: Discovery, *, yes: bool, as_json: bool) -> _Row:
    """The feed to write: the only one there is, the first with ``--yes``, or the operator's."""
    free = [row for row in rows if not row.is_known_as]
    if not free:
        fail("nothing to write: every feed that was found is configured already", NO)
    if yes or (not discovery.page and not as_json):
        return free[0]
    if as_json:
        raise typer.Exit
    if not sys.stdin.isatty():
        fail("nothing was written; take the first with --yes, or name the URL of another", NO)
    return _asked_for(rows, free)


def _asked_for(rows: Sequence[_Row], free: Sequence[_Row]) -> _Row:
    answer = typer.prompt("which one? 0 for none", default=str(free[0].number), err=True).strip()
    row = next((row for row in rows if str(row.number) == answer), None)
    if answer == "0":
        raise typer.Exit(NO)
    if row is None:
        fail(f"there is no number {answer[:20]!r}; nothing was written", MISTAKE)
    if row.is_known_as:
        fail(f"this is feed '{row.is_known_as}' already; nothing was written")
    return row


def _entry(found: Found, name: str | None, every: str | None, known: _Known) -> NewFeed:
    from monitor.config_added import NewFeed
    from monitor.config_opml import Titles
    from monitor.opml import Outline

    own = name or Titles(known.names).name(Outline(found.feed.title, found.url, (), 0, 0))
    return NewFeed(own, found.url, (), (("every", every),) if every else ())
