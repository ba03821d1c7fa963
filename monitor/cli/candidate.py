"""Rules on trial: a file or a folder of rules, read with the groups of the configuration.

`rules.load_rules` reads a set of files that is whole in itself. A candidate is not: its rules have
the names of rules in force, and use groups that stand elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from monitor.config import Config
from rules import Mistake, RuleErrors, RuleSet
from rules.load import (
    Expression,
    Group,
    Names,
    compile_located,
    in_reading_order,
    read_groups,
)
from rules.source import Node, Source, Table, Text, read


@dataclass(frozen=True, slots=True)
class Candidate:
    """``names`` of the rules it speaks of, and ``ruleset`` of those that would be in force: where
    it changes groups, with all other rules of the configuration, as these may use them."""

    names: frozenset[str]
    ruleset: RuleSet


def read_candidate(path: Path, config: Config) -> Candidate:
    """The rules of ``path``, a YAML file or a directory with such below it.

    Raises:
        RuleErrors: with every mistake of every file.
    """
    files = sorted(path.rglob("*.yaml")) if path.is_dir() else [path]
    sources = [read(file, str(file)) for file in files]
    mistakes = [mistake for source in sources for mistake in source.mistakes]
    named = _rules(sources, mistakes)
    known = _groups([read(file, str(file)) for file in config.files if file.suffix != ".opml"], [])
    groups = known | _groups(sources, mistakes)
    ruleset, wrong = compile_located({n: e for n, e in named.items() if e is not None}, groups)
    if mistakes or wrong or ruleset is None:
        raise RuleErrors(in_reading_order([*mistakes, *wrong], sources))
    if all(config.terms.get(name, entries) == entries for name, entries in ruleset.terms.items()):
        return Candidate(frozenset(named), ruleset)
    return _with_others(frozenset(named), ruleset, config)


def _with_others(names: frozenset[str], ruleset: RuleSet, config: Config) -> Candidate:
    others = {name: text for name, text in config.ruleset.expressions.items() if name not in names}
    return Candidate(names | others.keys(), ruleset.updated(others))


def _rules(sources: Iterable[Source], mistakes: list[Mistake]) -> dict[str, Expression | None]:
    """The rules by name; None for one that is not enabled."""
    names = Names("rule", {})
    found: dict[str, Expression | None] = {}
    for source, section in _sections(sources, "rules"):
        if not isinstance(section, Table):
            if not isinstance(section, Text) or section.value:
                message = "rules: holds rules, `name: expression`"
                mistakes.append(source.mistake(section.start, message))
            continue
        for key, node in section.entries:
            taken = names.take(source, key)
            text, enabled = _parts(node)
            if taken:
                mistakes.append(taken)
            elif text is None:
                mistakes.append(source.mistake(key.start, f"rule '{key.value}' has no match:"))
            else:
                found[key.value] = Expression(source, key, text) if enabled else None
    return found


def _parts(node: Node) -> tuple[Text | None, bool]:
    """A rule's expression, and whether it is enabled."""
    if isinstance(node, Text):
        return node, True
    if not isinstance(node, Table):
        return None, True
    said = {key.value: value for key, value in node.entries if isinstance(value, Text)}
    off = "enabled" in said and said["enabled"].value.lower() in ("no", "false", "off")
    return said.get("match"), not off


def _groups(sources: Iterable[Source], mistakes: list[Mistake]) -> dict[str, Group]:
    names = Names("group", {})
    groups: dict[str, Group] = {}
    for source, section in _sections(sources, "terms"):
        read_groups(source, section, names, groups, mistakes)
    return groups


def _sections(sources: Iterable[Source], name: str) -> Iterable[tuple[Source, Node]]:
    for source in sources:
        for key, section in source.root.entries if isinstance(source.root, Table) else ():
            if key.value == name:
                yield source, section
