"""What may not be meant: warnings that never stop a rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice

from rules import text as words
from rules.errors import Mistake
from rules.expression import And, Node, Not, Or, Term, Whole
from rules.groups import GroupSet
from rules.implication import Implication, canonical, terms
from rules.letters import Alphabet, Letters, Unit, children_of, units_of, words_of
from rules.parser import Expression, mistake_in
from rules.remarks import short_wildcard, short_wildcards
from rules.terms import FEWEST_LETTERS

_MOST_SIBLINGS = 100
_MOST_CONSIDERED = 2_000
_MOST_COMPARED = 50
_MOST_STEPS = 2_000


def lint(
    expressions: Mapping[str, Expression],
    groups: Mapping[str, tuple[str, ...]],
    resolved: GroupSet,
    languages: Collection[str],
) -> tuple[Mistake, ...]:
    """Every warning: those of each rule in its order, then of rules together, then of groups."""
    found: list[Mistake] = []
    units = {name: units_of(expression.root) for name, expression in expressions.items()}
    alphabet = Alphabet(units.values())
    letters = {name: alphabet.of_all(some) for name, some in units.items()}
    for name, expression in expressions.items():
        told = [(r.offset, r.message, r.hint) for r in expression.remarks]
        if alphabet.are_related(units[name]):
            told += _parts(expression.root, expression.text, Implication())
        if letters[name].stemmed:
            told += _stems(expression.root, units[name], languages)
        for offset, message, hint in sorted(told):
            mistake = mistake_in(expression.text, message, hint, offset)
            found.append(replace(mistake, rule=name))
    found += _of_pairs(expressions, letters, alphabet)
    found += _of_groups(expressions, groups, resolved)
    return tuple(found)


# --- parts that can never be true, or never matter -------------------------------------------

_Told = tuple[int, str, str]


def _parts(node: Node, text: str, known: Implication) -> Iterator[_Told]:
    match node:
        case And(children):
            yield from _contradictions(node, text, known)
            yield from _idle(children, text, known, because_implied=True)
        case Or(children):
            yield from _idle(children, text, known, because_implied=False)
    for child in children_of(node):
        yield from _parts(child, text, known)


def _contradictions(node: And, text: str, known: Implication) -> Iterator[_Told]:
    there = [child for child in node.children if not isinstance(child, Not)][:_MOST_SIBLINGS]
    for child in node.children[:_MOST_SIBLINGS]:
        if isinstance(child, Not) and any(known.implies(one, child.child) for one in there):
            yield (
                node.start,
                f"{_cited(node, text)} can never be true",
                f"{_cited(child, text)} excludes what the rest asks for",
            )
            return


def _idle(
    children: tuple[Node, ...], text: str, known: Implication, *, because_implied: bool
) -> Iterator[_Told]:
    """Children that change nothing because of another: of an AND those that the other implies,
    of an OR those that imply the other."""
    some = children[:_MOST_SIBLINGS]
    idle: set[int] = set()
    for index, child in enumerate(some):
        for at, other in enumerate(some):
            if at == index or at in idle:
                continue
            pair = (other, child) if because_implied else (child, other)
            if known.implies(*pair) and (at < index or not known.implies(*reversed(pair))):
                idle.add(index)
                yield (
                    child.start,
                    f"{_cited(child, text)} never matters",
                    f"{_cited(other, text)} decides alone",
                )
                break


def _cited(node: Node, text: str) -> str:
    cited = " ".join(text[node.start : node.end].split())
    return cited if len(cited) <= 40 else f"{cited[:39]}…"


# --- inflected forms without a stemmer -------------------------------------------------------

_UKRAINIAN = frozenset("іїєґІЇЄҐ")
_SCRIPTS = (("\u0590", "\u05ff", "he"), ("\uac00", "\ud7a3", "ko"), ("\u3041", "\u30ff", "ja"))


def _stems(root: Node, units: Sequence[Unit], languages: Collection[str]) -> Iterator[_Told]:
    """Terms with ``~`` that find the word itself only, in a language the rule or its letters
    name, or in one of the feeds'."""
    named = set(_languages(root)) or {words.language(lang) for lang in languages}
    for term in chain.from_iterable(map(_terms, units)):
        for word in islice((w for w in words_of(term.leaf) if w.compare == "stem"), 1):
            spoken = _spoken(word.surface)
            langs = sorted({spoken} if spoken else named - {""})
            without = ", ".join(lang for lang in langs if not words.has_stemmer(lang))
            if without:
                found = f"{term.leaf.written} finds the word itself only"
                hint = f"write {word.surface}* for its endings"
                if words.is_spaceless(word.surface):
                    hint = "its characters are found without ~"
                elif len(word.normal) < FEWEST_LETTERS and not words.is_dense(word.surface):
                    hint = "write each of its forms, joined by OR"
                yield term.start, f"{found}: there is no stemmer for {without}", hint


def _spoken(word: str) -> str:
    """The language that the letters alone give away; empty when they do not."""
    if _UKRAINIAN.intersection(word):
        return "uk"
    if words.is_spaceless(word) and words.is_dense(word):
        return "zh"
    return next((lang for low, high, lang in _SCRIPTS if low <= word[0] <= high), "")


def _languages(node: Node) -> Iterator[str]:
    """The languages a rule is limited to."""
    match node:
        case Term(Whole((value,)), ("lang",)):
            yield words.language(value)
        case And(children):
            for child in children:
                yield from _languages(child)
        case Or(children):
            if all(set(_languages(child)) for child in children):
                for child in children:
                    yield from _languages(child)


