"""YAML with places: a file's text -> nodes whose scalars are text and know where they stand.

`read` never raises for what a file holds: it gives a `Source` with the nodes that could be read
and every mistake that was found on the way. Scalars are text by their source: ``no``, ``on``,
``12:30``, ``2024`` and ``1.50`` are these letters; whoever knows a key's type converts.

Chose one pass over the C parser's events into our own small nodes, instead of PyYAML's composer
and constructor, because these recurse (100,000 brackets end the process), keep the last of two
equal keys in silence, expand aliases, and guess types.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from bisect import bisect_right
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from rules import yaml_faults
from rules.errors import Mistake

MAX_BYTES = 16 * 1024 * 1024
MAX_NODES = 2_000_000
MAX_DEPTH = 20
_MAX_REPAIRS = 20
_MOST_MISTAKES = 100  # whoever has more has one cause, and mends that first
_REPAIRABLE = 1024 * 1024  # a bigger file is told its first fault only: every repair reads it anew
_LONGEST_SHOWN = 400
_FOREIGN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
_UNSHOWABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_PASSWORD = re.compile(
    r"""\$\{[^}\n]*\}  # says where a secret is, which is none
    |(?<=:)(?!//)[^\s/@:"']+(?=@)  # in the user part of a URL
    |((?i:password|secret|token|authorization|cookie|api-?key)["']?:[ ]+["'])(?:(?!\$\{)[^"'])+
    |((?i:password|secret|token|authorization|cookie|api-?key)["']?:[ ]+)
        (?:(?:Bearer|Basic)[ ])?(?:(?!\$\{)[^\s"',}\[])+
    |([?&](?i:key|token|sig|secret|password|api-?key|access_token)=)(?:(?!\$\{)[^&\s"',}])+
    |(?<=/)[A-Za-z0-9_]{20,}|(?<=/)(?=[^\s/]*[A-Z])(?=[^\s/]*\d)[A-Za-z0-9_-]{20,}
    |\bwhsec_[A-Za-z0-9+/=]+|\b\d{6,}:[A-Za-z0-9_-]{30,}  # tokens in addresses, keys""",
    re.VERBOSE,
)
_LINE_END = re.compile(r"\r\n?|\n")
_BROKEN = "?"


class Text(NamedTuple):
    """A scalar: its ``value``, and where its source begins and ends in the file.

    ``style`` is how it is written: empty for plain, ``'``, ``"``, ``|``, ``>``; ``?`` for one
    that YAML could not read, of which a mistake has been told already.
    """

    value: str
    start: int
    end: int
    style: str = ""

    @property
    def broken(self) -> bool:
        """Whether a mistake about this very value has been told already."""
        return self.style == _BROKEN

    @property
    def empty(self) -> bool:
        """Whether nothing was written (``key:`` alone)."""
        return not self.value and not self.style


class Items(NamedTuple):
    """A sequence, in the order of the file."""

    items: list[Node]
    start: int


class Table(NamedTuple):
    """A mapping as written: twice the same key is two entries."""

    entries: list[tuple[Text, Node]]
    start: int


Node = Text | Items | Table


class Source:
    """One file: its text, its nodes, its mistakes, and where everything stands.

    ``root`` is None when nothing could be read; ``mistakes`` then says why.
    """

    def __init__(
        self,
        name: str,
        text: str = "",
        root: Node | None = None,
        mistakes: tuple[Mistake, ...] = (),
    ) -> None:
        self.name = name
        self.text = text
        self.root = root
        self.mistakes = mistakes
        self._starts: list[int] | None = None

    @property
    def readable(self) -> bool:
        """Whether the file could be read to its end, if with mistakes."""
        return self.root is not None or not self.mistakes

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of a character of the file."""
        if self._starts is None:
            self._starts = [0, *(end.end() for end in _LINE_END.finditer(self.text))]
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """A line as it may be shown in a terminal or a log; empty when it is too long to help.

        Passwords written out in it are covered, sign for sign, so that columns stay true.
        """
        self.place(0)
        starts = self._starts or [0]
        end = starts[number] if number < len(starts) else len(self.text)
        line = self.text[starts[number - 1] : end].rstrip("\r\n")
        if len(line) > _LONGEST_SHOWN:
            return ""
        return _UNSHOWABLE.sub("\ufffd", _PASSWORD.sub(_covered, line))

    def at(self, offset: int) -> str:
        """``file:line:column``."""
        line, column = self.place(offset)
        return f"{self.name}:{line}:{column}"

    def mistake(self, offset: int, message: str, hint: str = "") -> Mistake:
        """A mistake at a character of this file."""
        line, column = self.place(offset)
        return Mistake(message, hint, self.name, line, column, self.line(line))

    def inside(self, text: Text, offset: int) -> int:
        """Where in the file the character ``offset`` of a scalar's value stands.

        An offset behind the last visible character gives the place right behind it.
        """
        source = self.text[text.start : text.end]
        offset = min(offset, len(text.value.rstrip()))
        return text.start + _walk(source, text.value, text.style, offset)


def _covered(found: re.Match[str]) -> str:
    """Signs instead of a password; what stands before it, such as its key, stays."""
    before = found[found.lastindex] if found.lastindex else ""
    return found[0] if found[0].startswith("$") else before + "•" * (len(found[0]) - len(before))


def is_visible(text: str) -> bool:
    """Whether a name or a word is one line of signs that can be seen.

    The joiners that Persian and emoji are written with, and the spaces of French and Chinese,
    count as visible.
    """
    return text.translate(_INVISIBLE_BUT_FINE).isprintable()


_INVISIBLE_BUT_FINE = dict.fromkeys(map(ord, "\u200c\u200d\xa0\u202f\u3000"))


def read(path: Path, name: str) -> Source:
    """Read a file; ``name`` is what messages call it."""
    try:
        raw = read_at_most(path, MAX_BYTES + 1)
    except OSError as error:
        return _unreadable(name, f"cannot be read: {error.strerror or error}")
    return read_bytes(raw, name)


def read_bytes(raw: bytes, name: str) -> Source:
    """Read the bytes of a file; ``name`` is what messages call it."""
    if len(raw) > MAX_BYTES:
        return _unreadable(name, f"is bigger than {MAX_BYTES // 2**20} MB", "split it")
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return _not_utf8(raw, error, name)
    return read_text(text, name)


def read_text(text: str, name: str) -> Source:
    """Read a text; ``name`` is what messages call it."""
    foreign = _FOREIGN.search(text)
    if foreign:
        source = Source(name, text)
        code = f"U+{ord(foreign[0]):04X}"
        kind = "line separator" if foreign[0] in "\x85\u2028\u2029" else "control character"
        wrong = source.mistake(foreign.start(), f"holds the {kind} {code}", "delete it")
        return Source(name, text, None, (wrong,))
    return _read_nodes(text, name)


def read_at_most(path: Path, limit: int) -> bytes:
    """At most ``limit`` bytes of a regular file. Never waits, as a pipe would make one wait.

    Raises:
        OSError: with a ``strerror`` that says why it cannot be read.
    """
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "Not a regular file")
        return file.read(limit)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _unreadable(name: str, message: str, hint: str = "") -> Source:
    return Source(name, mistakes=(Mistake(message, hint, name),))


def _not_utf8(raw: bytes, error: UnicodeDecodeError, name: str) -> Source:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _unreadable(name, "is UTF-16, not UTF-8", "save it as UTF-8")
    before = Source(name, raw[: error.start].decode())
    line, column = before.place(len(before.text))
    message = f"the byte 0x{raw[error.start]:02x} is not UTF-8"
    return Source(name, mistakes=(Mistake(message, "save the file as UTF-8", name, line, column),))


def _read_nodes(text: str, name: str) -> Source:
    """Read, and where one value stops YAML, put letters in its place and read on."""
    mistakes: list[Mistake] = []
    broken: set[int] = set()
    repaired = text
    while True:
        builder = _Builder(Source(name, text), broken)
        try:
            builder.build(repaired)
        except _StopError:
            return Source(name, text, None, (*mistakes, *builder.mistakes))
        except yaml.MarkedYAMLError as error:
            fault = yaml_faults.explain(repaired, error)
            if not _told(text, broken, fault):
                mistakes.append(builder.source.mistake(fault.offset, fault.message, fault.hint))
            if fault.value is None or len(broken) >= _MAX_REPAIRS or len(text) > _REPAIRABLE:
                return Source(name, text, None, tuple(mistakes))
            start, end = fault.value
            repaired = f"{repaired[:start]}{'x' * (end - start)}{repaired[end:]}"
            broken.add(start)
            continue
        return Source(name, text, builder.root, (*mistakes, *builder.mistakes))


def _told(text: str, broken: set[int], fault: yaml_faults.Fault) -> bool:
    """Whether this line has had its mistake: one broken value is told once."""
    begin = text.rfind("\n", 0, fault.offset) + 1
    return any(begin <= start <= fault.offset for start in broken)


class _StopError(Exception):
    """Reading this file any further would not be safe; the mistake has been noted."""


class _Builder:
    """Builds nodes from events, without recursion, within the limits.

    Events are typed Any: their marks are never None here, which PyYAML's stubs do not know.
    """

    def __init__(self, source: Source, broken: set[int]) -> None:
        self.source = source
        self.mistakes: list[Mistake] = []
        self.root: Node | None = None
        self._broken = broken
        self._open: list[Items | Table] = []
        self._keys: list[Text | None] = []
        self._documents = 0

    def build(self, text: str) -> None:
        """Read ``text``; a file may hold a million nodes, so the common events come first."""
        loader = yaml.CSafeLoader(text)
        for _ in range(MAX_NODES):
            if not loader.check_event():
                return
            event: Any = loader.get_event()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self._add(self._text(event, text))
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self._open.pop()
                self._keys.pop()
            elif kind is yaml.MappingStartEvent:
                self._start(Table([], event.start_mark.index), event)
            elif kind is yaml.SequenceStartEvent:
                self._start(Items([], event.start_mark.index), event)
            else:
                self._rarely(event, text)
        self._wrong(0, f"holds more than {MAX_NODES:,} values", "split it")
        raise _StopError

    def _rarely(self, event: Any, text: str) -> None:
        mark, kind = event.start_mark.index, type(event)
        if kind is yaml.AliasEvent:
            self._wrong(mark, *yaml_faults.alias(text, mark))
            self._add(Text("x", mark, event.end_mark.index, _BROKEN))
        elif kind is yaml.DocumentStartEvent:
            self._document(mark)

    def _document(self, mark: int) -> None:
        self._documents += 1
        if self._documents > 1:
            self._wrong(mark, "a second document begins here", "put it into a file of its own")
            raise _StopError

    def _start(self, node: Items | Table, event: Any) -> None:
        if event.anchor is not None or event.tag is not None:
            self._wrong(node.start, *yaml_faults.property_of(self.source.text, node.start))
        self._add(node)
        if len(self._open) >= MAX_DEPTH:
            self._wrong(node.start, f"more than {MAX_DEPTH} levels deep")
            raise _StopError
        self._open.append(node)
        self._keys.append(None)

    def _text(self, event: Any, text: str) -> Text:
        start, end = event.start_mark.index, event.end_mark.index
        if event.anchor is not None or event.tag is not None:
            self._wrong(start, *yaml_faults.property_of(text, start))
            return Text("x", start, end, _BROKEN)
        style = _BROKEN if start in self._broken else event.style or ""
        return Text(event.value, start, end, style)

    def _add(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if isinstance(parent, Items):
            parent.items.append(node)
        elif (key := self._keys[-1]) is None:
            self._keys[-1] = self._key(node)
        else:
            parent.entries.append((key, node))
            self._keys[-1] = None

    def _key(self, node: Node) -> Text:
        if isinstance(node, Text):
            if node.value == "<<" and not node.style:
                self._wrong(node.start, "merge keys (<<) are not read", "write the values out")
                return node._replace(style=_BROKEN)
            return node
        self._wrong(node.start, "a key must be text", 'put "${...}" and other braces in quotes')
        return Text("x", node.start, node.start, _BROKEN)

    def _wrong(self, offset: int, message: str, hint: str = "") -> None:
        self.mistakes.append(self.source.mistake(offset, message, hint))
        if len(self.mistakes) >= _MOST_MISTAKES:
            raise _StopError


def _walk(source: str, value: str, style: str, offset: int) -> int:
    """How far into ``source`` the first ``offset`` characters of ``value`` reach.

    Every visible character of a value stands in its source in the same order; what YAML adds or
    drops is white space, indentation, a doubled quote, or an escape.
    """
    at = _content_start(source, style)
    for index in range(offset):
        at = _step(source, at, value[index], style)
    if offset < len(value) and not value[offset].isspace():
        at = _skip_space(source, at, style)
    return min(at, len(source))


def _content_start(source: str, style: str) -> int:
    if style in ("|", ">"):
        end = _LINE_END.search(source)
        return end.end() if end else len(source)
    return 1 if style in ("'", '"') else 0


def _step(source: str, at: int, char: str, style: str) -> int:
    """The place behind the source of one character of the value."""
    escaped = style == '"' and source.startswith("\\", at)
    if char.isspace() and not escaped:
        return at + 1 if source.startswith(char, at) else at
    at = _skip_space(source, at, style)
    if style == '"' and source.startswith("\\", at):
        return at + _escape_length(source, at)
    if style == "'" and char == "'":
        return at + 2
    return at + 1


def _skip_space(source: str, at: int, style: str) -> int:
    """Over indentation and line ends, in double quotes also over escaped line ends."""
    while at < len(source):
        joined = style == '"' and source.startswith(("\\\n", "\\\r"), at)
        if not (joined or source[at].isspace()):
            break
        at += 1
    return at


def _escape_length(source: str, at: int) -> int:
    return 2 + {"x": 2, "u": 4, "U": 8}.get(source[at + 1 : at + 2], 0)
