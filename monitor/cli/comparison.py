"""Two opinions about stored items, item by item: which hits were gained and which were lost.

An opinion is what the database's hits say, or what a rule set finds now. Items come newest first,
a page at a time, so that a million of them cost no more memory than a page.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from rules import Document, RuleSet, Span

if TYPE_CHECKING:
    from sqlalchemy.engine import Row

    from monitor.store import Store

PAGE = 500


@dataclass(frozen=True, slots=True)
class Words:
    """Why a rule hit: spans of the title and other fields, and pieces of text with spans of their
    own where only these were kept."""

    spans: tuple[Span, ...] = ()
    pieces: tuple[tuple[str, str, tuple[Span, ...]], ...] = ()


class Opinion(Protocol):
    """Which rules hit which items."""

    def hits(self, rows: Sequence[Row[Any]]) -> Sequence[Collection[str]]:
        """Per item the names of the rules that hit it."""
        ...

    def words(self, rule: str, row: Row[Any]) -> Words:
        """Why this rule hits this item."""
        ...


class Stored:
    """What was hit, as the database has it. ``wanted`` says of which rules."""

    def __init__(self, store: Store, wanted: Callable[[str], bool]) -> None:
        self._store = store
        self._wanted = wanted

    def hits(self, rows: Sequence[Row[Any]]) -> Sequence[Collection[str]]:
        """Per item the names of the rules that hit it."""
        found: dict[str, set[str]] = {row.id: set() for row in rows}
        for item_id, rule in self._store.rules_hit(found):
            if self._wanted(rule):
                found[item_id].add(rule)
        return list(found.values())

    def words(self, rule: str, row: Row[Any]) -> Words:
        """Why this rule hit this item then."""
        hit = self._store.hit_of(row.id, rule)
        if hit is None:  # forgotten meanwhile
            return Words()
        match = json.loads(hit.match)
        changed = row.edited_at is not None and row.edited_at > hit.at
        spans = () if changed else tuple(Span(**span) for span in match["spans"])
        pieces = [
            (piece["field"], piece["text"], tuple(_within(piece))) for piece in match["excerpts"]
        ]
        return Words(spans, tuple(pieces))


def _within(piece: Mapping[str, Any]) -> Iterator[Span]:
    for span in piece["spans"]:
        yield Span(piece["field"], span["start"], span["end"], span["term"])


class Compiled:
    """What a rule set finds now. ``ends`` of rules: items first seen later are none of theirs."""

    def __init__(
        self,
        ruleset: RuleSet,
        document: Callable[[Row[Any]], Document],
        ends: Mapping[str, datetime],
    ) -> None:
        self._ruleset = ruleset
        self._document = document
        self._ends = ends

    def hits(self, rows: Sequence[Row[Any]]) -> Sequence[Collection[str]]:
        """Per item the names of the rules that hit it."""
        return [self._hit(row) for row in rows]

    def _hit(self, row: Row[Any]) -> Collection[str]:
        found = (match.rule for match in self._ruleset.match(self._document(row)))
        return {rule for rule in found if not self._had_ended(rule, row)}

    def _had_ended(self, rule: str, row: Row[Any]) -> bool:
        return rule in self._ends and self._ends[rule] <= row.first_seen_at

    def words(self, rule: str, row: Row[Any]) -> Words:
        """Why this rule hits this item."""
        return Words(self._ruleset.why(rule, self._document(row)).spans)


@dataclass(slots=True)
class Tally:
    """What was counted for one rule: hits a day before and after, and the ids of the items it
    gained and lost, of which the newest are kept."""

    before: Counter[date] = field(default_factory=Counter)
    after: Counter[date] = field(default_factory=Counter)
    gained: int = 0
    lost: int = 0
    newest_gained: list[str] = field(default_factory=list)
    newest_lost: list[str] = field(default_factory=list)


class Comparison:
    """Counts what two opinions say; ``keep`` of the newest items are remembered a rule.

    ``first_day`` is that of the oldest item looked at.
    """

    def __init__(self, before: Opinion, after: Opinion, zone: ZoneInfo, keep: int) -> None:
        self.tallies: dict[str, Tally] = {}
        self.first_day: date | None = None
        self._before, self._after = before, after
        self._zone = zone
        self._keep = keep

    def add(self, rows: Sequence[Row[Any]]) -> None:
        """Count a page of items, none of them newer than those counted before."""
        pairs = zip(self._before.hits(rows), self._after.hits(rows), strict=True)
        if rows:
            self.first_day = self._day(rows[-1])
        for row, (before, after) in zip(rows, pairs, strict=True):
            if before or after:
                self._count(row, before, after)

    def _count(self, row: Row[Any], before: Collection[str], after: Collection[str]) -> None:
        day = self._day(row)
        for rule in {*before, *after}:
            tally = self.tallies.setdefault(rule, Tally())
            tally.before[day] += rule in before
            tally.after[day] += rule in after
            if rule not in before:
                tally.gained += 1
                self._remember(tally.newest_gained, row)
            elif rule not in after:
                tally.lost += 1
                self._remember(tally.newest_lost, row)

    def _day(self, row: Row[Any]) -> date:
        seen: datetime = row.first_seen_at
        return seen.astimezone(self._zone).date()

    def _remember(self, newest: list[str], row: Row[Any]) -> None:
        if len(newest) < self._keep:
            newest.append(row.id)


def pages(store: Store, since: datetime, until: datetime) -> Iterator[Sequence[Row[Any]]]:
    """The items first seen then, newest first."""
    page = store.items_between(since, until, PAGE)
    while page:
        yield page
        page = store.items_between(since, until, PAGE, before=page[-1])


class Charts(NamedTuple):
    """Two rows of bars of one scale, the highest of each, and how many days a bar adds up."""

    before: str
    after: str
    most_before: int
    most_after: int
    days: int


def charts(before: Sequence[int], after: Sequence[int], width: int) -> Charts:
    """Counts a day as bars, at most ``width`` of them. Whatever is not nothing shows."""
    size = -(-len(before) // width) or 1
    old, new = _added(before, size), _added(after, size)
    highest = max([*old, *new], default=0)
    tops = max(old, default=0), max(new, default=0)
    return Charts(_bars(old, highest), _bars(new, highest), *tops, size)


def _added(counts: Sequence[int], size: int) -> list[int]:
    return [sum(counts[start : start + size]) for start in range(0, len(counts), size)]


def _bars(counts: Sequence[int], full: int) -> str:
    return "".join("·" if not one else _BARS[-(-one * len(_BARS) // full) - 1] for one in counts)


_BARS = "▁▂▃▄▅▆▇█"