def _terms(unit: Unit) -> Iterator[Term]:
    if isinstance(unit, Term):
        yield unit
    else:
        for term in terms(unit):
            yield replace(term, start=unit.start, end=unit.end)


# --- rules together --------------------------------------------------------------------------


def _of_pairs(
    expressions: Mapping[str, Expression], letters: Mapping[str, Letters], alphabet: Alphabet
) -> Iterator[Mistake]:
    """Rules that are the same as another, or contained in one."""
    roots = {name: expression.root for name, expression in expressions.items()}
    same = _same(roots, letters)
    for name, other in same.items():
        yield _the_same(expressions, name, other)
    different = {name: root for name, root in roots.items() if name not in same}
    for name, other, is_same in _contained(different, letters, alphabet):
        if is_same:
            yield _the_same(expressions, name, other)
        else:
            yield _about(
                expressions,
                name,
                f"every match of rule '{name}' is a match of rule '{other}' too",
                "remove one, unless they are told differently",
            )


def _the_same(expressions: Mapping[str, Expression], name: str, other: str) -> Mistake:
    message = f"rule '{name}' is the same as rule '{other}'"
    return _about(expressions, name, message, "remove one")


def _about(expressions: Mapping[str, Expression], name: str, message: str, hint: str) -> Mistake:
    return replace(mistake_in(expressions[name].text, message, hint, 0), rule=name)


def _same(roots: Mapping[str, Node], letters: Mapping[str, Letters]) -> dict[str, str]:
    """Rules that differ from an earlier one at most in order, brackets and letter case."""
    alike: dict[frozenset[str], list[str]] = {}
    for name in roots:
        alike.setdefault(letters[name].asks, []).append(name)
    earlier: dict[str, str] = {}
    for names in alike.values():
        first: dict[Hashable, str] = {}
        for name in names if len(names) > 1 else ():
            other = first.setdefault(canonical(roots[name]), name)
            if other != name:
                earlier[name] = other
    return {name: earlier[name] for name in roots if name in earlier}


def _contained(
    roots: Mapping[str, Node], letters: Mapping[str, Letters], alphabet: Alphabet
) -> Iterator[tuple[str, str, bool]]:
    """A rule, the first one found that it is contained in, and whether they are the same.

    Each rule is filed under the rarest part it needs. Of the rules that a rule holds a letter of,
    those are compared that it holds letters of all needed parts of.
    """
    needed = {name: _needed(root, alphabet) for name, root in roots.items()}
    filed = _filed(needed, Counter(chain.from_iterable(letters[name].holds for name in roots)))
    before: set[str] = set()
    for name, root in roots.items():
        holds = letters[name].holds
        keys = sorted(filed.keys() & holds, key=lambda key: (len(filed[key]), key))
        named = chain.from_iterable(filed[key] for key in keys)
        others = dict.fromkeys(islice(named, _MOST_CONSIDERED))
        likely = [
            other
            for other in others
            if other != name and not any(map(holds.isdisjoint, needed[other]))
        ]
        parts = _held(root, alphabet) if likely else []
        likelier = (
            other for other in likely if all(_may_need(parts, part) for part in needed[other])
        )
        for other in islice(likelier, _MOST_COMPARED):
            if Implication(_MOST_STEPS).implies(root, roots[other]):
                is_same = not any(
                    map(letters[other].holds.isdisjoint, needed[name])
                ) and Implication(_MOST_STEPS).implies(roots[other], root)
                if not is_same or other in before:
                    yield name, other, is_same
                    break
        before.add(name)


def _filed(
    needed: Mapping[str, Sequence[frozenset[str]]], common: Mapping[str, int]
) -> dict[str, list[str]]:
    """Each rule by the letters of the rarest part it needs."""
    filed: dict[str, list[str]] = {}
    for name, parts in needed.items():
        rarest = min(parts, key=lambda part: sum(map(common.__getitem__, part)), default=())
        for key in rarest:
            filed.setdefault(key, []).append(name)
    return filed


_Parts = list[list[frozenset[str]]]


def _held(root: Node, alphabet: Alphabet) -> _Parts:
    """For each part of an AND, the letters that each part of an OR in it holds."""
    return [
        [
            alphabet.of_node(choice).holds
            for choice in (part.children if isinstance(part, Or) else (part,))
        ]
        for part in (root.children if isinstance(root, And) else (root,))
    ]


def _may_need(parts: _Parts, letters: frozenset[str]) -> bool:
    """Is there a part each of whose choices holds one of the letters?"""
    return any(not any(map(letters.isdisjoint, choices)) for choices in parts)


def _needed(root: Node, alphabet: Alphabet) -> list[frozenset[str]]:
    """For each part that a rule needs, letters one of which is held by every rule that it
    contains."""
    parts = root.children if isinstance(root, And) else (root,)
    return [alphabet.of_node(part).asks for part in parts if not isinstance(part, Not)]


# --- groups ----------------------------------------------------------------------------------


def _of_groups(
    expressions: Mapping[str, Expression],
    groups: Mapping[str, tuple[str, ...]],
    resolved: GroupSet,
) -> Iterator[Mistake]:
    used = resolved.reached(
        frozenset(name for expression in expressions.values() for name in expression.groups)
    )
    for name, entries in groups.items():
        if name not in used:
            mistake = Mistake(f"no rule uses group @{name}", rule=f"@{name}")
            yield mistake
        for index, entry in enumerate(resolved.own[name]):
            if entry is None or entry.leaf is None:
                continue
            for word in islice(short_wildcards(entry.leaf), 1):
                message, hint = short_wildcard(entries[index], word)
                mistake = mistake_in(entries[index], message, hint, 0)
                yield replace(mistake, rule=f"@{name}", entry=index)
