"""What may not be meant: warnings that never stop a rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from rules import text as words
from rules.errors import Mistake
from rules.expression import (
    And,
    AtLeast,
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
from rules.groups import GroupSet
from rules.implication import Implication, canonical, terms
from rules.parser import Expression, mistake_in
from rules.remarks import short_wildcard, short_wildcards

_MOST_SIBLINGS = 100
_MOST_COMPARED = 50


def lint(
    expressions: Mapping[str, Expression],
    groups: Mapping[str, tuple[str, ...]],
    resolved: GroupSet,
    languages: Collection[str],
) -> tuple[Mistake, ...]:
    """Every warning: those of each rule in its order, then of rules together, then of groups."""
    found: list[Mistake] = []
    for name, expression in expressions.items():
        found += (replace(mistake, rule=name) for mistake in _of_rule(expression, languages))
    found += _of_pairs(expressions)
    found += _of_groups(expressions, groups, resolved)
    return tuple(found)


def _of_rule(expression: Expression, languages: Collection[str]) -> Iterator[Mistake]:
    told = [(r.offset, r.message, r.hint) for r in expression.remarks]
    told += _parts(expression.root, expression.text, Implication())
    told += _stems(expression.root, languages)
    for offset, message, hint in sorted(told):
        yield mistake_in(expression.text, message, hint, offset)


# --- parts that can never be true, or never matter -------------------------------------------

_Told = tuple[int, str, str]


def _parts(node: Node, text: str, known: Implication) -> Iterator[_Told]:
    match node:
        case And(children):
            yield from _contradictions(node, text, known)
            yield from _idle(children, text, known, because_implied=True)
        case Or(children):
            yield from _idle(children, text, known, because_implied=False)
    for child in _children(node):
        yield from _parts(child, text, known)


def _children(node: Node) -> tuple[Node, ...]:
    match node:
        case And(children) | Or(children) | AtLeast(_, children):
            return children
        case Not(child):
            return (child,)
        case Near(left, right):
            return (left, right)
        case _:
            return ()


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


def _stems(node: Node, languages: Collection[str]) -> Iterator[_Told]:
    """Terms with ``~`` that find the word itself only, in a language the rule or its letters
    name, or in one of the feeds'."""
    named = set(_languages(node)) or {words.language(lang) for lang in languages}
    for term in _terms(node):
        for word in islice((w for w in _words(term.leaf) if w.compare == "stem"), 1):
            spoken = _spoken(word.surface)
            langs = sorted({spoken} if spoken else named - {""})
            without = ", ".join(lang for lang in langs if not words.has_stemmer(lang))
            if without:
                found = f"{term.leaf.written} finds the word itself only"
                hint = f"write {word.surface}* for its endings"
                if words.is_spaceless(word.surface):
                    hint = "its characters are found without ~"
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


def _terms(node: Node) -> Iterator[Term]:
    match node:
        case Term():
            yield node
        case Group():
            for term in terms(node):
                yield replace(term, start=node.start, end=node.end)
        case _:
            for child in _children(node):
                yield from _terms(child)


def _words(leaf: Leaf) -> Iterator[Word]:
    match leaf:
        case Phrase():
            yield from leaf.words
        case Window(parts):
            for part in parts:
                yield from part.words


# --- rules together --------------------------------------------------------------------------


def _of_pairs(expressions: Mapping[str, Expression]) -> Iterator[Mistake]:
    """Rules that are the same as another, or contained in one."""
    first: dict[Hashable, str] = {}
    different: dict[str, Node] = {}
    for name, expression in expressions.items():
        same = first.setdefault(canonical(expression.root), name)
        if same == name:
            different[name] = expression.root
        else:
            yield _about(
                expressions, name, f"rule '{name}' is the same as rule '{same}'", "remove one"
            )
    for name, other in _contained(different):
        yield _about(
            expressions,
            name,
            f"every match of rule '{name}' is a match of rule '{other}' too",
            "remove one, unless they are told differently",
        )


