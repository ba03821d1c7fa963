"""Many rules matched at once: the cost follows the text, hardly the number of rules.

A document is folded once into a stream (`rules.stream`); one automaton finds the literals of all
rules in it; what is found leads to the few rules that need it; only these are evaluated, and the
oracle is asked only about terms that no literal decides.

A matcher is a list of *segments*, each compiled once and never changed. Changed rules come as a
small new segment, and the rules they replace are struck out of the older ones; segments of like
size are joined, so there are never many.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ahocorasick_rs

from rules import text as words
from rules.compiled import Facts, Plan, is_enough, needs, plan_of
from rules.document import Document
from rules.expression import (
    ANYWHERE,
    Node,
    Pattern,
    Reading,
    Whole,
    holds,
    raw_values,
    whole_value,
)
from rules.stream import BORDER, Stream, join, stream

_JOINED_WHEN = 4  # a segment is joined with the one before when that is not so many times larger
_LONG_VALUE = 256  # longer ones are not remembered, so that the memo is bounded in bytes too
_FARTHER = ("author", "url", "source")


class Item:
    """A document being matched: its stream is made once, its words are cut when asked for."""

    __slots__ = ("_farther", "_reading", "_stream", "document")

    def __init__(self, document: Document) -> None:
        self.document = document
        self._reading: Reading | None = None
        self._stream: Stream | None = None
        self._farther: Stream | None = None

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
            self._stream = stream(join((document.title, document.summary, document.content)))
        return self._stream

    @property
    def farther(self) -> Stream:
        """The other fields of words."""
        if self._farther is None:
            document = self.document
            self._farther = stream(join((document.author, document.url, document.source)))
        return self._farther


class Segment:
    """Some rules compiled; ``always`` are those that must be evaluated on every item."""

    def __init__(self, rules: Mapping[str, tuple[int, Node]]) -> None:
        """Compile rules, each with its number: matches come in the order of the numbers."""
        facts = Facts()
        self.names = tuple(rules)
        self.numbers = tuple(number for number, _ in rules.values())
        self._nodes = tuple(node for _, node in rules.values())
        self.index = {name: index for index, name in enumerate(rules)}
        self._plans: list[Plan] = []
        self._postings: dict[int, list[int]] = {}
        self._enough: dict[int, list[int]] = {}
        always: list[int] = []
        for index, (_, node) in enumerate(rules.values()):
            plan = plan_of(node, facts)
            need = needs(plan, facts)
            self._plans.append(plan)
            if need is None:
                always.append(index)
            postings = self._enough if is_enough(plan) else self._postings
            for fact in need.facts if need else ():
                postings.setdefault(fact, []).append(index)
        self.always = tuple(always)
        self._keep(facts)

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
        self._stems = facts.stems
        self._values: dict[str, list[tuple[Whole | Pattern, int]]] = {}
        for (name, leaf), fact in facts.values.items():
            self._values.setdefault(name, []).append((leaf, fact))
        self._value_facts = lru_cache(1 << 12)(self._find_value)
        self._stems_of = lru_cache(64)(self._find_stems)

    def __len__(self) -> int:
        return len(self.names)

    def rules(self, struck: frozenset[int]) -> Iterator[tuple[str, tuple[int, Node]]]:
        """The rules it was made from, but for those struck out."""
        for index, name in enumerate(self.names):
            if index not in struck:
                yield name, (self.numbers[index], self._nodes[index])

    def match(self, item: Item, struck: frozenset[int]) -> list[int]:
        """The rules that are true of the item, in order, but for those struck out."""
        facts = self._facts(item)
        found: set[int] = set()
        for fact in facts & self._enough.keys():
            found.update(self._enough[fact])
        candidates = set(self.always)
        for fact in facts & self._postings.keys():
            candidates.update(self._postings[fact])
        if candidates:
            plans, reading = self._plans, item.reading
            found.update(index for index in candidates if plans[index].holds(facts, reading))
        return sorted(found - struck)

    def _facts(self, item: Item) -> set[int]:
        """Everything that is there of what the rules look for."""
        data, found_is_there = item.stream
        found = self._automaton.find_matches_as_indexes(data, overlapping=True)
        facts = {one[0] for one in found}
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
        if self._values:
            facts.update(self._whole(item.document))
        if self._stems:
            facts.update(self._stemmed(item.reading))
        return facts

    def _fielded(
        self, found: Iterable[tuple[int, int, int]], data: bytes, fields: tuple[str, ...]
    ) -> Iterator[int]:
        first = data.index(BORDER)
        second = data.index(BORDER, first + 1)
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

    # Values.

    def _whole(self, document: Document) -> Iterator[int]:
        for name in self._values:
            for raw in raw_values(document, name):
                find = self._value_facts if len(raw) <= _LONG_VALUE else self._find_value
                yield from find(name, raw)

    def _find_value(self, name: str, raw: str) -> tuple[int, ...]:
        value = whole_value(raw)
        return tuple(fact for leaf, fact in self._values[name] if leaf.is_value(value))

    # Stems.

    def _stemmed(self, reading: Reading) -> Iterator[int]:
        by_stem = self._stems_of(words.language(reading.document.lang))
        if by_stem:
            for name in (*ANYWHERE, *_FARTHER):
                for stem in reading.text(name).stems.keys() & by_stem.keys():
                    yield from by_stem[stem]

    def _find_stems(self, lang: str) -> dict[str, tuple[int, ...]]:
        """The facts of each stem in a language; none where the word itself is all there is."""
        found: dict[str, tuple[int, ...]] = {}
        if words.has_stemmer(lang):
            for surface, fact in self._stems.items():
                stem = words.stem(surface, lang)
                found[stem] = (*found.get(stem, ()), fact)
        return found


@dataclass(frozen=True, slots=True)
class Matcher:
    """Segments, oldest first, and of each the rules struck out. It never changes."""

    segments: tuple[Segment, ...]
    struck: tuple[frozenset[int], ...]
    numbers: int

    @classmethod
    def of(cls, trees: Mapping[str, Node]) -> Matcher:
        """Compile rules; matches come in this order."""
        rules = {name: (number, node) for number, (name, node) in enumerate(trees.items())}
        return cls((Segment(rules),), (frozenset(),), len(rules))

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
        rules: dict[str, tuple[int, Node]] = {}
        numbers = self.numbers
        for name, node in changed.items():
            known = None if name in removed else self._number(name)
            rules[name] = (numbers if known is None else known, node)
            numbers += known is None
        gone = {*changed, *removed}
        struck = tuple(
            old | {segment.index[name] for name in gone if name in segment.index}
            for segment, old in zip(self.segments, self.struck, strict=True)
        )
        segments = list(zip(self.segments, struck, strict=True))
        if rules:
            segments.append((Segment(rules), frozenset()))
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
        rules: dict[str, tuple[int, Node]] = {}
        for segment, struck in segments[-2:]:
            rules.update(segment.rules(struck))
        in_order = dict(sorted(rules.items(), key=lambda rule: rule[1][0]))
        segments = [*segments[:-2], (Segment(in_order), frozenset())]
    return segments


def _live(segment: tuple[Segment, frozenset[int]]) -> int:
    return len(segment[0]) - len(segment[1])
