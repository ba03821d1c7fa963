"""Rules compiled: what must be looked for in a stream, and how a rule follows from what is found.

A *fact* is a number: a literal found in title, summary or content; a literal found in one field;
a value of a field that is compared whole; a stem. Most terms are one fact. Of others (signs,
exact letters, windows, NEAR, stems, regexes) a fact is only needed, and the oracle is asked.

A *plan* is a rule's tree over facts. `needs` gives a set of facts one of which must be there
for a rule to be true; only rules that need something found are evaluated.
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
from rules.stream import letters

# --- plans -----------------------------------------------------------------------------------


class Have(NamedTuple):
    """True where the fact is."""

    fact: int

    def holds(self, facts: set[int], _reading: Reading) -> bool:
        return self.fact in facts


class Some(NamedTuple):
    """True where one of the facts is, or one of the plans is true."""

    facts: frozenset[int]
    plans: tuple[Plan, ...]

    def holds(self, facts: set[int], reading: Reading) -> bool:
        if not self.facts.isdisjoint(facts):
            return True
        for plan in self.plans:  # noqa: SIM110 - a loop takes half the time of any()
            if plan.holds(facts, reading):
                return True
        return False


class Every(NamedTuple):
    """True where all facts are and all plans are true."""

    facts: frozenset[int]
    plans: tuple[Plan, ...]

    def holds(self, facts: set[int], reading: Reading) -> bool:
        if not self.facts <= facts:
            return False
        for plan in self.plans:  # noqa: SIM110 - a loop takes half the time of all()
            if not plan.holds(facts, reading):
                return False
        return True


class No(NamedTuple):
    """True where the plan is not."""

    plan: Plan

    def holds(self, facts: set[int], reading: Reading) -> bool:
        return not self.plan.holds(facts, reading)


class AtLeastSome(NamedTuple):
    """True where at least so many plans are."""

    least: int
    plans: tuple[Plan, ...]

    def holds(self, facts: set[int], reading: Reading) -> bool:
        true = (plan for plan in self.plans if plan.holds(facts, reading))
        return len(list(islice(true, self.least))) == self.least


class Ask(NamedTuple):
    """True where one of each set of facts is, and the oracle says so."""

    needed: tuple[frozenset[int], ...]
    node: Node

    def holds(self, facts: set[int], reading: Reading) -> bool:
        if any(needed.isdisjoint(facts) for needed in self.needed):
            return False
        return holds(self.node, reading)


class Unaccented(NamedTuple):
    """True unless the item is Vietnamese, where accents count and the oracle is asked."""

    node: Node

    def holds(self, _facts: set[int], reading: Reading) -> bool:
        return words.language(reading.document.lang) != "vi" or holds(self.node, reading)


Plan = Have | Some | Every | No | AtLeastSome | Ask | Unaccented


# --- facts -----------------------------------------------------------------------------------

NOTHING: frozenset[int] = frozenset()
_NEVER = Some(NOTHING, ())


class Facts:
    """Numbers for what is looked for.

    ``literals`` has the number of each literal, from 0, which is also the fact that it is found
    anywhere; all other facts are below 0. ``spaceless`` holds the terms to ask the
    oracle about where such a literal is found in a text in which found is not yet there; where
    the term is not there either, the fact is replaced by that in ``found``.
    """

    def __init__(self) -> None:
        self.literals: dict[bytes, int] = {}
        self.in_field: dict[tuple[int, str], int] = {}
        self.values: dict[tuple[str, Whole | Pattern], int] = {}
        self.stems: dict[str, int] = {}
        self.spaceless: dict[int, Term] = {}
        self.found: dict[int, int] = {}
        self._often: dict[int, float] = {}
        self._others = 0

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

    def stem(self, surface: str, often: float) -> int:
        """The fact that an inflected form of a word is somewhere."""
        fact = self.stems.get(surface, 0)
        if not fact:
            fact = self.stems[surface] = self._other()
            self._often[fact] = often
        return fact

    def often(self, facts: Iterable[int]) -> float:
        """In which part of all items one of these is there, guessed."""
        return math.fsum(self._often[fact] for fact in facts)

    def _other(self) -> int:
        self._others -= 1
        return self._others


class Needs(NamedTuple):
    """One of the facts must be there, which is so ``often``."""

    often: float
    facts: frozenset[int]


def needs(plan: Plan, facts: Facts) -> Needs | None:
    """What a plan needs at least; ``None``: it may be true where nothing is found."""
    match plan:
        case Have(fact):
            return Needs(facts.often((fact,)), frozenset((fact,)))
        case Every(have, plans):
            each = [Needs(facts.often((fact,)), frozenset((fact,))) for fact in have]
            found = [*each, *(need for part in plans if (need := needs(part, facts)))]
            return min(found, key=_often, default=None)
        case Some(have, plans):
            return _together(
                [Needs(facts.often(have), have), *(needs(part, facts) for part in plans)]
            )
        case AtLeastSome(count, plans):
            rarest = sorted((needs(part, facts) for part in plans), key=_often)
            return _together(rarest[: len(plans) - count + 1])
        case Ask(needed, _):
            return min((Needs(facts.often(one), one) for one in needed), key=_often, default=None)
        case No() | Unaccented():
            return None


def is_enough(plan: Plan) -> bool:
    """Is the plan true as soon as one of the facts that it needs is there?"""
    match plan:
        case Have():
            return True
        case Some(_, plans):
            return not plans
        case Every(have, plans):
            return len(have) == 1 and not plans
        case _:
            return False


def _often(need: Needs | None) -> float:
    return math.inf if need is None else need.often


def _together(parts: Iterable[Needs | None]) -> Needs | None:
    """What is needed where any of the parts will do."""
    often, facts = 0.0, set[int]()
    for part in parts:
        if part is None:
            return None
        often += part.often
        facts |= part.facts
    return Needs(often, frozenset(facts))


# --- from trees to plans ---------------------------------------------------------------------


def plan_of(node: Node, facts: Facts) -> Plan:
    """A tree as a plan; what it looks for gets its facts."""
    match node:
        case Term():
            return _leaf(node.leaf, node.fields, facts)
        case Group():
            return _some([_leaf(leaf, node.fields, facts) for leaf in node.leaves])
        case Near():
            sides = (_one_of(node.left, facts), _one_of(node.right, facts))
            return Ask(tuple(side for side in sides if side is not None), node)
        case Not():
            return No(plan_of(node.child, facts))
        case And():
            return _every([plan_of(child, facts) for child in node.children])
        case Or():
            return _some([plan_of(child, facts) for child in node.children])
        case AtLeast():
            return AtLeastSome(node.count, tuple(plan_of(child, facts) for child in node.children))


def _some(plans: list[Plan]) -> Plan:
    have, left = set[int](), list[Plan]()
    for plan in plans:
        if isinstance(plan, Have):
            have.add(plan.fact)
        elif isinstance(plan, Some):
            have |= plan.facts
            left += plan.plans
        else:
            left.append(plan)
    return Some(frozenset(have), tuple(left))


def _every(plans: list[Plan]) -> Plan:
    have, left = set[int](), list[Plan]()
    for plan in plans:
        if isinstance(plan, Have):
            have.add(plan.fact)
        elif isinstance(plan, Every):
            have |= plan.facts
            left += plan.plans
        else:
            left.append(plan)
    left.sort(key=_is_dear)
    return Every(frozenset(have), tuple(left))


def _is_dear(plan: Plan) -> bool:
    """May the oracle have to be asked?"""
    match plan:
        case Ask() | Unaccented():
            return True
        case No(part):
            return _is_dear(part)
        case Every(_, plans) | Some(_, plans) | AtLeastSome(_, plans):
            return any(map(_is_dear, plans))
        case _:
            return False


def _one_of(node: Node, facts: Facts) -> frozenset[int] | None:
    """Facts one of which is there where a place of the operand is; ``None``: nothing is needed."""
    need = needs(plan_of(node, facts), facts)
    return None if need is None else need.facts


def _leaf(leaf: Leaf, fields: tuple[str, ...], facts: Facts) -> Plan:
    name = fields[0]
    if name in WHOLE:
        return Have(facts.value(name, leaf)) if isinstance(leaf, Whole | Pattern) else _NEVER
    if isinstance(leaf, Phrase) and _is_one_plain_word(leaf):
        word = leaf.words[0]
        return Have(facts.literal(_bordered(word), fields, _word_often(word)))
    term = Term(leaf, fields)
    match leaf:
        case Phrase():
            return _phrase(leaf, term, facts)
        case Window():
            there = (word for part in leaf.parts for word in part.words)
            return Ask(_all_there(there, fields, facts), term)
        case Pattern():
            return Ask((), term)
        case Whole():
            return _NEVER


def _is_one_plain_word(phrase: Phrase) -> bool:
    """Is it what most terms are: one word with spaces around, without signs and accents?"""
    if len(phrase.words) > 1 or phrase.head or phrase.tail:
        return False
    word = phrase.words[0]
    return word.compare == "normal" and not word.accents and not words.is_spaceless(word.surface)


def _bordered(word: Word) -> bytes:
    """A word with a space where it ends."""
    data = letters(word.normal)
    match word.how:
        case "is":
            return b" %b " % data
        case "begins":
            return b" %b" % data
        case "ends":
            return b"%b " % data
        case "contains":
            return data


def _all_there(
    there: Iterable[Word], fields: tuple[str, ...], facts: Facts
) -> tuple[frozenset[int], ...]:
    return tuple(dict.fromkeys(_there(word, fields, facts) for word in there))


def _phrase(phrase: Phrase, term: Term, facts: Facts) -> Plan:
    data = _literal(phrase)
    if data is None:
        return Ask(_all_there(phrase.words, term.fields, facts), term)
    fact = facts.literal(data, term.fields, _phrase_often(phrase))
    if words.is_spaceless(phrase.words[0].surface):
        facts.spaceless[fact] = term
    if any(word.accents for word in phrase.words):
        return Every(frozenset((fact,)), (Unaccented(term),))
    return Have(fact)


def _literal(phrase: Phrase) -> bytes | None:
    """Bytes that are in a stream exactly where the phrase is; ``None`` if there are none."""
    if phrase.head or phrase.tail:
        return None
    spaceless = [words.is_spaceless(word.surface) for word in phrase.words]
    if any(spaceless) != all(spaceless):
        return None
    gap = Gap(close=2) if spaceless[0] else Gap()
    last = len(phrase.words) - 1
    for index, word in enumerate(phrase.words):
        bound = word.compare == "normal" and (
            word.how == "is" if spaceless[0] else _is_bound(word, index, last)
        )
        if not bound or (index < last and phrase.gaps[index] != gap):
            return None
    if spaceless[0]:
        return b"".join(letters(word.normal) for word in phrase.words)
    data = b" ".join(letters(word.normal) for word in phrase.words)
    before = b" " if phrase.words[0].how in ("is", "begins") else b""
    after = b" " if phrase.words[-1].how in ("is", "ends") else b""
    return before + data + after


def _is_bound(word: Word, index: int, last: int) -> bool:
    """Are its wildcards only at the ends of the phrase?"""
    return (index == 0 or word.how in ("is", "begins")) and (
        index == last or word.how in ("is", "ends")
    )


def _there(word: Word, fields: tuple[str, ...], facts: Facts) -> frozenset[int]:
    """Facts one of which is there where the word is."""
    spaceless = words.is_spaceless(word.surface)
    data = letters(word.normal) if spaceless else _bordered(word)
    often = _word_often(word)
    fact = facts.literal(data, fields, often)
    there = {fact, facts.found_only(fact)} if spaceless else {fact}
    if word.compare == "stem":
        there.add(facts.stem(word.surface, 3 * often))
    return frozenset(there)


def _phrase_often(phrase: Phrase) -> float:
    return math.prod(_word_often(word) for word in phrase.words)


def _word_often(word: Word) -> float:
    """In which part of all items a word is, guessed from its length."""
    if words.is_dense(word.surface):
        return 0.2 * 0.3 ** len(word.normal)
    return (1.0 if word.how == "is" else 4.0) * 0.5 * 0.62 ** len(word.normal)
