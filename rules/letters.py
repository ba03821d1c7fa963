"""Which terms may have to do with each other, by the letters they share.

Whether one rule contains another is a comparison of trees (`rules.implication`), and ten thousand
rules are fifty million pairs. So the linter compares only what may be related: a term implies
another only if it holds the other's key, which is two of its words, or one, or the letters that a
word has to begin with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from rules.expression import (
    And,
    AtLeast,
    Group,
    Leaf,
    Near,
    Node,
    Not,
    Or,
    Pattern,
    Phrase,
    Term,
    Whole,
    Window,
    Word,
)

Unit = Term | Group


class Letters(NamedTuple):
    """Of the keys of a rule set those that a unit ``asks`` for, and those that it ``holds``.

    ``stemmed``: it looks for inflected forms.
    """

    asks: frozenset[str]
    holds: frozenset[str]
    stemmed: bool


class Alphabet:
    """The letters of all terms of a rule set, those of each term found out once."""

    def __init__(self, units: Iterable[Sequence[Unit]]) -> None:
        self._keys: dict[int, str] = {}  # by the leaf's identity, which is quicker than its hash
        self._letters: dict[int, Letters] = {}
        self._groups: dict[tuple[str, tuple[str, ...]], Letters] = {}
        self._leaves: list[Leaf] = []  # kept, so that no other leaf takes over an identity
        groups: set[tuple[str, tuple[str, ...]]] = set()
        for some in units:
            for unit in some:
                if isinstance(unit, Term):
                    self._add(unit.leaf)
                elif (unit.name, unit.fields) not in groups:
                    groups.add((unit.name, unit.fields))
                    for leaf in unit.leaves:
                        self._add(leaf)
        self._all = frozenset(self._keys.values())
        begun = [key[:-1] for key in self._all if key.endswith(_PART)]
        self._ends = sorted(set(map(len, begun)))
        self._heads = frozenset(text[: self._ends[0]] for text in begun)

    def _add(self, leaf: Leaf) -> None:
        if id(leaf) not in self._keys:
            self._keys[id(leaf)] = _key(leaf)
            self._leaves.append(leaf)

    def of(self, unit: Unit) -> Letters:
        """The letters of a unit of these rules."""
        if isinstance(unit, Term):
            return self._letters.get(id(unit.leaf)) or self._of_leaf(unit.leaf)
        name = (unit.name, unit.fields)
        found = self._groups.get(name)
        if found is None:
            found = self._groups[name] = _together(list(map(self._of_leaf, unit.leaves)))
        return found

    def _of_leaf(self, leaf: Leaf) -> Letters:
        found = self._letters.get(id(leaf))
        if found is None:
            asks = frozenset((self._keys[id(leaf)],))
            holds = self._held(leaf, asks)
            found = self._letters[id(leaf)] = Letters(asks, holds, _is_stemmed(leaf))
        return found

    def _held(self, leaf: Leaf, asks: frozenset[str]) -> frozenset[str]:
        """The key of every leaf that this one may imply, and more: its own among them."""
        held = _texts(leaf)
        if self._ends:
            first = self._ends[0]
            for text in [text for text in held if text[:first] in self._heads]:
                held += [text[:end] + _PART for end in self._ends]
        return asks if len(held) == 1 else self._all.intersection(held).union(asks)

    def of_all(self, units: Sequence[Unit]) -> Letters:
        """The letters of some units together."""
        return _together(list(map(self.of, units)))

    def of_node(self, node: Node) -> Letters:
        """The letters of a tree of these rules."""
        return self.of(node) if isinstance(node, Term | Group) else self.of_all(units_of(node))

    def are_related(self, units: Sequence[Unit]) -> bool:
        """May one of these units imply another of them?"""
        letters = list(map(self.of, units))
        asked = _NONE.union(*[one.asks for one in letters])
        if len(asked) < sum([len(one.asks) for one in letters]):
            return True
        return any(len(asked & one.holds) > len(one.asks) for one in letters)


def _together(letters: list[Letters]) -> Letters:
    return Letters(
        _NONE.union(*[one.asks for one in letters]),
        _NONE.union(*[one.holds for one in letters]),
        any(one.stemmed for one in letters),
    )


_NONE: frozenset[str] = frozenset()


def units_of(node: Node) -> tuple[Unit, ...]:
    """The terms and groups of a tree, in reading order."""
    found: list[Unit] = []
    _add_units(node, found)
    return tuple(found)


def _add_units(node: Node, found: list[Unit]) -> None:
    if isinstance(node, Term | Group):
        found.append(node)
    else:
        for child in children_of(node):
            _add_units(child, found)


def children_of(node: Node) -> tuple[Node, ...]:
    """The parts of a tree, none of a term or group."""
    match node:
        case And(children) | Or(children) | AtLeast(_, children):
            return children
        case Not(child):
            return (child,)
        case Near(left, right):
            return (left, right)
        case _:
            return ()


def _phrases(leaf: Leaf) -> tuple[Phrase, ...]:
    match leaf:
        case Phrase():
            return (leaf,)
        case Window(parts):
            return parts
        case _:
            return ()


def words_of(leaf: Leaf) -> Iterator[Word]:
    """The words of a leaf that has words."""
    for phrase in _phrases(leaf):
        yield from phrase.words


def _is_stemmed(leaf: Leaf) -> bool:
    may_be = "~" in leaf.written or "～" in leaf.written  # most are not, and this is sooner known
    return may_be and any(word.compare == "stem" for word in words_of(leaf))


_MOST = 20  # letters of a beginning that count
_PART = "*"
"""Held by every word: what finds the end or the middle of words may find it."""


def _key(leaf: Leaf) -> str:
    """What every leaf holds that implies this one."""
    if isinstance(leaf, Phrase):
        return _phrase_key(leaf)
    match leaf:
        case Window(parts):
            return max(map(_phrase_key, parts), key=lambda key: (len(key), key))  # in any order
        case Whole(pieces):
            return pieces[0] if len(pieces) == 1 else pieces[0][:_MOST] + _PART
        case Pattern(pattern):
            return f"/{pattern}/"


def _phrase_key(phrase: Phrase) -> str:
    """Two words that follow each other, or else the longest word or beginning."""
    words = phrase.words
    if len(words) == 1:
        return _word_key(words[0])
    pairs = [
        f"{one.normal} {other.normal}"
        for one, other in pairwise(words)
        if one.how == "is" == other.how
    ]
    return max(pairs or map(_word_key, words), key=len)


def _word_key(word: Word) -> str:
    if word.how == "is":
        return word.normal
    return word.normal[:_MOST] + _PART if word.how == "begins" else _PART


def _texts(leaf: Leaf) -> list[str]:
    """The words and pairs of words whose beginnings may be keys that a leaf holds."""
    if isinstance(leaf, Whole):
        return list(leaf.pieces)
    if isinstance(leaf, Pattern):
        return [_key(leaf)]
    if isinstance(leaf, Phrase) and len(leaf.words) == 1:
        return [leaf.words[0].normal]
    found: list[str] = []
    for phrase in _phrases(leaf):
        found += [word.normal for word in phrase.words]
        if len(phrase.words) > 1:
            found += [f"{one.normal} {other.normal}" for one, other in pairwise(phrase.words)]
    return found
