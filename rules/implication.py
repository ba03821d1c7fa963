"""Which expression is true whenever another is: what the linter knows about rules.

`implies` is careful: True is certain, False says nothing. It looks at the shape of the trees only
and gives up after a bounded number of steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator

from rules import text as words
from rules.expression import (
    And,
    AtLeast,
    Gap,
    Group,
    Leaf,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Term,
    Whole,
    Window,
    Word,
)

_MOST_STEPS = 20_000


class Implication:
    """Compares trees; all comparisons together take a bounded number of steps."""

    def __init__(self, steps: int = _MOST_STEPS) -> None:
        self._left = steps

    def implies(self, one: Node, other: Node) -> bool:
        """Is ``other`` true of every document that ``one`` is true of?"""
        self._left -= 1
        if self._left < 0:
            return False
        if isinstance(one, Term) and isinstance(other, Term):
            return _term_implies(one, other)
        return one == other or self._by_parts(one, other) or self._by_choice(one, other)

    def _by_parts(self, one: Node, other: Node) -> bool:
        """All of what makes ``one`` true, or all that ``other`` needs."""
        if isinstance(one, Or):
            return all(self.implies(child, other) for child in one.children)
        if isinstance(one, Group):
            return all(self.implies(term, other) for term in terms(one))
        if isinstance(other, And):
            return all(self.implies(one, child) for child in other.children)
        match one, other:
            case Not(child), Not(excluded):
                return self.implies(excluded, child)
            case AtLeast(count, children), AtLeast(fewer, more) if set(children) <= set(more):
                return count >= fewer
            case Near(), Near():
                return _near_implies(one, other)
        return False

    def _by_choice(self, one: Node, other: Node) -> bool:
        """Some of what ``one`` needs, or some of what makes ``other`` true."""
        match one:
            case And(children):
                if any(self.implies(child, other) for child in children):
                    return True
            case Near():
                if self.implies(one.left, other) or self.implies(one.right, other):
                    return True
            case AtLeast(count, children):
                enough = sum(self.implies(child, other) for child in children)
                if enough >= len(children) - count + 1:
                    return True
        match other:
            case Or(children):
                return any(self.implies(one, child) for child in children)
            case Group():
                return any(self.implies(one, term) for term in terms(other))
            case AtLeast(count, children):
                return sum(self.implies(one, child) for child in children) >= count
        return False


def terms(group: Group) -> Iterator[Term]:
    """The terms of a group, each for itself."""
    return (Term(leaf, group.fields) for leaf in group.leaves)


def _term_implies(one: Term, other: Term) -> bool:
    if one.fields != other.fields and not set(one.fields) <= set(other.fields):
        return False
    return leaf_implies(one.leaf, other.leaf)


def _near_implies(one: Near, other: Near) -> bool:
    same = one.left == other.left and one.right == other.right
    turned = not other.ordered and one.left == other.right and one.right == other.left
    return (
        (same or turned) and one.distance <= other.distance and (one.ordered or not other.ordered)
    )


def leaf_implies(one: Leaf, other: Leaf) -> bool:
    """Is the other leaf found wherever this one is?"""
    if isinstance(one, Phrase) and isinstance(other, Phrase):
        first = other.words[0]  # most differ in it already
        for at in range(len(one.words) - len(other.words) + 1):
            if word_implies(one.words[at], first) and _phrase_implies(one, other, at):
                return True
        return False
    match one, other:
        case Window(parts), Phrase():
            return any(leaf_implies(part, other) for part in parts)
        case Window(), Window():
            return _each_form(one.parts) == _each_form(other.parts) and one.width <= other.width
        case Whole((value,)), Whole() if one.exact == other.exact:
            return _whole_implies(value, other.pieces)
    return one == other


def _whole_implies(value: str, pieces: tuple[str, ...]) -> bool:
    first, last = pieces[0], pieces[-1]
    if len(pieces) != 2:
        return (value,) == pieces
    fits = len(value) >= len(first) + len(last)
    return fits and value.startswith(first) and value.endswith(last)


def _phrase_implies(one: Phrase, other: Phrase, at: int) -> bool:
    """Is ``other`` the part of ``one`` that begins with its word ``at``?"""
    end = at + len(other.words)
    return (
        (not other.head or (at == 0 and one.head == other.head))
        and (not other.tail or (end == len(one.words) and one.tail == other.tail))
        and all(map(word_implies, one.words[at:end], other.words))
        and all(map(_gap_implies, one.gaps[at : end - 1], other.gaps))
    )


def _gap_implies(one: Gap, other: Gap) -> bool:
    return one == other or other == Gap() or (one.close == 2 and other.close == 1)


def word_implies(one: Word, other: Word) -> bool:
    """Does every word that fits ``one`` fit ``other``?"""
    if one.compare == other.compare == "normal" and not other.accents:
        return _within(one.normal, one.how, other.normal, other.how)
    if one == other:
        return True
    match other.compare:
        case "stem":
            if one.compare == "stem":
                return _form(one) == _form(other)
            return (
                one.how == "is"
                and one.normal == other.normal
                and other.accents in ("", one.accents)
            )
        case "exact":
            return one.compare == "exact" and _within(
                words.exact(one.surface), one.how, words.exact(other.surface), other.how
            )
        case "normal":
            if one.compare == "stem" or (other.accents and not one.accents):
                return False
            return _within(one.normal, one.how, other.normal, other.how) and (
                not other.accents or _within(one.accents, one.how, other.accents, other.how)
            )


def _within(letters: str, how: str, other: str, other_how: str) -> bool:
    if other_how == "is":
        return how == "is" and letters == other
    if other_how == "contains":
        return other in letters
    if other_how == "begins":
        return how in ("is", "begins") and letters.startswith(other)
    return how in ("is", "ends") and letters.endswith(other)


def canonical(node: Node) -> Hashable:
    """The same for trees that differ only in order, brackets, repetition and letter case where
    it does not count."""
    match node:
        case And(children) | Or(children):
            parts = frozenset(_flat(node, type(node)))
            return next(iter(parts)) if len(parts) == 1 else (type(node).__name__, parts)
        case Group():
            return canonical(Or(tuple(terms(node))))
        case Not(child):
            return ("Not", canonical(child))
        case AtLeast(count, children):
            return ("AtLeast", count, frozenset(Counter(map(canonical, children)).items()))
        case Near(left, right, distance, ordered):
            sides = (canonical(left), canonical(right))
            return ("Near", sides if ordered else frozenset(sides), distance)
        case Term(leaf, fields):
            return (_leaf_form(leaf), fields)


def _leaf_form(leaf: Leaf) -> Hashable:
    match leaf:
        case Phrase():
            return (tuple(map(_form, leaf.words)), leaf.gaps, leaf.head, leaf.tail)
        case Window(parts, width):
            return (frozenset(_each_form(parts).items()), width)
        case _:
            return leaf


def _each_form(parts: Iterable[Leaf]) -> Counter[Hashable]:
    return Counter(map(_leaf_form, parts))


def _form(word: Word) -> Hashable:
    """The same for words that find the same."""
    match word.compare:
        case "normal":
            surface = ""
        case "exact":
            surface = words.exact(word.surface)
        case "stem":
            # In Turkish I is not the capital of i.
            turkish = "I" in word.surface or "İ" in word.surface
            surface = word.surface if turkish else word.surface.lower()
    return (word.compare, surface, word.normal, word.how, word.accents)


def _flat(node: Node, kind: type) -> Iterator[Hashable]:
    match node:
        case And(children) | Or(children) if isinstance(node, kind):
            for child in children:
                yield from _flat(child, kind)
        case Group() if kind is Or:
            for term in terms(node):
                yield canonical(term)
        case _:
            yield canonical(node)
