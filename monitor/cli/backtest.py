"""`wirewatch backtest`: what rules would have hit among the stored items, and what changes by it.

What is compared. A FILE of rules on trial is compared with the configuration's rules of the same
names, expression against expression. Without one, the configuration's rules are compared with the
hits in the database, which tell what was in force when each item came. Chose this, instead of
asking the running daemon for its rules, because hits are what people were told by, and because it
works while nothing runs.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from monitor.cli.common import MISTAKE, AsJson, ConfigPath, Limit, fail, print_json
from monitor.cli.highlight import Ink, Paper, excerpts, headline, pieces, until_nobody_reads
from monitor.cli.reading import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from sqlalchemy.engine import Row

    from monitor.cli.comparison import Comparison, Opinion, Tally
    from monitor.config import Config
    from monitor.store import Store
    from rules import Document, RuleErrors, RuleSet

_MOST_RULES = 20
_NARROWEST_CHART, _WIDEST_CHART = 8, 60  # bars
_BESIDE_CHART = 34  # columns that its name and its highest bar take


def command(
    target: Annotated[
        str | None,
        typer.Argument(metavar="[RULE|FILE]", help="A rule's name, or YAML with rules on trial."),
    ] = None,
    config: ConfigPath = None,
    since: Annotated[str, typer.Option(help="How far back: 30d, or a day: 2026-11-01.")] = "30d",
    limit: Limit = 10,
    as_json: AsJson = False,
) -> None:
    """Run rules over the stored items and show what changes: hits gained (+), hits lost (-), hits
    a day, the newest of each.

    A FILE, or a directory with *.yaml below it, is compared with the configuration's rules of the
    same names. A RULE, or without anything all rules, are compared with the hits that are stored,
    so with what was in force when each item came.
    """
    with until_nobody_reads(), open_store(config) as (checked, store):
        until = now()
        start = _since(since, until, checked.timezone)
        trial = _trial(checked, store, target)
        comparison = _compare(store, trial, (start, until), checked.timezone, limit)
        report = _Report(store, trial, comparison, (start, until), checked.timezone)
        if as_json:
            print_json(report.objects())
        else:
            report.show(store.count_items(start, until), always=target in trial.names)


def now() -> datetime:
    """Until when items are looked at."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Trial:
    """Two opinions, the names they are about, and how an item's row is read."""

    names: Sequence[str]
    before: Opinion
    after: Opinion
    document: Callable[[Row[Any]], Document]


def _since(text: str, until: datetime, zone: ZoneInfo) -> datetime:
    from monitor.config_values import WrongValueError, period, shown

    try:
        if re.match(r"\d{4}-", text, re.ASCII):
            start = datetime.fromisoformat(text)
            return (start if start.tzinfo else start.replace(tzinfo=zone)).astimezone(UTC)
        return until - period(text)
    except (WrongValueError, ValueError, OverflowError):
        fail(f"--since {shown(text)}: write a period such as 30d, or a day such as 2026-11-01")


def _trial(config: Config, store: Store, target: str | None) -> _Trial:
    """What is compared with what."""
    from monitor.cli.stored import reader_of
    from rules import RuleErrors

    document = reader_of(config, store.feeds())
    if target is None:
        return _of_all(config, store, document)
    if target in config.rules:
        return _of_rule(config, store, document, target)
    path = Path(target)
    if not path.exists():
        _tell_no_target(config, target)
    try:
        return _of_file(config, document, path)
    except RuleErrors as errors:
        _refuse(errors)


def _tell_no_target(config: Config, target: str) -> NoReturn:
    from monitor.config_values import nearest, shown

    hint = nearest(target, config.rules) or "rules are shown by: wirewatch check"
    fail(f"no rule and no file is called '{shown(target)}'; {hint}")


def _refuse(errors: RuleErrors) -> NoReturn:
    for mistake in errors.mistakes:
        typer.echo(str(mistake), err=True)
    raise typer.Exit(MISTAKE)


