"""Feeds from OPML files: read as XML where they are, tag by tag where they are not.

No entity is ever expanded: of a file with a DOCTYPE the tags are read, and one that declares
entities is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from xml.parsers import expat

from monitor import config_values as values
from monitor.opml import Outline, Tree
from rules import Mistake
from rules.source import read_at_most

__all__ = ["Outline", "Outlines", "Titles", "read_outlines", "settings_of"]

_MAX_BYTES = 16 * 1024 * 1024
_MAX_DEPTH = 50
_LONGEST = 50
_HINT = "export it again, or write its feeds into feeds/*.yaml"


class Outlines(NamedTuple):
    """The feeds of a file. ``mistakes``: why it cannot be read; ``warnings``: what is wrong with a
    file that was read all the same, and what of it was left out."""

    feeds: list[Outline]
    mistakes: list[Mistake]
    warnings: list[Mistake]


def read_outlines(path: Path) -> Outlines:
    """The feeds of an OPML file, or why it cannot be read."""
    try:
        raw = read_at_most(path, _MAX_BYTES + 1)
    except OSError as error:
        return _refused(Mistake(f"cannot be read: {error.strerror or error}", file=str(path)))
    if len(raw) > _MAX_BYTES:
        return _refused(Mistake(f"is bigger than {_MAX_BYTES // 2**20} MB", file=str(path)))
    return read_raw(raw, str(path))


def read_raw(raw: bytes, file: str) -> Outlines:
    """As `read_outlines`, of bytes that were read already; ``file`` is their name."""
    strict = _Strict()
    fault = strict.read(raw)
    if fault is None:
        return Outlines(strict.tree.outlines, [], [])
    mistake = Mistake(fault.problem, _HINT, file, fault.line, fault.column)
    return _refused(mistake) if fault.final else _tag_by_tag(raw, mistake)


def _refused(mistake: Mistake) -> Outlines:
    return Outlines([], [mistake], [])


def _tag_by_tag(raw: bytes, mistake: Mistake) -> Outlines:
    """What the second reader understands; the file's fault becomes a warning when that is feeds."""
    from monitor import charset, xmltext  # noqa: PLC0415 - few files need them
    from monitor.opml_tags import read  # noqa: PLC0415 - likewise

    found = read(xmltext.legal(charset.decode(raw)))
    feeds = found.tree.outlines
    if not feeds:
        return _refused(mistake)
    count = "its one feed was" if len(feeds) == 1 else f"its {len(feeds):,} feeds were"
    warnings = [replace(mistake, message=f"{mistake.message}; {count} read all the same")]
    warnings += [
        Mistake("this outline cannot be understood and was left out", "", mistake.file, line, 1)
        for line in found.skipped
    ]
    return Outlines(feeds, [], warnings)


class _Fault(NamedTuple):
    """Why expat gave up. ``final``: nobody else shall try."""

    problem: str
    line: int
    column: int
    final: bool = False


class _FaultError(Exception):
    def __init__(self, fault: _Fault) -> None:
        super().__init__(fault.problem)
        self.fault = fault


class _Strict:
    """Reads XML, by expat."""

    def __init__(self) -> None:
        self.tree = Tree()
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._doctype

    def read(self, raw: bytes) -> _Fault | None:
        """Why the bytes cannot be read as XML, None when they were."""
        try:
            self._parser.Parse(raw, True)
        except _FaultError as error:
            return error.fault
        except expat.ExpatError as error:
            problem = f"not well-formed XML: {expat.ErrorString(error.code)}"
            return _Fault(problem, error.lineno, error.offset + 1)
        return None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        if self.tree.depth >= _MAX_DEPTH:
            problem = f"more than {_MAX_DEPTH} levels deep"
            raise _FaultError(_Fault(problem, line, column, final=True))
        self.tree.open(name, attributes, line, column)

    def _end(self, _name: str) -> None:
        self.tree.close()

    def _doctype(
        self, _name: str, _system: str | None, _public: str | None, has_subset: bool
    ) -> None:
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        if has_subset:
            problem = "holds a DOCTYPE with declarations, which are not read"
            raise _FaultError(_Fault(problem, line, column, final=True))
        raise _FaultError(_Fault("holds a DOCTYPE, which is not read", line, column))


def settings_of(outline: Outline) -> dict[str, Any]:
    """What our own export said of a feed, as `monitor.config.FeedConfig` takes it.

    Raises:
        WrongValueError: one of the values is not what its key takes.
    """
    converts: Mapping[str, Callable[[str], Any]] = {
        "every": values.every,
        "lang": values.language,
        "source": values.words,
        "max_age": values.some_time,
        "enabled": values.boolean,
    }
    return {key: converts[key](text) for key, text in outline.settings}


class Titles:
    """Makes names of titles, each one once."""

    def __init__(self, taken: Container[str]) -> None:
        self._taken = taken
        self._numbers: dict[str, int] = {}

    def name(self, outline: Outline) -> str:
        """A feed's name that nothing else has: its own, or one of its title, or of its host."""
        if outline.name and outline.name not in self._taken:
            return outline.name
        host = re.sub(r"^[a-z]+://(www\.)?", "", outline.url.lower()).partition("/")[0]
        base = name = _slug(outline.title) or _slug(host) or "feed"
        while name in self._taken:
            number = self._numbers[base] = self._numbers.get(base, 1) + 1
            name = f"{base}-{number}"
        return name


def _slug(text: str) -> str:
    letters = (char if _is_of_word(char) else " " for char in text.lower())
    whole = "-".join("".join(letters).split())
    return whole if len(whole) <= _LONGEST else (whole[:_LONGEST].rpartition("-")[0] or whole[:40])


def _is_of_word(char: str) -> bool:
    """Letters, digits, and the marks that are written above or below them."""
    return char.isalnum() or unicodedata.category(char).startswith("M")
