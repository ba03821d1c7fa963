"""Feeds from OPML: every outline with an ``xmlUrl`` becomes a feed.

Reads well-formed files; anything with a DOCTYPE is refused, so no entity is ever expanded.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from rules import Mistake
from rules.source import read_at_most

_MAX_BYTES = 16 * 1024 * 1024
_MAX_DEPTH = 50


class Outline(NamedTuple):
    """A feed as OPML tells it. ``tags``: the folders it lies in."""

    title: str
    url: str
    tags: tuple[str, ...]
    line: int
    column: int


@dataclass(slots=True)
class _Handler:
    parser: expat.XMLParserType
    outlines: list[Outline] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    problem: str = ""
    place: tuple[int, int] = (1, 1)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.folders) >= _MAX_DEPTH:
            self._refuse(f"more than {_MAX_DEPTH} levels deep")
        given = {key.lower(): value.strip() for key, value in attributes.items()}
        is_outline = name.lower() == "outline"
        title = (given.get("title") or given.get("text") or "") if is_outline else ""
        if is_outline and given.get("xmlurl"):
            tags = tuple(dict.fromkeys(folder for folder in self.folders if folder))
            self.outlines.append(Outline(title, given["xmlurl"], tags, *self._here()))
            title = ""
        self.folders.append(title)

    def end(self, _name: str) -> None:
        self.folders.pop()

    def doctype(self, *_: object) -> None:
        self._refuse("holds a DOCTYPE, which is not read")

    def _refuse(self, problem: str) -> None:
        self.problem, self.place = problem, self._here()
        raise _RefusedError

    def _here(self) -> tuple[int, int]:
        return self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1


class _RefusedError(Exception):
    """What the file holds is not read; the handler knows why."""


def read_outlines(path: Path) -> tuple[list[Outline], list[Mistake]]:
    """The feeds of an OPML file, or why it cannot be read."""
    try:
        raw = read_at_most(path, _MAX_BYTES + 1)
    except OSError as error:
        return [], [Mistake(f"cannot be read: {error.strerror or error}", file=str(path))]
    if len(raw) > _MAX_BYTES:
        return [], [Mistake(f"is bigger than {_MAX_BYTES // 2**20} MB", file=str(path))]
    parser = expat.ParserCreate()
    handler = _Handler(parser)
    parser.StartElementHandler = handler.start
    parser.EndElementHandler = handler.end
    parser.StartDoctypeDeclHandler = handler.doctype
    try:
        parser.Parse(raw, True)
    except _RefusedError:
        pass
    except expat.ExpatError as error:
        handler.problem = f"not well-formed XML: {expat.ErrorString(error.code)}"
        handler.place = (error.lineno, error.offset + 1)
    if not handler.problem:
        return handler.outlines, []
    hint = "export it again, or write its feeds into feeds/*.yaml"
    return [], [Mistake(handler.problem, hint, str(path), *handler.place)]


class Titles:
    """Makes names of titles, each one once."""

    def __init__(self, taken: Container[str]) -> None:
        self._taken = taken
        self._numbers: dict[str, int] = {}

    def name(self, outline: Outline) -> str:
        """A feed's name made of its title, or its host, that nothing else has."""
        host = re.sub(r"^[a-z]+://(www\.)?", "", outline.url.lower()).partition("/")[0]
        base = name = _slug(outline.title) or _slug(host) or "feed"
        while name in self._taken:
            number = self._numbers[base] = self._numbers.get(base, 1) + 1
            name = f"{base}-{number}"
        return name


def _slug(text: str) -> str:
    return "-".join(re.findall(r"\w+", text.lower().replace("_", " ")))[:60].strip("-")
