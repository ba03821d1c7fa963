"""RuleSet: rules compiled, matched against documents."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import repeat

from rules.document import Document, Span
from rules.errors import Mistake, RuleErrors
from rules.explain import Explanation, explain
from rules.expression import Reading, holds, spans
from rules.groups import GroupSet, read_groups
from rules.matcher import Item, Matcher
from rules.parser import Expression, parse


class Match:
    """A rule is true of a document: its name, and the spans that made it true."""

    __slots__ = ("_expressions", "_reading", "_spans", "rule")

    def __init__(self, rule: str, expressions: Mapping[str, Expression], reading: Reading) -> None:
        self.rule = rule
        self._expressions = expressions
        self._reading = reading
        self._spans: tuple[Span, ...] | None = None

    @property
    def spans(self) -> tuple[Span, ...]:
        """The words that made it true, in reading order; found when first asked for."""
        if self._spans is None:
            self._spans = spans(self._expressions[self.rule].root, self._reading)
        return self._spans

    def __repr__(self) -> str:
        return f"Match({self.rule!r}, {self.spans!r})"


class RuleSet:
    """Rules that were read, with their groups. It never changes: `updated` gives another."""

    def __init__(
        self,
        expressions: Mapping[str, Expression],
        terms: Mapping[str, tuple[str, ...]],
        groups: GroupSet,
        matcher: Matcher | None = None,
    ) -> None:
        self._expressions = dict(expressions)
        self._terms = dict(terms)
        self._groups = groups
        self._matcher = matcher or Matcher.of(
            {name: expression.root for name, expression in self._expressions.items()}
        )

    def __len__(self) -> int:
        return len(self._expressions)

    def __iter__(self) -> Iterator[str]:
        return iter(self._expressions)

    def __contains__(self, rule: object) -> bool:
        return rule in self._expressions

    @property
    def expressions(self) -> Mapping[str, str]:
        """Every rule's expression as written."""
        return {name: expression.text for name, expression in self._expressions.items()}

    @property
    def terms(self) -> Mapping[str, tuple[str, ...]]:
        """The groups as written."""
        return dict(self._terms)

    def match(self, document: Document) -> tuple[Match, ...]:
        """The rules that are true of the document, in the order they were given."""
        item = Item(document)
        names = self._matcher.match(item)
        return tuple(map(Match, names, repeat(self._expressions), repeat(item.reading)))

    @property
    def always(self) -> tuple[str, ...]:
        """The rules that need no word to be there, so that every item has to be read for them."""
        return self._matcher.always

    def why(self, rule: str, document: Document) -> Explanation:
        """The rule's evaluated tree, for a match and for a miss.

        Raises:
            KeyError: there is no such rule.
        """
        return explain(self._expressions[rule], document)

    def lint(self, languages: Collection[str] = ()) -> tuple[Mistake, ...]:
        """What the linter asks about, rule by rule; nothing of it stops a rule.

        ``languages`` are those of the feeds, for terms that need a stemmer.
        """
        from rules.lint import lint  # noqa: PLC0415 - matching does not need it

        return lint(self._expressions, self._terms, self._groups, languages)

    def updated(
        self,
        changed: Mapping[str, str],
        removed: Collection[str] = (),
        terms: Mapping[str, Sequence[str]] | None = None,
    ) -> RuleSet:
        """Another rule set: these rules added or changed, those removed, other groups if given.

        This one goes on matching unchanged.

        Raises:
            RuleErrors: with every mistake.
        """
        kept = dict(self._expressions)
        for name in removed:
            kept.pop(name, None)
        if terms is None:
            groups, given = self._groups, self._terms
            again: dict[str, str] = {}
        else:
            given = {name: tuple(entries) for name, entries in terms.items()}
            groups = read_groups(given)
            moved = _moved(self._terms, given)
            again = {
                name: expression.text
                for name, expression in kept.items()
                if moved & groups.reached(expression.groups) or moved & expression.groups
            }
        compiled = _compile({**again, **changed}, groups)
        trees = {name: expression.root for name, expression in compiled.items()}
        matcher = self._matcher.updated(trees, removed)
        kept.update(compiled)
        return RuleSet(kept, given, groups, matcher)


def _moved(
    before: Mapping[str, tuple[str, ...]], after: Mapping[str, tuple[str, ...]]
) -> frozenset[str]:
    """The groups that are not what they were."""
    return frozenset(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )


def compile_rules(
    expressions: Mapping[str, str], terms: Mapping[str, Sequence[str]] | None = None
) -> RuleSet:
    """Read all rules and groups.

    Raises:
        RuleErrors: with every mistake of every rule and group.
    """
    given = {name: tuple(entries) for name, entries in (terms or {}).items()}
    groups = read_groups(given)
    return RuleSet(_compile(expressions, groups), given, groups)


def _compile(expressions: Mapping[str, str], groups: GroupSet) -> dict[str, Expression]:
    mistakes: list[Mistake] = list(groups.mistakes)
    compiled: dict[str, Expression] = {}
    for name, text in expressions.items():
        expression, wrong = parse(text, groups.entries)
        mistakes += (replace(mistake, rule=name) for mistake in wrong)
        if expression:
            compiled[name] = expression
    if mistakes:
        raise RuleErrors(mistakes)
    return compiled


def evaluate(
    expression: str, document: Document, terms: Mapping[str, Sequence[str]] | None = None
) -> Match | None:
    """The oracle: is this one expression true of the document, and by which words?

    Raises:
        RuleErrors: with every mistake.
    """
    groups = read_groups({name: tuple(entries) for name, entries in (terms or {}).items()})
    read = _compile({"": expression}, groups)
    reading = Reading(document)
    return Match("", read, reading) if holds(read[""].root, reading) else None