def _of_all(config: Config, store: Store, document: Callable[[Row[Any]], Document]) -> _Trial:
    """All enabled rules against the hits; hits of rules that are no more count as lost."""
    from monitor.cli.comparison import Compiled, Stored

    off = {name for name, rule in config.rules.items() if not rule.enabled}
    before = Stored(store, lambda rule: rule not in off)
    after = Compiled(config.ruleset, document, _ends(config))
    return _Trial(tuple(config.ruleset), before, after, document)


def _of_rule(
    config: Config, store: Store, document: Callable[[Row[Any]], Document], name: str
) -> _Trial:
    """One rule, enabled or not, against its hits."""
    from monitor.cli.comparison import Compiled, Stored
    from rules import RuleErrors, compile_rules

    try:
        ruleset = compile_rules({name: config.rules[name].expression}, config.terms)
    except RuleErrors as errors:  # what is not enabled was not compiled before
        _refuse(errors)
    after = Compiled(ruleset, document, _ends(config))
    return _Trial((name,), Stored(store, lambda rule: rule == name), after, document)


def _of_file(config: Config, document: Callable[[Row[Any]], Document], path: Path) -> _Trial:
    """Rules on trial against those of the same names.

    Raises:
        RuleErrors: with every mistake of the file.
    """
    from monitor.cli.candidate import read_candidate
    from monitor.cli.comparison import Compiled

    candidate = read_candidate(path, config)
    if not candidate.names:
        fail(f"{path}: no rules and no groups in it")
    before = Compiled(_some(config.ruleset, candidate.names), document, {})
    names = tuple(sorted(candidate.names))
    return _Trial(names, before, Compiled(candidate.ruleset, document, {}), document)


def _some(ruleset: RuleSet, names: frozenset[str]) -> RuleSet:
    from rules import compile_rules

    expressions = {name: text for name, text in ruleset.expressions.items() if name in names}
    return compile_rules(expressions, ruleset.terms)


def _ends(config: Config) -> dict[str, datetime]:
    return {name: rule.until for name, rule in config.rules.items() if rule.until}


def _compare(
    store: Store, trial: _Trial, between: tuple[datetime, datetime], zone: ZoneInfo, keep: int
) -> Comparison:
    from monitor.cli.comparison import Comparison, pages

    comparison = Comparison(trial.before, trial.after, zone, keep)
    with _progress(store, between) as advance:
        for page in pages(store, *between):
            comparison.add(page)
            advance(len(page))
    return comparison


@contextmanager
def _progress(
    store: Store, between: tuple[datetime, datetime]
) -> Iterator[Callable[[int], object]]:
    """A bar on stderr where somebody looks."""
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = "items", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("items", total=store.count_items(*between))
        yield lambda count: progress.advance(task, count)


