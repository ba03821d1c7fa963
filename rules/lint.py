"""What may not be meant: warnings that never stop a rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import replace
from itertools import islice

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
    under the rarest part it needs, and compared with the rules that hold one of its letters.
    """
    held = {name: frozenset(_letters(root)) for name, root in roots.items()}
    common = Counter(key for keys in held.values() for key in keys)
    filed: dict[str, list[str]] = {}
    for name, root in roots.items():
        for key in _rarest(root, common):
            filed.setdefault(key, []).append(name)
    for name, root in roots.items():
        others = dict.fromkeys(other for key in sorted(held[name]) for other in filed.get(key, ()))
        for other in islice((o for o in others if o != name), _MOST_COMPARED):
            if Implication(2_000).implies(root, roots[other]):
                yield name, other
                break


_FILED_LETTERS = 3


def _letters(node: Node) -> Iterator[str]:
    """What a rule holds, to find rules that may contain it."""
    for term in _terms(node):
        yield from _leaf_letters(term.leaf)


def _leaf_letters(leaf: Leaf) -> Iterator[str]:
    """The words and, because a prefix may contain them, their beginnings."""
    match leaf:
        case Whole(pieces):
            yield from pieces
        case Phrase() | Window():
            for word in _words(leaf):
                yield word.normal
                yield word.normal[:_FILED_LETTERS] + "*"
        case _:
            yield repr(leaf)


def _rarest(node: Node, common: Counter[str]) -> list[str]:
    """The letters of the part of a rule that the fewest rules share: one of them must be held by
    every rule contained in it."""
    parts = node.children if isinstance(node, And) else (node,)
    keys = [
        [key for term in _terms(part) for key in _file_keys(term.leaf)]
        for part in parts
        if not isinstance(part, Not)
    ]
    return min(keys, key=lambda part: sum(common[key] for key in part), default=[])


def _file_keys(leaf: Leaf) -> Iterator[str]:
    match leaf:
        case Whole(pieces):
            yield max(pieces, key=len)
        case Phrase() | Window():
            word = max(_words(leaf), key=lambda word: len(word.normal))
            if word.how == "is":
                yield word.normal
            else:
                yield word.normal[:_FILED_LETTERS] + "*"
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
