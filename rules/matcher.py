"""Many rules matched at once: the cost follows the text, hardly the number of rules.

A document is folded once into a stream (`rules.stream`); one automaton finds the literals of all
rules in it; what is found leads to the few rules that need it; only these are evaluated, and the
oracle is asked only about terms that no literal decides.

A matcher is a list of *segments*, each compiled once and never changed. Changed rules come as a
small new segment, and the rules they replace are struck out of the older ones; segments of like
size are joined, so there are never many.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from operator import itemgetter
from typing import Any

import ahocorasick_rs

from rules import text as words
from rules.compiled import ALWAYS, Facts, Plan, leads, needs, plan_of
from rules.document import Document
from rules.expression import (
    ANYWHERE,
    Node,
    Pattern,
    Reading,
    Whole,
    holds,
    raw_values,
)
from rules.lookup import Expressions, Stems, Values
from rules.stream import BORDER, Stream, join, stream

_MANY = 96  # numbers in a row; where there are more, they are kept by their second fact
_JOINED_WHEN = 4  # a segment is joined with the one before when that is not so many times larger
_LONG_WORD = 64  # longer ones have no stem but their normal form
_FARTHER = ("author", "url", "source")


class Item:
    """A document being matched: its stream is made once, its words are cut when asked for."""

    __slots__ = ("_farther", "_reading", "_stems", "_stream", "document")

    def __init__(self, document: Document) -> None:
        self.document = document
        self._reading: Reading | None = None
        self._stream: Stream | None = None
        self._farther: Stream | None = None
        self._stems: dict[tuple[str, ...], frozenset[str]] = {}

    @property
    def lang(self) -> str:
        """The language, as stemmers are named."""
        return words.language(self.document.lang)

    @property
    def reading(self) -> Reading:
        """The document as the oracle reads it."""
        if self._reading is None:
            self._reading = Reading(self.document)
        return self._reading

    @property
    def stream(self) -> Stream:
        """Title, summary and content."""
        if self._stream is None:
            document = self.document
            self._stream = _stream_of(document.title, document.summary, document.content)
        return self._stream

    @property
    def farther(self) -> Stream:
        """The other fields of words."""
        if self._farther is None:
            document = self.document
            self._farther = _stream_of(document.author, document.url, document.source)
        return self._farther

    def stems(self, names: tuple[str, ...]) -> frozenset[str]:
        """The stems of all words of some fields; each word is asked for once."""
        found = self._stems.get(names)
        if found is None:
            fields = (getattr(self.document, name) for name in names)
            flat, _ = words.flatten("\n".join(filter(None, fields)))
            surfaces = set(words.word_pattern().findall(flat))
            long = {one for one in surfaces if len(one) > _LONG_WORD}  # not to be remembered
            stems = map(words.stem, surfaces - long, repeat(self.lang))
            found = frozenset(chain(stems, map(words.normal, long)))
            if "" in found and not any(
                words.normal(one) and not words.stem(one, self.lang) for one in surfaces - long
            ):
                found -= {""}  # of what is no word because nothing of it is left
            self._stems[names] = found
        return found


def _stream_of(first: str, second: str, third: str) -> Stream:
    """Three fields in one stream; empty ones at the end need no border."""
    return stream(
        join((first, second, third) if third else (first, second) if second else (first,))
    )


class Segment:
    """Some rules compiled, in flat tables of numbers.

    ``_leads`` holds a row for each fact: how many numbers follow, then three by three a second
    fact that must be there, a third that may not be, and a *code*: the index of the rule that is
    true then, or ``~number`` of the one of ``_plans`` that has to be looked at. ``_row`` says
    where the row of a fact begins, 0 for none; facts below 0 count from its end, as indexes do.
    ``_many`` has the facts that lead to many rules. ``always`` are the rules that must be
    evaluated on every item.
    """

    def __init__(self, names: Iterable[str], numbers: Sequence[int], nodes: Iterable[Node]) -> None:
        """Compile rules, each with its number: matches come in the order of the numbers."""
        facts = Facts()
        self.names = tuple(names)
        self.numbers = numbers
        self._nodes = tuple(nodes)
        self._plans: list[tuple[int, Plan]] = []
        rows: dict[int, array[int]] = {}
        always: list[int] = []
        for index, node in enumerate(self._nodes):
            plan = plan_of(node, facts)
            if not plan.every:
                always.append(index)
                need = needs(plan, facts, patterns=True)
                plan = plan._replace(every=() if need is None else (need,))
            first, second, never, left = leads(plan, facts)
            code = index
            if left is not None:
                code = ~len(self._plans)
                self._plans.append((index, left))
            for fact in first:
                row = rows.get(fact)
                if row is None:
                    row = rows[fact] = array("i")
                for guard in second:
                    row.extend((guard, never, code))
        self.always = tuple(always)
        self._keep_rows(rows, facts)
        self._keep(facts)

    def _keep_rows(self, rows: dict[int, array[int]], facts: Facts) -> None:
        self._row = array("i", bytes(4 * facts.count))
        self._leads = array("i", (0,))
        self._many: dict[int, dict[int, tuple[int, ...]]] = {}
        for fact, row in rows.items():
            if len(row) > _MANY:
                self._many[fact] = _by_guard(row)
            else:
                self._row[fact] = len(self._leads)
                self._leads.append(len(row))
                self._leads.extend(row)

    @cached_property
    def index(self) -> dict[str, int]:
        """Where each rule stands; only a change of rules asks."""
        return {name: index for index, name in enumerate(self.names)}

    def _keep(self, facts: Facts) -> None:
        self._automaton: Any = ahocorasick_rs.BytesAhoCorasick(
            list(facts.literals), implementation=ahocorasick_rs.Implementation.ContiguousNFA
        )
        self._in_field: dict[int, dict[str, int]] = {}
        for (literal, name), fact in facts.in_field.items():
            self._in_field.setdefault(literal, {})[name] = fact
        self._farther = any(name in _FARTHER for _, name in facts.in_field)
        self._spaceless = facts.spaceless
        self._found_only = facts.found
        values: dict[str, list[tuple[Whole | Pattern, int]]] = {}
        for (name, leaf), fact in facts.values.items():
            values.setdefault(name, []).append((leaf, fact))
        self._values = {name: Values(leaves) for name, leaves in values.items()}
        self._stems = [
            (names, Stems(surfaces))
            for names, surfaces in (
                (ANYWHERE, {word: fact for (word, near), fact in facts.stems.items() if near}),
                (_FARTHER, {word: fact for (word, near), fact in facts.stems.items() if not near}),
            )
            if surfaces
        ]
        self._expressions = Expressions.all(facts.patterns)

    def __len__(self) -> int:
        return len(self.names)

    def rules(self, struck: frozenset[int]) -> Iterator[tuple[str, int, Node]]:
        """The rules it was made from, but for those struck out."""
        for index, name in enumerate(self.names):
            if index not in struck:
                yield name, self.numbers[index], self._nodes[index]

    def match(self, item: Item, struck: frozenset[int]) -> list[int]:
        """The rules that are true of the item, in order, but for those struck out."""
        facts = self._facts(item)
        codes = self._codes(facts)
        asked = [code for code in codes if code < 0]
        if asked:
            codes.difference_update(asked)
            plans, reading = self._plans, item.reading
            for code in asked:
                index, plan = plans[~code]
                if plan.holds(facts, reading):
                    codes.add(index)
        return sorted(codes - struck if struck else codes)

    def _codes(self, facts: set[int]) -> set[int]:
        """What the facts lead to."""
        codes = set[int]()
        rows, leads = self._row, self._leads
        for fact in facts:
            row = rows[fact]
            if row:  # by index: slices and zip() take longer for rows as short as most are
                for at in range(row + 1, row + leads[row], 3):
                    if leads[at] in facts and leads[at + 1] not in facts:
                        codes.add(leads[at + 2])
        for fact in facts & self._many.keys():
            by_guard = self._many[fact]
            for guard in by_guard.keys() & facts:
                numbers = by_guard[guard]
                for at in range(0, len(numbers), 2):
                    if numbers[at] not in facts:
                        codes.add(numbers[at + 1])
        return codes

    def _facts(self, item: Item) -> set[int]:
        """Everything that is there of what the rules look for."""
        data, found_is_there = item.stream
        found = self._automaton.find_matches_as_indexes(data, overlapping=True)
        facts = {one[0] for one in found}
        facts.add(ALWAYS)
        if not self._in_field.keys().isdisjoint(facts):
            facts.update(self._fielded(found, data, ANYWHERE))
        if self._farther:
            found_is_there &= item.farther.found_is_there
            data = item.farther.data
            found = self._automaton.find_matches_as_indexes(data, overlapping=True)
            facts.update(self._fielded(found, data, _FARTHER))
        if not found_is_there:
            gone = self._not_there(facts, item.reading)
            facts.difference_update(gone)
            facts.update(self._found_only[fact] for fact in gone if fact in self._found_only)
        for name, values in self._values.items():
            for raw in raw_values(item.document, name):
                facts.update(values.facts(raw))
        for names, stems in self._stems:
            if stems.are_in(item.lang):
                facts.update(stems.facts(item.stems(names), item.lang))
        for expressions in self._expressions:
            facts.update(expressions.facts(item.reading))
        return facts

    def _fielded(
        self, found: Iterable[tuple[int, int, int]], data: bytes, fields: tuple[str, ...]
    ) -> Iterator[int]:
        first, second = _borders(data)
        for literal, start, _ in found:
            by_field = self._in_field.get(literal)
            if by_field:
                fact = by_field.get(fields[(start >= first) + (start >= second)])
                if fact is not None:
                    yield fact

    def _not_there(self, facts: set[int], reading: Reading) -> list[int]:
        """Literals that were found where their words are not."""
        return [
            fact
            for fact in facts & self._spaceless.keys()
            if not holds(self._spaceless[fact], reading)
        ]


def _by_guard(row: array[int]) -> dict[int, tuple[int, ...]]:
    """The numbers of a row by the second fact."""
    found: dict[int, list[int]] = {}
    for at in range(0, len(row), 3):
        found.setdefault(row[at], []).extend(row[at + 1 : at + 3])
    return {guard: tuple(numbers) for guard, numbers in found.items()}


def _borders(data: bytes) -> tuple[int, int]:
    """Where the first and the second field of a stream end."""
    first = data.find(BORDER)
    second = data.find(BORDER, first + 1) if first >= 0 else -1
    return (first if first >= 0 else len(data)), (second if second >= 0 else len(data))


@dataclass(frozen=True, slots=True)
class Matcher:
    """Segments, oldest first, and of each the rules struck out. It never changes."""

    segments: tuple[Segment, ...]
    struck: tuple[frozenset[int], ...]
    numbers: int

    @classmethod
    def of(cls, trees: Mapping[str, Node]) -> Matcher:
        """Compile rules; matches come in this order."""
        count = len(trees)
        return cls((Segment(trees, range(count), trees.values()),), (frozenset(),), count)

    def match(self, item: Item) -> list[str]:
        """The names of the rules that are true of the item."""
        if len(self.segments) == 1:
            segment = self.segments[0]
            return [segment.names[index] for index in segment.match(item, self.struck[0])]
        found = [
            (segment.numbers[index], segment.names[index])
            for segment, struck in zip(self.segments, self.struck, strict=True)
            for index in segment.match(item, struck)
        ]
        return [name for _, name in sorted(found)]

    @property
    def always(self) -> tuple[str, ...]:
        """The rules that have to be evaluated on every item."""
        return tuple(
            segment.names[index]
            for segment, struck in zip(self.segments, self.struck, strict=True)
            for index in segment.always
            if index not in struck
        )

    def updated(self, changed: Mapping[str, Node], removed: Collection[str]) -> Matcher:
        """Another matcher with these rules changed or added, and those removed.

        A changed rule keeps its place, one that was removed as well comes last.
        """
        places: list[int] = []
        numbers = self.numbers
        for name in changed:
            known = None if name in removed else self._number(name)
            places.append(numbers if known is None else known)
            numbers += known is None
        gone = {*changed, *removed}
        struck = tuple(
            old | {segment.index[name] for name in gone if name in segment.index}
            for segment, old in zip(self.segments, self.struck, strict=True)
        )
        segments = list(zip(self.segments, struck, strict=True))
        if changed:
            segments.append((Segment(changed, places, changed.values()), frozenset()))
        joined = _joined(segments)
        return Matcher(tuple(one for one, _ in joined), tuple(out for _, out in joined), numbers)

    def _number(self, name: str) -> int | None:
        for segment, struck in zip(self.segments, self.struck, strict=True):
            index = segment.index.get(name)
            if index is not None and index not in struck:
                return segment.numbers[index]
        return None


_Segments = list[tuple[Segment, frozenset[int]]]


def _joined(segments: _Segments) -> _Segments:
    """The segments with the last joined to the one before while they are of like size."""
    while len(segments) > 1 and _live(segments[-2]) < _JOINED_WHEN * _live(segments[-1]):
        rules = [rule for segment, struck in segments[-2:] for rule in segment.rules(struck)]
        rules.sort(key=itemgetter(1))
        names, numbers, nodes = zip(*rules, strict=True) if rules else ((), (), ())
        segments = [*segments[:-2], (Segment(names, numbers, nodes), frozenset())]
    return segments


def _live(segment: tuple[Segment, frozenset[int]]) -> int:
    return len(segment[0]) - len(segment[1])