class _Report:
    """What a comparison comes to. Items are read again where they are shown, so nothing of them
    need be kept until then."""

    def __init__(
        self,
        store: Store,
        trial: _Trial,
        comparison: Comparison,
        between: tuple[datetime, datetime],
        zone: ZoneInfo,
    ) -> None:
        self._store = store
        self._trial = trial
        self._tallies = comparison.tallies
        self._first = comparison.first_day or between[0].date()
        self._since, self._until = (moment.astimezone(zone) for moment in between)
        self._zone = zone
        self._paper = Paper()

    def objects(self) -> Iterator[dict[str, Any]]:
        """One object a rule, also for those that hit nothing."""
        from monitor.cli.comparison import Tally

        for rule in dict.fromkeys([*self._trial.names, *sorted(self._tallies)]):
            tally = self._tallies.get(rule) or Tally()
            yield {
                "rule": rule,
                "before": tally.before.total(),
                "after": tally.after.total(),
                "gained": tally.gained,
                "lost": tally.lost,
                "days": [
                    {"day": str(day), "before": tally.before[day], "after": tally.after[day]}
                    for day in sorted(tally.before.keys() | tally.after.keys())
                ],
                "newest_gained": list(self._items(rule, tally.newest_gained, self._trial.after)),
                "newest_lost": list(self._items(rule, tally.newest_lost, self._trial.before)),
            }

    def _items(self, rule: str, ids: Sequence[str], opinion: Opinion) -> Iterator[dict[str, Any]]:
        for row, document in self._rows(ids):
            words = opinion.words(rule, row)
            yield {
                "id": row.id,
                "title": row.title,
                "url": row.url,
                "feed": document.feed,
                "first_seen": row.first_seen_at,
                "spans": [span._asdict() for span in words.spans],
            }

    def _rows(self, ids: Sequence[str]) -> Iterator[tuple[Row[Any], Document]]:
        rows = self._store.items(ids)
        for row in (rows[item_id] for item_id in ids if item_id in rows):
            yield row, self._trial.document(row)

    def show(self, items: int, *, always: bool) -> None:
        """The rules that change most, each with what it gains and loses."""
        changed = {
            name: tally for name, tally in self._tallies.items() if tally.gained + tally.lost
        }
        shown = self._tallies if always else changed
        ordered = sorted(shown.items(), key=lambda pair: (-pair[1].gained - pair[1].lost, pair[0]))
        for rule, tally in ordered[:_MOST_RULES]:
            self._show_rule(rule, tally)
        if len(ordered) > _MOST_RULES:
            more = len(ordered) - _MOST_RULES
            self._paper.line(
                Ink(f"and {_many(more, 'more rule')} that change less: --json has all")
            )
        self._paper.paragraph(0, Ink(self._summary(items, changed.values()), "name"), hang=0)

    def _summary(self, items: int, changed: Iterable[Tally]) -> str:
        tallies = list(changed)
        names = {*self._trial.names, *self._tallies}
        since = f"{self._since:%Y-%m-%d %H:%M %Z}"
        told = f"{_many(len(names), 'rule')} on {_many(items, 'item')} since {since}"
        if not tallies:
            return f"{told}: nothing changes"
        gained, lost = sum(t.gained for t in tallies), sum(t.lost for t in tallies)
        return f"{told}: {_many(len(tallies), 'rule')} changed, {gained} gained, {lost} lost"

    def _show_rule(self, rule: str, tally: Tally) -> None:

        gone = "" if rule in self._trial.names else " (no longer in the configuration)"
        hits = f"{_many(tally.before.total(), 'hit')} before, {tally.after.total()} after"
        told = f"{gone}: {hits}: {tally.gained} gained, {tally.lost} lost"
        self._paper.paragraph(0, Ink(rule, "name"), Ink(told))
        self._show_chart(tally)
        self._show_items(rule, tally.newest_gained, tally.gained, Ink("+ ", "true"))
        self._show_items(rule, tally.newest_lost, tally.lost, Ink("- ", "false"))

    def _show_chart(self, tally: Tally) -> None:
        from monitor.cli.comparison import charts

        days = list(_days(max(self._since.date(), self._first), self._until.date()))
        room = self._paper.width - _BESIDE_CHART
        width = max(_NARROWEST_CHART, min(_WIDEST_CHART, room))
        before, after = ([of[day] for day in days] for of in (tally.before, tally.after))
        chart = charts(before, after, width)
        per = "a day" if chart.days == 1 else f"in {chart.days} days"
        most = f" at most {chart.most_before} {per}", f" at most {chart.most_after} {per}"
        self._paper.line(Ink("  before "), Ink(chart.before, "aside"), Ink(most[0]))
        self._paper.line(Ink("  after  "), Ink(chart.after, "aside"), Ink(most[1]))

    def _show_items(self, rule: str, ids: Sequence[str], count: int, sign: Ink) -> None:
        opinion = self._trial.after if sign.style == "true" else self._trial.before
        for row, document in self._rows(ids):
            at = f"{row.first_seen_at.astimezone(self._zone):%Y-%m-%d %H:%M} {document.feed}  "
            words = opinion.words(rule, row)
            self._paper.paragraph(2, sign, Ink(at, "aside"), *headline(document, words.spans))
            for name, shown in pieces(words.pieces) or excerpts(document, words.spans):
                self._paper.paragraph(6, Ink(f"{name}: ", "aside"), *shown)
        if count > len(ids):
            self._paper.paragraph(2, sign, Ink(f"and {count - len(ids)} older", "aside"))


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
