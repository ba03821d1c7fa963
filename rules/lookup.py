"""Facts that are looked up rather than found in a stream: values compared whole, stems, regexes.

What was looked up for a value is remembered, in bounded memos that hold no way back to their
owner: so the memory of replaced rules is free as soon as nobody matches with them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from typing import NamedTuple

from rules import text as words
from rules.expression import Pattern, Reading, Whole, whole_value
from rules.regex import RegexSet

_MOST_VALUES = 1 << 12
_LONG_VALUE = 256  # longer ones are not remembered, so that the memo is bounded in bytes too


class Values:
    """The facts of the values of one field that is compared whole."""

    def __init__(self, leaves: Iterable[tuple[Whole | Pattern, int]]) -> None:
        same: dict[str, list[int]] = {}
        others: list[tuple[Whole | Pattern, int]] = []
        for leaf, fact in leaves:
            if isinstance(leaf, Whole) and len(leaf.pieces) == 1 and not leaf.exact:
                same.setdefault(leaf.pieces[0], []).append(fact)
            else:
                others.append((leaf, fact))
        self._find = partial(_facts_of_value, same, others)
        self.remembered = lru_cache(_MOST_VALUES)(self._find)

    def facts(self, raw: str) -> tuple[int, ...]:
        """What a value is of all that is asked for."""
        return self.remembered(raw) if len(raw) <= _LONG_VALUE else self._find(raw)


def _facts_of_value(
    same: Mapping[str, list[int]], others: list[tuple[Whole | Pattern, int]], raw: str
) -> tuple[int, ...]:
    value = whole_value(raw)
    found = (fact for leaf, fact in others if leaf.is_value(value))
    return (*same.get(value.normal, ()), *found)


class Stems:
    """The facts of inflected forms."""

    def __init__(self, surfaces: Mapping[str, int]) -> None:
        self._by_stem = lru_cache(64)(partial(_by_stem, surfaces))

    def are_in(self, lang: str) -> bool:
        """May anything but the words themselves be found in this language?"""
        return bool(self._by_stem(lang))

    def facts(self, stems: Collection[str], lang: str) -> Iterator[int]:
        """What the stems of an item are of all that is asked for."""
        by_stem = self._by_stem(lang)
        for stem in by_stem.keys() & stems:
            yield from by_stem[stem]


def _by_stem(surfaces: Mapping[str, int], lang: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    if words.has_stemmer(lang):
        for surface, fact in surfaces.items():
            found.setdefault(words.stem(surface, lang), []).append(fact)
    return found


class Expressions(NamedTuple):
    """The facts of regular expressions that no letters lead to, in the same fields."""

    cased: bool
    fields: tuple[str, ...]
    some: RegexSet
    numbers: tuple[int, ...]

    @classmethod
    def all(cls, patterns: Mapping[tuple[Pattern, tuple[str, ...]], int]) -> list[Expressions]:
        """One for all expressions that are looked for in the same texts."""
        alike: dict[tuple[bool, tuple[str, ...]], dict[str, int]] = {}
        for (leaf, fields), fact in patterns.items():
            alike.setdefault((leaf.cased, fields), {})[leaf.pattern] = fact
        return [
            cls(cased, fields, RegexSet(tuple(some), cased=cased), tuple(some.values()))
            for (cased, fields), some in alike.items()
        ]

    def facts(self, reading: Reading) -> Iterator[int]:
        """Which of them may be there."""
        for name in self.fields:
            text = reading.text(name)
            if text.original:
                found = self.some.may_find(text.original if self.cased else text.folded)
                yield from map(self.numbers.__getitem__, found)
