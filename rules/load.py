"""Rules from YAML files: the sections ``rules:`` and ``terms:``, compiled, mistakes in place.

`load_rules` is for programs that want the language without the daemon. The daemon reads the same
sections with everything else a rule may say and shares what is here: reading groups, and moving
the mistakes of expressions to their places in the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rules.errors import Mistake, RuleErrors
from rules.ruleset import RuleSet, compile_rules
from rules.source import Node, Source, Table, Text, is_visible, read

_MAX_NAME = 100
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


class Expression(NamedTuple):
    """A rule's expression and where it stands: ``key`` is its name, ``text`` what to match."""

    source: Source
    key: Text
    text: Text


class Group(NamedTuple):
    """A group of terms and where its entries stand."""

    source: Source
    key: Text
    entries: tuple[Text, ...]


@dataclass(slots=True)
class Names:
    """Names of one section over all files: each may be taken once.

    ``noun`` is what a message calls them; ``places`` says where each was taken first.
    """

    noun: str
    places: dict[str, str]

    def take(self, source: Source, key: Text) -> Mistake | None:
        """Take a name, or say why it cannot be taken."""
        name = key.value
        shown = _UNSEEN.sub("\ufffd", name[:60])
        if name in self.places:
            message = f"{self.noun} '{shown}' is already defined at {self.places[name]}"
            return source.mistake(key.start, message)
        self.places[name] = source.at(key.start)
        wrong = _unfit(name)
        return source.mistake(key.start, f"{self.noun} '{shown}' {wrong}") if wrong else None


def _unfit(name: str) -> str:
    if not name.strip():
        return "has no name"
    if len(name) > _MAX_NAME:
        return f"has a name of more than {_MAX_NAME} characters"
    if not is_visible(name) or name != name.strip():
        return "has a name with signs that cannot be seen"
    if name.startswith("@"):
        return "has a name that begins with @; that is how rules call groups"
    return ""


def load_rules(paths: Iterable[Path | str]) -> RuleSet:
    """Compile the rules of files and directories (every ``*.yaml`` below one).

    Other sections of the files are not looked at, nor what a rule says about its alerts; a rule
    with ``enabled: no`` is left out.

    Raises:
        RuleErrors: with every mistake of every file.
    """
    rules: dict[str, Expression] = {}
    groups: dict[str, Group] = {}
    mistakes: list[Mistake] = []
    names = (Names("rule", {}), Names("group", {}))
    sources = [read(path, str(path)) for path in _files(paths)]
    for source in sources:
        mistakes += source.mistakes
        for key, section in _sections(source):
            if key.value == "rules":
                found = _expressions(source, section, names[0], mistakes)
                rules.update((entry.key.value, entry) for entry in found)
            elif key.value == "terms":
                read_groups(source, section, names[1], groups, mistakes)
    compiled, wrong = compile_located(rules, groups)
    if mistakes or wrong or compiled is None:
        raise RuleErrors(in_reading_order([*mistakes, *wrong], sources))
    return compiled


def in_reading_order(mistakes: Iterable[Mistake], sources: Iterable[Source]) -> list[Mistake]:
    """Mistakes in the order of the files and of the places in them."""
    order = {source.name: number for number, source in enumerate(sources)}
    last = len(order)
    return sorted(mistakes, key=lambda m: (order.get(m.file, last), m.file, m.line, m.column))


def read_groups(
    source: Source, section: Node, names: Names, groups: dict[str, Group], mistakes: list[Mistake]
) -> None:
    """Add the groups of a ``terms:`` section to ``groups``."""
    if not isinstance(section, Table):
        if not (isinstance(section, Text) and (section.empty or section.broken)):
            message = "terms: holds groups, `name: [term, term]`"
            mistakes.append(source.mistake(section.start, message))
        return
    for key, node in section.entries:
        taken = names.take(source, key)
        if taken:
            mistakes.append(taken)
        else:
            entries = tuple(_entries(source, key, node, mistakes))
            groups[key.value] = Group(source, key, entries or (_stand_in(key),))