def _about(expressions: Mapping[str, Expression], name: str, message: str, hint: str) -> Mistake:
    return replace(mistake_in(expressions[name].text, message, hint, 0), rule=name)


def _contained(roots: Mapping[str, Node]) -> Iterator[tuple[str, str]]:
    """A rule, and the first one found that it is contained in.

    One rule contains another only if they share letters of what it needs: each rule is filed
    under the rarest part it needs. Of the rules that hold one of its letters, those are compared
    that hold letters of all its other parts too.
    """
    needed = {name: _needed(root) for name, root in roots.items()}
    held = {name: _held(root) for name, root in roots.items()}
    common = Counter(key for holding in held.values() for key in holding.letters)
    filed: dict[str, list[str]] = {}
    for name, parts in needed.items():
        for key in min(parts, key=lambda part: sum(common[key] for key in part), default=()):
            filed.setdefault(key, []).append(name)
    for name, root in roots.items():
        holding = held[name]
        keys = sorted(filed.keys() & holding.letters, key=lambda key: (len(filed[key]), key))
        others = dict.fromkeys(other for key in keys for other in filed[key])
        likely = (
            other for other in others if other != name and all(map(holding.may_need, needed[other]))
        )
        for other in islice(likely, _MOST_COMPARED):
            if Implication(2_000).implies(root, roots[other]):
                yield name, other
                break


class _Held(NamedTuple):
    """The letters a tree holds, to find rules that may contain it; ``either`` of an OR."""

    letters: frozenset[str]
    parts: tuple[_Held, ...] = ()
    either: bool = False

    def may_need(self, letters: frozenset[str]) -> bool:
        """May it need something that has one of these letters?"""
        if self.letters.isdisjoint(letters):
            return False
        if not self.parts:
            return True
        return (all if self.either else any)(part.may_need(letters) for part in self.parts)


def _held(node: Node) -> _Held:
    match node:
        case And(children) | Or(children):
            parts = tuple(map(_held, children))
            letters = frozenset[str]().union(*(part.letters for part in parts))
            return _Held(letters, parts, isinstance(node, Or))
        case _:
            there = (letters for term in _terms(node) for letters in _leaf_letters(term.leaf))
            return _Held(frozenset(there))


def _leaf_letters(leaf: Leaf) -> Iterator[str]:
    """The words and, because a wildcard may find them, their beginnings."""
    match leaf:
        case Whole(pieces):
            for piece in pieces:
                yield from _beginnings(piece)
        case Phrase() | Window():
            for word in _words(leaf):
                yield from _beginnings(word.normal)
        case _:
            yield repr(leaf)


def _beginnings(letters: str) -> Iterator[str]:
    yield letters
    yield _PART
    for end in range(1, len(letters[:_MOST_FILED]) + 1):
        yield letters[:end] + "*"


_MOST_FILED = 20
_PART = "*"
"""Held by every rule with a word: what finds the end or the middle of one may find it."""


def _needed(root: Node) -> list[frozenset[str]]:
    """For each part that a rule needs, letters one of which is held by every rule that it
    contains."""
    parts = root.children if isinstance(root, And) else (root,)
    return [
        frozenset(key for term in _terms(part) for key in _file_keys(term.leaf))
        for part in parts
        if not isinstance(part, Not)
    ]


def _file_keys(leaf: Leaf) -> Iterator[str]:
    match leaf:
        case Whole((value,)):
            yield value
        case Whole((first, *_)):
            yield first[:_MOST_FILED] + _PART
        case Phrase() | Window():
            word = max(_words(leaf), key=lambda word: len(word.normal))
            if word.how == "is":
                yield word.normal
            elif word.how == "begins":
                yield word.normal[:_MOST_FILED] + "*"
            else:
                yield _PART
        case _:
            yield repr(leaf)


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
