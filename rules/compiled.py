"""Rules compiled: what must be looked for in a stream, and how a rule follows from what is found.

A *fact* is a number: a literal found in title, summary or content; a literal found in one field;
a value of a field that is compared whole; a stem. Most terms are one fact. Of others (signs,
exact letters, windows, NEAR, stems, regexes) a fact is only needed, and the oracle is asked.

A *clause* is a few facts one of which must be there. Nearly every rule is some clauses, all of
them true, and some facts of which none may be there; `Plan` says so in plain numbers. Only what
is not like that (an AND within an OR, ATLEAST, what the oracle decides) is a tree.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from rules import text as words
from rules.expression import (
    ANYWHERE,
    WHOLE,
    And,
    AtLeast,
    Gap,
    Group,
    Leaf,
    Near,
    Node,
    Not,
    Or,
    Pattern,
    Phrase,
    Reading,
    Term,
    Whole,
    Window,
    Word,
    holds,
)
from rules.required import required
from rules.stream import letters

# --- plans -----------------------------------------------------------------------------------

Clause = tuple[int, ...]


class Plan(NamedTuple):
    """True where of each clause of ``every`` a fact is, none of ``none``, and all of ``rest``."""

    every: tuple[Clause, ...]
    none: Clause = ()
    rest: tuple[Tree, ...] = ()

    def holds(self, facts: set[int], reading: Reading) -> bool:
        for clause in self.every:
            if facts.isdisjoint(clause):
                return False
        if not facts.isdisjoint(self.none):
            return False
        for part in self.rest:  # noqa: SIM110 - a loop takes half the time of all()
            if not part.holds(facts, reading):
                return False
        return True


class Some(NamedTuple):
    """True where one of the facts is, or one of the plans is true."""

    facts: Clause
    plans: tuple[Tree, ...]

    def holds(self, facts: set[int], reading: Reading) -> bool:
        if not facts.isdisjoint(self.facts):
            return True
        for plan in self.plans:  # noqa: SIM110 - a loop takes half the time of any()
            if plan.holds(facts, reading):
                return True
        return False


class No(NamedTuple):
    """True where the plan is not."""

    plan: Tree

    def holds(self, facts: set[int], reading: Reading) -> bool:
        return not self.plan.holds(facts, reading)


class AtLeastSome(NamedTuple):
    """True where at least so many plans are."""

    least: int
    plans: tuple[Tree, ...]

    def holds(self, facts: set[int], reading: Reading) -> bool:
        true = (plan for plan in self.plans if plan.holds(facts, reading))
        return len(list(islice(true, self.least))) == self.least


class Ask(NamedTuple):
    """True where the oracle says so."""

    node: Node

    def holds(self, _facts: set[int], reading: Reading) -> bool:
        return holds(self.node, reading)


class Unaccented(NamedTuple):
    """True unless the item is Vietnamese, where accents count and the oracle is asked."""

    node: Node

    def holds(self, _facts: set[int], reading: Reading) -> bool:
        return words.language(reading.document.lang) != "vi" or holds(self.node, reading)


Tree = Plan | Some | No | AtLeastSome | Ask | Unaccented

_NEVER = Some((), ())


# --- facts -----------------------------------------------------------------------------------

ALWAYS = -1
"""The fact that is always there."""

NEVER = -2
"""The fact that never is."""


class Facts:
    """Numbers for what is looked for.

    ``literals`` has the number of each literal, from 0, which is also the fact that it is found
    anywhere; all other facts are below `NEVER`. ``spaceless`` holds the terms to ask the
    oracle about where such a literal is found in a text in which found is not yet there; where
    the term is not there either, the fact is replaced by that in ``found``.
    """

    def __init__(self) -> None:
        self.literals: dict[bytes, int] = {}
        self.in_field: dict[tuple[int, str], int] = {}
        self.values: dict[tuple[str, Whole | Pattern], int] = {}
        self.stems: dict[tuple[str, bool], int] = {}
        self.patterns: dict[tuple[Pattern, tuple[str, ...]], int] = {}
        self.spaceless: dict[int, Term] = {}
        self.found: dict[int, int] = {}
        self._often: dict[int, float] = {}
        self._others = NEVER
        self._codes = _Codes()
        self._leaves: dict[int | tuple[int, str], int | Tree] = {}
        self._seen: list[Leaf] = []  # while they are here no other leaf gets their id

    def of(self, leaf: Leaf, fields: tuple[str, ...]) -> int | Tree:
        """What a leaf is: a fact, or the tree that decides it; the same for the same object."""
        key = id(leaf) if fields == ANYWHERE else (id(leaf), fields[0])
        known = self._leaves.get(key)
        if known is None:
            known = self._leaves[key] = _leaf(leaf, fields, self)
            self._seen.append(leaf)
        return known

    def letters(self, form: str) -> bytes:
        """A normal form as it stands in a stream."""
        return form.encode() if form.isascii() else form.translate(self._codes).encode("latin-1")

    def literal(self, data: bytes, fields: tuple[str, ...], often: float) -> int:
        """The fact that a literal is found in these fields."""
        number = self.literals.setdefault(data, len(self.literals))
        fact = number
        if fields != ANYWHERE:
            fact = self.in_field.get((number, fields[0]), 0)
            if not fact:
                fact = self.in_field[number, fields[0]] = self._other()
        self._often[fact] = often
        return fact

    def found_only(self, fact: int) -> int:
        """The fact that a literal is found although its term is not there."""
        found = self.found.get(fact, 0)
        if not found:
            found = self.found[fact] = self._other()
            self._often[found] = 0.0
        return found

    def value(self, name: str, leaf: Whole | Pattern) -> int:
        """The fact that a field has a value."""
        fact = self.values.get((name, leaf), 0)
        if not fact:
            fact = self.values[name, leaf] = self._other()
            self._often[fact] = 0.1
        return fact

    def pattern(self, leaf: Pattern, fields: tuple[str, ...]) -> int:
        """The fact that a regular expression may be in one of these fields."""
        fact = self.patterns.get((leaf, fields), 0)
        if not fact:
            fact = self.patterns[leaf, fields] = self._other()
            self._often[fact] = 0.5
        return fact

    def stem(self, surface: str, fields: tuple[str, ...], often: float) -> int:
        """The fact that an inflected form of a word is in title, summary or content; or for one
        of the other fields in one of those."""
        key = (surface, fields[0] in ANYWHERE)
        fact = self.stems.get(key, 0)
        if not fact:
            fact = self.stems[key] = self._other()
            self._often[fact] = often
        return fact

    @property
    def count(self) -> int:
        """How many facts there are."""
        return len(self.literals) - self._others

    def often(self, clause: Clause) -> float:
        """In which part of all items one of these is there, guessed."""
        if len(clause) == 1:
            return self._often[clause[0]]
        return sum(map(self._often.__getitem__, clause))

    def _other(self) -> int:
        self._others -= 1
        return self._others


class _Codes(dict[int, str]):
    """The bytes of a character in a stream, as characters below 256, found when first asked for."""

    def __missing__(self, code: int) -> str:
        found = self[code] = letters(chr(code)).decode("latin-1")
        return found


def needs(tree: Tree, facts: Facts, *, patterns: bool = False) -> Clause | None:
    """What a tree needs at least; ``None``: it may be true where nothing is found.

    With ``patterns`` a regular expression is something to find too.
    """
    match tree:
        case Plan(every, _, rest):
            each = every or [needs(part, facts, patterns=patterns) for part in rest]
            found = (need for need in each if need is not None)
            return min(found, key=facts.often, default=None)
        case Some(have, plans):
            return _together((have, *(needs(part, facts, patterns=patterns) for part in plans)))
        case AtLeastSome(count, plans):
            some = [needs(part, facts, patterns=patterns) for part in plans]
            some.sort(key=lambda need: math.inf if need is None else facts.often(need))
            return _together(some[: len(plans) - count + 1])
        case Ask(Term(Pattern() as leaf, fields)) if patterns:
            return (facts.pattern(leaf, fields),)
        case No() | Ask() | Unaccented():
            return None


def _together(parts: Iterable[Clause | None]) -> Clause | None:
    """What is needed where any of the parts will do."""
    needed: dict[int, None] = {}
    for part in parts:
        if part is None:
            return None
        needed.update(dict.fromkeys(part))
    return tuple(needed)


_MOST_PAIRS = 16


class Leads(NamedTuple):
    """How facts lead to a rule: where one of ``first`` is, one of ``second`` and ``never`` not,
    and the plan that is ``left`` holds, if there is one."""

    first: Clause
    second: Clause
    never: int
    left: Plan | None


def leads(plan: Plan, facts: Facts) -> Leads:
    """What leads to a rule: its rarest clause, guarded by another.

    Each fact of the first stands with each of the second in a table, so there may not be many.
    """
    first, second, every = _rarest(plan.every, facts)
    never, none = NEVER, plan.none
    if len(none) == 1:
        never, none = none[0], ()
    left = Plan(every, none, plan.rest)
    return Leads(first, second, never, left if any(left) or not plan.every else None)


def _rarest(every: tuple[Clause, ...], facts: Facts) -> tuple[Clause, Clause, tuple[Clause, ...]]:
    """The rarest clause, the next that may guard it, and the others."""
    if len(every) <= 1:
        return every[0] if every else (ALWAYS,), (ALWAYS,), ()
    first, *others = sorted(every, key=facts.often)
    for index, second in enumerate(others):
        if len(first) * len(second) <= _MOST_PAIRS:
            return first, second, (*others[:index], *others[index + 1 :])
    return first, (ALWAYS,), tuple(others)


# --- from trees to plans ---------------------------------------------------------------------


def plan_of(node: Node, facts: Facts) -> Plan:
    """A tree as a plan; what it looks for gets its facts."""
    every: list[Clause] = []
    none: list[int] = []
    rest: list[Tree] = []
    for part in node.children if isinstance(node, And) else (node,):
        some = _any_of(part, facts)
        if some is not None:
            every.append(some)
        elif isinstance(part, Not) and (some := _any_of(part.child, facts)) is not None:
            none += some
        else:
            _take(_tree(part, facts), facts, every, none, rest)
    if len(rest) > 1:
        rest.sort(key=_is_dear)
    return Plan(tuple(every), tuple(none), tuple(rest))


def _take(tree: Tree, facts: Facts, every: list[Clause], none: list[int], rest: list[Tree]) -> None:
    """Add a tree to those that all must be true."""
    if isinstance(tree, Plan):
        every += tree.every
        none += tree.none
        rest += tree.rest
        return
    need = needs(tree, facts)
    if need is not None:
        every.append(need)
    rest.append(tree)


def _any_of(node: Node, facts: Facts) -> Clause | None:
    """The facts one of which decides the node; ``None``: something else decides it."""
    if isinstance(node, Term):
        return _clause(facts.of(node.leaf, node.fields))
    found: list[int] = []
    if isinstance(node, Or):
        for part in node.children:
            some = _any_of(part, facts)
            if some is None:
                return None
            found += some
        return tuple(found)
    if isinstance(node, Group):
        for leaf in node.leaves:
            some = _clause(facts.of(leaf, node.fields))
            if some is None:
                return None
            found += some
        return tuple(found)
    return None


def _clause(leaf: int | Tree) -> Clause | None:
    if isinstance(leaf, int):
        return (leaf,)
    return leaf.facts if isinstance(leaf, Some) and not leaf.plans else None


def _tree(node: Node, facts: Facts) -> Tree:
    match node:
        case Term():
            return _as_tree(facts.of(node.leaf, node.fields))
        case Group():
            return _some([_as_tree(facts.of(leaf, node.fields)) for leaf in node.leaves])
        case Or():
            return _some([_tree(child, facts) for child in node.children])
        case And():
            return plan_of(node, facts)
        case Not():
            return No(_tree(node.child, facts))
        case AtLeast():
            return AtLeastSome(node.count, tuple(_tree(child, facts) for child in node.children))
        case Near():
            sides = (needs(_tree(side, facts), facts) for side in (node.left, node.right))
            return Plan(tuple(side for side in sides if side is not None), (), (Ask(node),))


def _as_tree(leaf: int | Tree) -> Tree:
    return Some((leaf,), ()) if isinstance(leaf, int) else leaf


def _some(trees: list[Tree]) -> Some:
    have: dict[int, None] = {}
    left: list[Tree] = []
    for tree in trees:
        if isinstance(tree, Some):
            have.update(dict.fromkeys(tree.facts))
            left += tree.plans
        else:
            left.append(tree)
    left.sort(key=_is_dear)
    return Some(tuple(have), tuple(left))


def _is_dear(tree: Tree) -> bool:
    """May the oracle have to be asked?"""
    match tree:
        case Ask() | Unaccented():
            return True
        case No(part):
            return _is_dear(part)
        case Plan(_, _, plans) | Some(_, plans) | AtLeastSome(_, plans):
            return any(map(_is_dear, plans))


def _leaf(leaf: Leaf, fields: tuple[str, ...], facts: Facts) -> int | Tree:
    if fields[0] in WHOLE:
        return facts.value(fields[0], leaf) if isinstance(leaf, Whole | Pattern) else _NEVER
    if isinstance(leaf, Phrase) and len(leaf.words) == 1 and not leaf.head and not leaf.tail:
        word = leaf.words[0]  # most terms are one plain word
        plain = word.compare == "normal" and not word.accents and not _is_spaceless(word)
        if plain and not _prolongs(word):
            return facts.literal(_bordered(word, facts), fields, _word_often(word))
    term = Term(leaf, fields)
    match leaf:
        case Phrase():
            return _phrase(leaf, term, facts)
        case Window():
            there = (word for part in leaf.parts for word in part.words)
            return Plan(_all_there(there, fields, facts), (), (Ask(term),))
        case Pattern():
            return _pattern(leaf, term, facts)
        case Whole():
            return _NEVER


def _is_spaceless(word: Word) -> bool:
    return not word.surface.isascii() and words.is_spaceless(word.surface)


def _bordered(word: Word, facts: Facts) -> bytes:
    """A word with a space where it ends."""
    data = facts.letters(word.normal)
    how = word.how
    if how == "is":
        return b" %b " % data
    if how == "begins":
        return b" %b" % data
    return b"%b " % data if how == "ends" and not _prolongs(word) else data


def _prolongs(word: Word) -> bool:
    """Does it only prolong a vowel? Then it may end a word of Hiragana, which has none of the
    spaces around that other words have."""
    return word.how == "ends" and not word.normal.strip("ー")


def _all_there(there: Iterable[Word], fields: tuple[str, ...], facts: Facts) -> tuple[Clause, ...]:
    return tuple(dict.fromkeys(_there(word, fields, facts) for word in there))


def _phrase(phrase: Phrase, term: Term, facts: Facts) -> int | Tree:
    if term.fields == ANYWHERE and _is_one_stem(phrase):
        there = _there(phrase.words[0], ANYWHERE, facts)
        accents = phrase.words[0].accents
        return Plan((there,), (), (Unaccented(term),)) if accents else Some(there, ())
    data = _literal(phrase, facts)
    if data is None:
        return Plan(_all_there(phrase.words, term.fields, facts), (), (Ask(term),))
    fact = facts.literal(data, term.fields, _phrase_often(phrase))
    if _is_spaceless(phrase.words[0]):
        facts.spaceless[fact] = term
    if any(word.accents for word in phrase.words):
        return Plan(((fact,),), (), (Unaccented(term),))
    return fact


def _is_one_stem(phrase: Phrase) -> bool:
    """Is it one word whose inflected forms count, with spaces around?"""
    word = phrase.words[0]
    alone = len(phrase.words) == 1 and not phrase.head and not phrase.tail
    return alone and word.compare == "stem" and not _is_spaceless(word)


def _literal(phrase: Phrase, facts: Facts) -> bytes | None:
    """Bytes that are in a stream exactly where the phrase is; ``None`` if there are none."""
    if phrase.head or phrase.tail:
        return None
    spaceless = [_is_spaceless(word) for word in phrase.words]
    if any(spaceless) != all(spaceless):
        return None
    gap = _TOUCHING if spaceless[0] else _APART
    if any(one is not gap and one != gap for one in phrase.gaps):
        return None
    last = len(phrase.words) - 1
    for index, word in enumerate(phrase.words):
        if word.compare != "normal" or _prolongs(word):
            return None
        if word.how != "is" and (spaceless[0] or not _is_bound(word, index, last)):
            return None
    if spaceless[0]:
        return facts.letters("".join([word.normal for word in phrase.words]))
    data = facts.letters(" ".join([word.normal for word in phrase.words]))
    before = b" " if phrase.words[0].how in ("is", "begins") else b""
    after = b" " if phrase.words[-1].how in ("is", "ends") else b""
    return before + data + after


_APART, _TOUCHING = Gap(), Gap(close=2)


def _is_bound(word: Word, index: int, last: int) -> bool:
    """Are its wildcards only at the ends of the phrase?"""
    return (index == 0 or word.how in ("is", "begins")) and (
        index == last or word.how in ("is", "ends")
    )


def _there(word: Word, fields: tuple[str, ...], facts: Facts) -> Clause:
    """Facts one of which is there where the word is."""
    spaceless = _is_spaceless(word)
    data = facts.letters(word.normal) if spaceless else _bordered(word, facts)
    often = _word_often(word)
    fact = facts.literal(data, fields, often)
    there = (fact, facts.found_only(fact)) if spaceless else (fact,)
    if word.compare == "stem":
        there = (*there, facts.stem(word.surface, fields, 3 * often))
    return there


def _pattern(pattern: Pattern, term: Term, facts: Facts) -> Tree:
    clauses: list[Clause] = []
    for literals in required(pattern.pattern, cased=pattern.cased):
        clause: Clause = ()
        for literal in literals:
            data = facts.letters(literal)
            fact = facts.literal(data, term.fields, 2.0 * 0.62 ** len(data))
            spaceless = words.is_spaceless(literal)
            clause += (fact, facts.found_only(fact)) if spaceless else (fact,)
        clauses.append(clause)
    return Plan(tuple(clauses), (), (Ask(term),))


def _phrase_often(phrase: Phrase) -> float:
    return math.prod(_word_often(word) for word in phrase.words)


def _word_often(word: Word) -> float:
    """In which part of all items a word is, guessed from its length."""
    if not word.surface.isascii() and words.is_dense(word.surface):
        return 0.2 * 0.3 ** len(word.normal)
    return (1.0 if word.how == "is" else 4.0) * 0.5 * 0.62 ** len(word.normal)
