"""`wirewatch feeds test FEED`: one poll before one's eyes; nothing is stored or changed."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.asking import needs_the_service, require_contact
from monitor.cli.common import NO, AsJson, ConfigPath, fail, load_config, print_json, when
from monitor.cli.listing import next_step

if TYPE_CHECKING:
    from sqlalchemy.engine import Row

    from monitor.cli.probe_report import Report
    from monitor.config import Config, FeedConfig
    from monitor.fetch import Validators
    from monitor.probe import Probe

_INDENT = "  "


def command(
    feed: Annotated[str, typer.Argument(metavar="FEED", help="A feed's name, or any URL.")],
    *,
    config: ConfigPath = None,
    conditional: Annotated[
        bool, typer.Option("--conditional", help="Send the validators of the last poll.")
    ] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Ask although the server asked to wait.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Poll a feed once, step by step: requests, answer, what it means for the next poll, items,
    and which rules would match them. Nothing is stored. Exits with 1 where it is not a feed."""
    from monitor.cli.probe_report import Reporter
    from monitor.item import NotAFeed
    from monitor.logs import Redactor
    from monitor.schedule import DEFAULT_INTERVAL

    checked = load_config(config)
    chosen, known = _chosen(checked, feed)
    row, silent_until = _remembered(checked, chosen)
    if not anyway:
        _require_allowed(feed, row, silent_until)
    validators = _validators(feed, row) if conditional else None
    require_contact(checked)
    if needs_the_service(chosen):
        fail(f"feed '{feed}' needs a credential that only the service has; ask with wirewatchctl")
    probe = asyncio.run(_probed(checked, chosen, row, validators))
    redact = Redactor()
    redact.learn(checked.secrets)
    interval = timedelta(seconds=row.interval_s) if row is not None else DEFAULT_INTERVAL
    report = Reporter(checked, chosen, redact, interval, known=known).report(probe)
    if as_json:
        print_json([report])
    else:
        _print(report)
    if not report["ok"]:
        if isinstance(probe.parsed, NotAFeed) and not known:
            next_step(f"to look for the feeds of a site: wirewatch feeds add {shlex.quote(feed)}")
        raise typer.Exit(NO)


def _chosen(config: Config, written: str) -> tuple[FeedConfig, bool]:
    """The feed that is meant, and whether it is configured; a URL is asked as anybody would."""
    from monitor.config import FeedConfig
    from monitor.config_values import WrongValueError, feed_url, nearest

    if written in config.feeds:
        return config.feeds[written], True
    if "://" not in written and "." not in written:
        near = nearest(written, config.feeds)
        fail(f"no feed '{written}' in the configuration; {near or 'name one of it, or a URL'}")
    try:
        url = feed_url(written if "://" in written else f"https://{written}")
    except WrongValueError as wrong:
        fail(f"{wrong.message}{f'; {wrong.hint}' if wrong.hint else ''}")
    return FeedConfig("(a test)", url), False


def _remembered(config: Config, feed: FeedConfig) -> tuple[Row[Any] | None, datetime | None]:
    """What the daemon remembers of this URL, and until when its host wants no request; None where
    it does not, or we may not look."""
    import sqlalchemy as sa

    from monitor.database import HEAD, database_file, open_engine, schema_version
    from monitor.store import Store
    from monitor.urls import host_of, normalised

    file = database_file(config.database)
    try:
        if file is None or not file.exists():
            return None, None
        engine = open_engine(config.database, reader=True)
        try:
            if schema_version(engine) != HEAD:
                return None, None
            store = Store(engine)
            row = next((row for row in store.feeds() if row.url == normalised(feed.url)), None)
            host = row.host if row is not None else host_of(feed.url)
            return row, store.silent_until(host, datetime.now(UTC))
        finally:
            engine.dispose()
    except (sa.exc.SQLAlchemyError, OSError):
        return None, None


def _require_allowed(feed: str, row: Row[Any] | None, silent_until: datetime | None) -> None:
    """A request by hand is a request: what a server asked for holds for it too (A11, A15)."""
    until = row.not_before if row is not None else None
    if row is not None and until is not None and until > datetime.now(UTC):
        if row.state == "gone":
            fail(f"{feed}: the server said 410 Gone; --anyway asks all the same", NO)
        fail(
            f"{feed}: the server asked for no request before {until:%Y-%m-%d %H:%M:%S} UTC "
            f"({row.next_poll_why}); --anyway asks all the same",
            NO,
        )
    if silent_until is not None:
        fail(
            f"{feed}: its host asked for no request before {silent_until:%Y-%m-%d %H:%M:%S} UTC; "
            f"--anyway asks all the same",
            NO,
        )


