"""Rules and groups: the sections ``rules:`` and ``terms:`` of every file, and their examples."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from alerts.policy import Manner
from monitor import config_values as values
from monitor.config import ExampleConfig, FeedConfig, Repeat, RuleConfig
from monitor.config_channels import Channels
from monitor.config_manner import KEYS, Route, manner_of
from monitor.config_schema import RULE, Findings, Keys, Reader, Section, named
from monitor.config_values import nearest, shown
from monitor.config_when import when_of
from rules import Document, Mistake, RuleSet
from rules.load import Expression, Group, Names, compile_located, locate, read_groups
from rules.source import Items, Node, Table, Text

_IN_QUOTES = "put the whole rule in single quotes or after >-"
_KEY = re.compile(r"\s*(\w+):")
_FEED = re.compile(r"(?<![\w:.\"-])feed:([\w.-]+)(?![\w.*-])")
_COMMENT = re.compile(r"[ \t]+#[^\s#]")


class Rules:
    """All rules and groups of a configuration."""

    def __init__(
        self,
        findings: Findings,
        channels: Channels,
        *,
        send: tuple[str, ...],
        zone: ZoneInfo,
        manner: Manner | None = None,
        routes: Sequence[Route] = (),
        repeat: Repeat | None = None,
    ) -> None:
        self.configured: dict[str, RuleConfig] = {}
        self.groups: dict[str, Group] = {}
        self.examples: list[ExampleConfig] = []
        self._expressions: dict[str, Expression] = {}
        self._findings = findings
        self._channels = channels
        self._send = send or channels.only
        self._zone = zone
        self._manner = manner or Manner()
        self._routes = routes
        self._repeat = repeat
        self._unsent: list[tuple[Reader, Text]] = []

    def read_groups(self, sections: Iterable[Section]) -> None:
        """Add the groups of the sections."""
        names = Names("group", {})
        for section in sections:
            source, mistakes = section.reader.source, self._findings.mistakes
            read_groups(source, section.node, names, self.groups, mistakes)

    def read(self, sections: Iterable[Section]) -> None:
        """Add the rules of the sections."""
        for reader, key, node in named(sections, Names("rule", {})):
            text, found = self._parts(reader, key, node)
            if text is None or text.broken:
                continue
            self._warn_of_comment(reader, text)
            send = found.pop("send", None) or self._route(found)
            if not send:
                self._unsent.append((reader, key))
            found.setdefault("repeat", self._repeat)
            nodes = {name: found.pop(name) for name in KEYS if name in found}
            manner = manner_of(reader, nodes, self._zone, self._manner) if nodes else self._manner
            rule = RuleConfig(key.value, text.value.strip(), send=send, manner=manner, **found)
            self.configured[rule.name] = rule
            if rule.enabled:
                self._expressions[rule.name] = Expression(reader.source, key, text)
        self._tell_unsent()

    def _route(self, found: Mapping[str, Any]) -> tuple[str, ...]:
        """Where the alerts go of a rule that does not say so itself."""
        tags, severity = found.get("tags") or (), found.get("severity") or "normal"
        fitting = (route.send for route in self._routes if route.fits(tags, severity))
        return next(fitting, self._send)

    def compiled(self, *, whole: bool) -> RuleSet | None:
        """The enabled rules; None, and mistakes in place, when they cannot be compiled.

        ``whole`` False: some file could not be read, so a group that is not known may yet be one.
        """
        ruleset, mistakes = compile_located(self._expressions, self.groups)
        told = (m for m in mistakes if whole or not m.message.startswith("no group named"))
        self._findings.mistakes += told
        return ruleset

    @property
    def terms(self) -> dict[str, tuple[str, ...]]:
        """The groups, entries as written."""
        return {
            name: tuple(entry.value for entry in group.entries)
            for name, group in self.groups.items()
        }

    def lint(self, ruleset: RuleSet, feeds: Collection[FeedConfig]) -> None:
        """Add the linter's warnings, and those about feeds that rules name."""
        for warning in ruleset.lint({feed.lang for feed in feeds if feed.lang}):
            self._findings.warnings.append(locate(warning, self._expressions, self.groups))
        known = {_folded(name): name for feed in feeds for name in (feed.name, *feed.tags)}
        for expression in self._expressions.values():
            for found in _FEED.finditer(expression.text.value):
                if _folded(found[1]) not in known:
                    self._warn_of_feed(expression, found, known.values())

    def _warn_of_feed(
        self, expression: Expression, found: re.Match[str], known: Iterable[str]
    ) -> None:
        source = expression.source
        message = f"no feed and no tag of one is called '{shown(found[1])}'"
        at = source.inside(expression.text, found.start(1))
        self._findings.warnings.append(source.mistake(at, message, nearest(found[1], known)))

    def _parts(self, reader: Reader, key: Text, node: Node) -> tuple[Text | None, dict[str, Any]]:
        """A rule's expression, and what else it says."""
        if not isinstance(node, Table):
            return self._expression(reader, key, node), {}
        if not any(name.value == "match" for name, _value in node.entries):
            self._tell_no_match(reader, key, node)
            return None, {}
        found = reader.fields(node, RULE, f"rule '{shown(key.value)}'")
        text = self._expression(reader, key, found.pop("match"))
        if "send" in found:
            found["send"] = self._channels.named_by(reader, found["send"])
        if "until" in found:
            found["until"] = reader.one(found["until"], partial(_until, zone=self._zone))
        if "when" in found:
            found["when"] = when_of(reader, found["when"])
        if "examples" in found:
            self.examples += _examples(reader, key.value, found.pop("examples"))
        return text, found

    def _expression(self, reader: Reader, key: Text, node: Node) -> Text | None:
        if isinstance(node, Text) and not node.value.strip():
            hint = _why_empty(reader.source.text[key.start :])
            reader.wrong(key, f"rule '{shown(key.value)}' is empty", hint)
            return None
        if isinstance(node, Text):
            return node
        sign = reader.source.text[node.start : node.start + 1]
        if sign in ("[", "{"):
            kind = "a list" if sign == "[" else "keys and values"
            message = f"YAML takes a value that begins with {sign} for {kind}"
            reader.wrong(node, message, _IN_QUOTES)
        else:
            kind = "a list" if isinstance(node, Items) else "a table"
            reader.wrong(node, f"rule '{shown(key.value)}' is {kind}", "write one expression")
        return None

    def _tell_no_match(self, reader: Reader, key: Text, node: Table) -> None:
        if len(node.entries) == 1 and reader.source.text.startswith("{", node.start):
            value = node.entries[0][1]
            if isinstance(value, Text) and value.empty:
                message = "YAML takes a value that begins with { for keys and values"
                reader.wrong(node, message, _IN_QUOTES)
                return
        reader.fields(node, RULE, f"rule '{shown(key.value)}'")
        reader.wrong(
            key, f"rule '{shown(key.value)}' has no match", "write match: and an expression"
        )

    def _warn_of_comment(self, reader: Reader, text: Text) -> None:
        found = _COMMENT.match(reader.source.text, text.end) if not text.style else None
        if found:
            at = reader.source.mistake(
                found.end() - 2, "YAML ends this rule here: what follows # is a comment", _IN_QUOTES
            )
            self._findings.warnings.append(at)

    def _tell_unsent(self) -> None:
        """Where alerts go is missing for all such rules at once, so it is told once."""
        if not self._unsent:
            return
        reader, key = self._unsent[0]
        more = f" (and {len(self._unsent) - 1} more)" if len(self._unsent) > 1 else ""
        message = f"rule '{shown(key.value)}'{more} does not say where its alerts go"
        reader.wrong(key, message, "write send: [channel], or once defaults: {send: [channel]}")