def _stand_in(key: Text) -> Text:
    """A term for a group whose mistake is told already: rules may still name the group."""
    return Text("x", key.start, key.end, "?")


def _entries(source: Source, key: Text, node: Node, mistakes: list[Mistake]) -> Iterator[Text]:
    if isinstance(node, Table):
        message = f"group '{key.value}' holds keys and values"
        mistakes.append(source.mistake(node.start, message, "write a list: [term, term]"))
        return
    entries: list[Node] = [node] if isinstance(node, Text) else node.items
    if not entries or (isinstance(node, Text) and node.empty):
        message = f"group '{key.value}' has no terms"
        mistakes.append(source.mistake(key.start, message, "write a list: [term, term]"))
        return
    for entry in entries:
        if isinstance(entry, Text):
            yield entry
        else:
            message = f"an entry of group '{key.value}' is not text"
            hint = "put a term that begins with [ or { in single quotes"
            mistakes.append(source.mistake(entry.start, message, hint))


def compile_located(
    rules: Mapping[str, Expression], groups: Mapping[str, Group]
) -> tuple[RuleSet | None, tuple[Mistake, ...]]:
    """Compile; the mistakes come back with file, line and column, in reading order."""
    expressions = {name: rule.text.value for name, rule in rules.items()}
    terms = {name: [entry.value for entry in group.entries] for name, group in groups.items()}
    try:
        return compile_rules(expressions, terms), ()
    except RuleErrors as errors:
        return None, tuple(locate(mistake, rules, groups) for mistake in errors.mistakes)


def locate(
    mistake: Mistake, rules: Mapping[str, Expression], groups: Mapping[str, Group]
) -> Mistake:
    """A mistake of an expression, moved to its place in its file."""
    if mistake.file:
        return mistake
    if mistake.rule.startswith("@") and mistake.rule[1:] in groups:
        group = groups[mistake.rule[1:]]
        source, text = group.source, _entry(group, mistake.entry)
    elif mistake.rule in rules:
        source, text = rules[mistake.rule].source, rules[mistake.rule].text
    else:
        return mistake
    offset = source.inside(text, mistake.offset)
    line, column = source.place(offset)
    return mistake.at(source.name, line, column, source.line(line))


def _entry(group: Group, entry: int | None) -> Text:
    if entry is None or entry >= len(group.entries):
        return group.key
    return group.entries[entry]


def _files(paths: Iterable[Path | str]) -> Iterator[Path]:
    for path in map(Path, paths):
        if path.is_dir():
            yield from sorted(path.rglob("*.yaml"))
        else:
            yield path


def _sections(source: Source) -> list[tuple[Text, Node]]:
    return source.root.entries if isinstance(source.root, Table) else []


def _expressions(
    source: Source, section: Node, names: Names, mistakes: list[Mistake]
) -> Iterator[Expression]:
    if not isinstance(section, Table):
        if not (isinstance(section, Text) and (section.empty or section.broken)):
            mistakes.append(source.mistake(section.start, "rules: holds rules, `name: expression`"))
        return
    for key, node in section.entries:
        taken = names.take(source, key)
        if taken:
            mistakes.append(taken)
            continue
        text = _match(node)
        if text is None:
            mistakes.append(source.mistake(key.start, f"rule '{key.value}' has no match:"))
        elif _is_enabled(node):
            yield Expression(source, key, text)


def _match(node: Node) -> Text | None:
    if isinstance(node, Text):
        return node
    if isinstance(node, Table):
        for key, value in node.entries:
            if key.value == "match" and isinstance(value, Text):
                return value
    return None


def _is_enabled(node: Node) -> bool:
    if isinstance(node, Table):
        for key, value in node.entries:
            if key.value == "enabled" and isinstance(value, Text):
                return value.value.lower() not in ("no", "false", "off")
    return True
