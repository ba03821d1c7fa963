"""The schema: which keys each section knows, and how a node becomes a value.

A key whose feature is not built yet is known as `LATER` and refused as not available; any other
key is refused as unknown. Chose functions of our own over a model library for the sections that
may hold ten thousand entries, because they keep the place of every value and cost a fifth.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from monitor import config_values as values
from monitor.config_values import WrongValueError, nearest, shown
from monitor.secrets import Secrets
from rules import Mistake
from rules.load import Names
from rules.source import Items, Node, Source, Table, Text

_FEW = 4  # keys that a hint can name
MOST_MISTAKES = 500  # whoever has more has one cause, and mends that first
T = TypeVar("T")
Convert = Callable[[str], T]


@dataclass(slots=True)
class Findings:
    """What has been found wrong so far, over all files, and the secrets met on the way."""

    secrets: Secrets
    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[Mistake] = field(default_factory=list)
    secret_values: set[str] = field(default_factory=set)
    absent: list[Mistake] = field(default_factory=list)


class TooManyMistakesError(Exception):
    """Reading stops here: what has been found is enough to mend."""


class Reader:
    """Reads the nodes of one file; what is wrong goes to the findings, and None comes back."""

    def __init__(self, source: Source, findings: Findings) -> None:
        self.source = source
        self.findings = findings

    def wrong(self, node: Node, message: str, hint: str = "") -> None:
        """Note a mistake, unless the node is one that has been told already.

        Raises:
            TooManyMistakesError: there is no use in more.
        """
        if not (isinstance(node, Text) and node.broken):
            self.findings.mistakes.append(self.source.mistake(node.start, message, hint))
        if len(self.findings.mistakes) > MOST_MISTAKES:
            raise TooManyMistakesError

    def warn(self, node: Node, message: str, hint: str = "") -> None:
        """Note a warning."""
        self.findings.warnings.append(self.source.mistake(node.start, message, hint))

    def keep_literal(self, node: Node) -> None:
        """Keep a secret that is written out from the log, and warn where everybody can read it
        (E15)."""
        if not isinstance(node, Text) or "${" in node.value or not node.value:
            return
        self.findings.secret_values.add(node.value)
        if _looks_secret(node.value) and _everybody_reads(self.source.name):
            hint = f"chmod o-r {self.source.name}, or write ${{file:/path}}"
            self.warn(node, "a secret is written out in a file that everybody can read", hint)

    def entries(self, table: Table) -> Iterator[tuple[Text, Node]]:
        """The entries of a table, each key once."""
        seen: dict[str, Text] = {}
        for key, node in table.entries:
            if key.broken:
                continue
            first = seen.setdefault(key.value, key)
            if first is not key:
                place = self.source.at(first.start)
                self.wrong(key, f"'{shown(key.value)}' is already given at {place}")
                continue
            yield key, node

    def one(self, node: Node, convert: Convert[T]) -> T | None:
        """One value."""
        if not isinstance(node, Text):
            kind = "a list" if isinstance(node, Items) else "a table of keys and values"
            self.wrong(node, f"one value was expected, here is {kind}")
            return None
        if node.broken:
            return None
        if node.empty:
            self.wrong(node, "nothing is written here", "write a value or delete the key")
            return None
        return self._converted(node, convert)

    def _converted(self, node: Text, convert: Convert[T]) -> T | None:
        try:
            return convert(node.value)
        except WrongValueError as error:
            at = self.source.inside(node, error.offset) if error.offset else node.start
            wrong = self.source.mistake(at, error.message, error.hint)
            self.findings.mistakes.append(wrong)
            return None

    def many(self, node: Node, convert: Convert[T]) -> tuple[T, ...]:
        """Several values; one alone may stand without brackets."""
        nodes = node.items if isinstance(node, Items) else [node]
        found = (self.one(entry, convert) for entry in nodes)
        return tuple(value for value in found if value is not None)

    def table(self, node: Node, what: str, keys: Iterable[str] = ()) -> Table | None:
        """A table of keys and values; a mistake names its ``keys`` where they are few."""
        if isinstance(node, Table):
            return node
        kind = "a list" if isinstance(node, Items) else "one value"
        if isinstance(node, Text) and node.empty:
            kind = "nothing"
        dashes = self.source.text[node.start : node.start + 1] == "-"
        hint = _example(list(keys))
        if dashes:
            hint = "write key: value on each line, without the dash"
        self.wrong(node, f"{what} holds keys and values, here is {kind}", hint)
        return None

    def fields(self, node: Node, keys: Keys, what: str) -> dict[str, Any]:
        """The values of a table whose keys are known; those that are wrong are left out."""
        table = self.table(node, what, [key for key, read in keys.items() if read])
        found: dict[str, Any] = {}
        for key, value in self.entries(table) if table else ():
            read = self.known(key, keys, what)
            result = read(self, value) if read else None
            if result is not None:
                found[key.value] = result
        return found

    def known(self, key: Text, keys: Keys, what: str) -> Read | None:
        """How to read a key; None, and a mistake, for one that is not to be read."""
        if key.value not in keys:
            hint = nearest(key.value, keys) or f"known are {', '.join(available(keys))}"
            self.wrong(key, f"{what} has no key '{shown(key.value)}'", hint)
            return None
        read = keys[key.value]
        if read is None:
            self.wrong(key, f"'{key.value}' is not available in this version", "delete it")
        return read

    def secret(self, node: Node, text: str) -> str:
        """The text of a node with its secrets put in.

        Raises:
            WrongValueError: one of them is absent.
        """
        resolved = self.findings.secrets.resolve(text)
        self.findings.secret_values.update(resolved.values)
        for name in resolved.absent:
            message = f"only the service has the credential '{name}'"
            hint = "it was not looked at; wirewatchctl runs commands with the service's credentials"
            self.findings.absent.append(self.source.mistake(node.start, message, hint))
        return resolved.text


def _looks_secret(text: str) -> bool:
    """Whether a value that may be secret is; an address is when it carries a token."""
    scheme, separator, rest = text.partition("://")
    if not (scheme and separator):
        return True
    authority, *path = re.split(r"[/?#&=]", rest)
    return "@" in authority or any(len(part) >= 16 for part in path)


def _everybody_reads(file: str) -> bool:
    try:
        return bool(Path(file).stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Section:
    """A top-level key of one file and what it holds."""

    reader: Reader
    key: Text
    node: Node


def tables(sections: Iterable[Section]) -> Iterator[tuple[Reader, Table]]:
    """The tables that the sections of one name hold over all files."""
    for section in sections:
        if isinstance(section.node, Text) and section.node.empty:
            continue  # all its entries are commented out
        table = section.reader.table(section.node, f"{section.key.value}:")
        if table:
            yield section.reader, table


def named(sections: Iterable[Section], names: Names) -> Iterator[tuple[Reader, Text, Node]]:
    """The entries of the sections of one name over all files, each name once."""
    for reader, table in tables(sections):
        for key, node in table.entries:
            wrong = None if key.broken else names.take(reader.source, key)
            if wrong:
                reader.findings.mistakes.append(wrong)
            elif not key.broken:
                yield reader, key, node


Read = Callable[[Reader, Node], Any]
Keys = Mapping[str, Read | None]
LATER: None = None


def available(keys: Keys) -> list[str]:
    """The keys that this version reads."""
    return [key for key, read in keys.items() if read]


def _one(convert: Convert[Any]) -> Read:
    return lambda reader, node: reader.one(node, convert)


def _many(convert: Convert[Any]) -> Read:
    return lambda reader, node: reader.many(node, convert)


def _secret(convert: Convert[Any]) -> Read:
    """One value that may hold secrets; what is wrong with it is told without them."""
    return lambda reader, node: reader.one(node, partial(_resolved, reader, node, convert))


def _resolved(reader: Reader, node: Node, convert: Convert[Any], text: str) -> Any:
    value = reader.secret(node, text)
    try:
        return convert(value)
    except WrongValueError as error:
        if value == text:
            raise
        raise WrongValueError(f"what {shown(text)} stands for cannot be used", error.hint) from None


def _table(keys: Keys, what: str) -> Read:
    return lambda reader, node: reader.fields(node, keys, what)


def _headers(reader: Reader, node: Node) -> dict[str, str] | None:
    table = reader.table(node, "headers:")
    found: dict[str, str] = {}
    for key, value in reader.entries(table) if table else ():
        name = reader.one(key, values.header_name)
        text = reader.one(value, partial(_resolved, reader, value, values.header_value))
        if _SECRET_HEADER.search(key.value):
            reader.keep_literal(value)
        if name is not None and text is not None:
            found[name] = text
    return found


_SECRET_HEADER = re.compile("auth|cookie|key|token|secret|password", re.IGNORECASE)


def _auth(reader: Reader, node: Node) -> tuple[str, str] | None:
    before = len(reader.findings.mistakes)
    found = reader.fields(node, AUTH, "auth:")
    missing = [key for key in AUTH if key not in found]
    if not missing:
        return found["user"], found["password"]
    if len(reader.findings.mistakes) == before:
        reader.wrong(node, f"auth: needs {' and '.join(missing)}")
    return None


def _password(reader: Reader, node: Node) -> str | None:
    reader.keep_literal(node)
    return reader.one(node, lambda text: reader.secret(node, text))


def _as_it_is(_reader: Reader, node: Node) -> Node:
    """A node that is read where more is known."""
    return node


AUTH: Keys = {"user": _secret(str), "password": _password}
FEED_URL: Read = _secret(values.feed_url)
FEED: Keys = {
    "url": FEED_URL,
    "every": _one(values.every),
    "tags": _many(values.word),
    "headers": _headers,
    "auth": _auth,
    "lang": _one(values.language),
    "source": _one(values.words),
    "max_age": _one(values.some_time),
    "first_poll": _one(values.first_poll),
    "enabled": _one(values.boolean),
    "proxy": LATER,
    "ca": LATER,
}
RETRY: Keys = {
    "first": _one(values.some_time),
    "factor": _one(values.number),
    "max": _one(values.some_time),
    "for": _one(values.some_time),
}
CHANNEL: Keys = {
    "type": _one(str),
    "retry": _table(RETRY, "retry:"),
    "timeout": _one(values.some_time),
    "enabled": _one(values.boolean),
    "fallback": _as_it_is,
    "repeat": _one(values.repeat),
    "throttle": LATER,
    "digest": LATER,
    "quiet": LATER,
    "template": _one(values.template),
    "proxy": LATER,
    "ca": LATER,
}


RULE: Keys = {
    "match": _as_it_is,
    "enabled": _one(values.boolean),
    "until": _as_it_is,
    "note": _one(values.note),
    "examples": _as_it_is,
    "severity": _one(values.severity),
    "send": _as_it_is,
    "tags": _many(values.word),
    "throttle": _as_it_is,
    "digest": _as_it_is,
    "quiet": _as_it_is,
    "repeat": _one(values.repeat),
    "when": _as_it_is,
    "absent": _one(values.absent),
}
DEFAULTS: Keys = {
    "send": _as_it_is,
    "first_poll": _one(values.first_poll),
    "routes": _as_it_is,
    "throttle": _as_it_is,
    "digest": _as_it_is,
    "quiet": _as_it_is,
    "repeat": _one(values.repeat),
}
LOG: Keys = {"level": _one(values.log_level)}
SETTINGS: Keys = {
    "contact": _one(values.contact),
    "database": _secret(values.database),
    "allow_private": _many(values.private_host),
    "notify": _as_it_is,
    "timezone": _one(values.timezone),
    "host_pause": _one(values.period),
    "log": _table(LOG, "log:"),
    "include": _many(values.path),
    "defaults": _as_it_is,
    "proxy": LATER,
    "web": LATER,
    "keep": LATER,
    "canary": LATER,
    "routes": _as_it_is,
}
SECTIONS: Keys = {
    "feeds": _as_it_is,
    "channels": _as_it_is,
    "terms": _as_it_is,
    "rules": _as_it_is,
}
TOP: Keys = {**SETTINGS, **SECTIONS}


def _example(keys: list[str]) -> str:
    """How a table of few keys is written."""
    told = ", ".join(f"{key}: …" for key in keys)
    return f"write {{{told}}}" if 0 < len(keys) <= _FEW else ""