def _folded(name: str) -> str:
    """A name as rules compare it, near enough to warn by."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _until(text: str, zone: ZoneInfo) -> Any:
    return values.until(text, zone).astimezone(UTC)


_DOCUMENT: Keys = {
    "title": lambda reader, node: reader.one(node, values.note),
    "summary": lambda reader, node: reader.one(node, values.note),
    "content": lambda reader, node: reader.one(node, values.note),
    "author": lambda reader, node: reader.one(node, values.words),
    "tags": lambda reader, node: reader.many(node, values.word),
    "url": lambda reader, node: reader.one(node, values.words),
    "feed": lambda reader, node: reader.one(node, values.word),
    "feed_tags": lambda reader, node: reader.many(node, values.word),
    "source": lambda reader, node: reader.one(node, values.words),
    "lang": lambda reader, node: reader.one(node, values.language),
}


def _why_empty(text: str) -> str:
    """What to do about a rule that begins ``text`` and says nothing."""
    line, _end, below = text.partition("\n")
    next_key = _KEY.match(below)
    if next_key and next_key[1] in RULE:
        return f"indent {next_key[1]}: and what follows further than the rule's name"
    comment = "what begins with # is a comment; " if "#" in line else ""
    return f"{comment}write what to match"


def _examples(reader: Reader, rule: str, node: Node) -> Iterator[ExampleConfig]:
    """The examples of a rule: texts, or tables of an item's fields."""
    table = reader.table(node, "examples:")
    for key, entries in reader.entries(table) if table else ():
        if key.value not in ("matches", "ignores"):
            hint = "known are matches and ignores"
            reader.wrong(key, f"examples: has no key '{shown(key.value)}'", hint)
            continue
        for entry in entries.items if isinstance(entries, Items) else [entries]:
            document = _document(reader, entry)
            if document:
                place: Mistake = reader.source.mistake(entry.start, "")
                yield ExampleConfig(rule, document, key.value == "matches", place)


def _document(reader: Reader, node: Node) -> Document | None:
    if isinstance(node, Table):
        found = reader.fields(node, _DOCUMENT, "an example")
        return Document(**{"title": "", **found})
    title = reader.one(node, values.note)
    return None if title is None else Document(title)