def _validators(feed: str, row: Row[Any] | None) -> Validators:
    from monitor.fetch import Validators

    if row is None or row.validators_url is None:
        fail(f"{feed}: no validators are known; leave out --conditional")
    return Validators(row.validators_url, row.etag, row.last_modified)


async def _probed(
    config: Config, feed: FeedConfig, row: Row[Any] | None, validators: Validators | None
) -> Probe:
    from monitor.fetch import FetchRequest
    from monitor.probe import prober

    start = row.asked_url if row is not None else None  # where it has moved to, as the poller asks
    request = FetchRequest(feed.url, validators, feed.headers, feed.auth, start)
    async with prober(config) as asking:
        return await asking.look(request, lang=feed.lang, source=feed.source)


def _print(report: Report) -> None:
    """The report for people: a heading a step, one fact a line."""
    from monitor.cli.highlight import until_nobody_reads

    page = _Page()
    with until_nobody_reads():
        for number, hop in enumerate(report["requests"], 1):
            _print_hop(page, hop, "request" if number == 1 else "redirect")
        page.head("answer")
        page.line(f"{report['answer']} ({_seconds(report['seconds'])} in all)")
        if report["document"]:
            _print_document(page, report["document"])
        _print_next(page, report)
        page.section("problems", report["problems"])
        if report["items"]:
            page.head("items")
            for item in report["items"]:
                _print_item(page, item)
            more = report["document"]["items"] - len(report["items"])
            if more:
                page.line(f"and {more:,} more")


def _print_hop(page: _Page, hop: Report, heading: str) -> None:
    page.head(heading)
    page.line(f"GET {hop['url']}")
    for name, text in hop["sent"]:
        page.line(f"{name}: {text}", style="dim")
    if hop["status"] is None:
        return
    page.line(f"{hop['status']} after {_seconds(hop['seconds'])}", style="bold")
    for name, text in hop["received"]:
        page.line(f"{name}: {text}", style="dim")


def _print_document(page: _Page, document: Report) -> None:
    newest = document["newest_item"]
    facts = (
        f"{document['items']:,} items",
        f"newest {when(newest, datetime.now(UTC))}" if newest else "no dates",
        document["lang"] or "language unknown",
        document["charset"],
        f"{document['bytes']:,} bytes",
        f"read in {_seconds(document['parse_seconds'])}",
    )
    page.head("document")
    page.line(f"{document['format']}: {document['title'] or 'without a title'}")
    page.line(", ".join(facts))


def _print_next(page: _Page, report: Report) -> None:
    page.head("next poll")
    now, after = datetime.now(UTC), report["next_poll"]["after_seconds"]
    told = "never" if after is None else when(now + timedelta(seconds=after), now)
    page.line(f"{told}: {report['next_poll']['why']}")
    pair = report["validators"] or {}
    if pair.get("etag"):
        page.line(f"with If-None-Match: {pair['etag']}")
    if pair.get("last_modified"):
        page.line(f"with If-Modified-Since: {pair['last_modified']}")
    for hint in report["hints"]:
        page.line(hint)


def _print_item(page: _Page, item: Report) -> None:
    published = item["published"]
    told = [
        when(published, datetime.now(UTC)) if published else "no date",
        item["lang"] or "-",
        f"matched by {', '.join(item['rules'])}" if item["rules"] else "no rule matches",
    ]
    page.line(item["title"] or "(no title)", style="bold" if item["rules"] else "")
    page.line(f"{_INDENT}{', '.join(told)}", style="" if item["rules"] else "dim")
    page.line(f"{_INDENT}{item['link'] or 'no link'}", style="dim")
    page.line(f"{_INDENT}key {item['key']}", style="dim")


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


class _Page:
    """Headings and indented lines on stdout; whatever a server said is shown as one clean line."""

    def __init__(self) -> None:
        self._write = _writer()

    def head(self, text: str) -> None:
        self._write(text, "bold cyan")

    def line(self, text: str, *, style: str = "") -> None:
        from alerts.text import clean

        indent = _INDENT + text[: len(text) - len(text.lstrip(" "))]
        self._write(indent + clean(text), style)

    def section(self, heading: str, lines: Sequence[str]) -> None:
        if lines:
            self.head(heading)
        for line in lines:
            self.line(line)


def _writer() -> Callable[[str, str], None]:
    """What writes a line: in colour to a terminal, folded there; whole and plain elsewhere."""
    if not sys.stdout.isatty():
        return lambda text, _style: typer.echo(text)
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False, markup=False)

    def write(text: str, style: str) -> None:
        bare = text.lstrip(" ")
        left = len(text) - len(bare)
        console.print(Padding(Text(bare, style, overflow="fold"), (0, 0, 0, left), expand=False))

    return write
