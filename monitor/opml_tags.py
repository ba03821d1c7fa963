"""The outlines of a file that is not XML, though it was meant to be: read tag by tag.

Lists of feeds are written by many hands: with bare ampersands, quotes within quotes, characters
that have names in HTML only, tags that are never closed. What can be understood is taken, and what
cannot is told. Only ``&amp; &lt; &gt; &quot; &apos;`` and numbers are decoded, and a file of any
kind is read once from its beginning to its end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.opml import Tree

_TOKEN = re.compile(r"<!--|<!\[CDATA\[|<(?P<end>/?)outline(?=[\s/>])", re.IGNORECASE)
_ENDS = {"<!--": "-->", "<![cdata[": "]]>"}
_NAME = re.compile(r"""[\s,'"]*([A-Za-z_][\w:.-]{0,100})\s*=\s*""")
# A value ends with the quote that something else follows: quotes may stand within quotes.
_VALUE = re.compile(
    r"""(?:"((?:(?!</?outline[\s>]).){0,4000}?)"|'((?:(?!</?outline[\s>]).){0,4000}?)')"""
    r"""(?=\s*[/?]?>|\s*[A-Za-z_][\w:.-]{0,100}\s*=\s*["']|\s+[A-Za-z_-]{1,40}\s*/?>)""",
    re.IGNORECASE | re.DOTALL,
)
_OTHER_VALUE = re.compile(r"""()()(?:"([^"<>]{0,4000})"|([^\s"'<>]{1,4000}?)(?=\s|/?>))""")
_TAG_END = re.compile(r"[^<>]*(?P<close>>|(?=<)|\Z)")
_ENTITY = re.compile(r"&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_MOST_DEPTH = 50


@dataclass(slots=True)
class Read:
    """What was understood. ``skipped``: the lines of outlines that name a feed and were not."""

    tree: Tree = field(default_factory=Tree)
    skipped: list[int] = field(default_factory=list)


def read(text: str) -> Read:
    """The outlines of ``text``; nothing is raised for any text."""
    reader = _Reader(text)
    reader.run()
    return reader.read


class _Reader:
    def __init__(self, text: str) -> None:
        self.read = Read()
        self._text = text
        self._missing: set[str] = set()
        self._line, self._counted = 1, 0
        self._feed_open = False

    def run(self) -> None:
        at = 0
        while found := _TOKEN.search(self._text, at):
            if found["end"] is None:
                at = self._after(_ENDS[found[0].lower()], found.end())
            elif found["end"]:
                self._closed()
                at = found.end()
            else:
                at = self._outline(found.start(), found.end())

    def _after(self, end: str, at: int) -> int:
        """Behind a comment, or behind its beginning when it has no end."""
        place = -1 if end in self._missing else self._text.find(end, at)
        if place < 0:
            self._missing.add(end)
            return at
        return place + len(end)

    def _closed(self) -> None:
        """A feed that was not closed by itself is closed first."""
        if not self._feed_open:
            self.read.tree.close()
        self._feed_open = False

    def _outline(self, start: int, at: int) -> int:
        attributes, at = self._attributes(at)
        end = _TAG_END.match(self._text, at)
        rest, at = (end[0], end.end()) if end else ("", at)
        self._feed_open = False
        line, column = self._place(start)
        if _is_lost(attributes, rest):
            self.read.skipped.append(line)
            return at
        is_whole = rest.rstrip(" \t\r\n>").endswith("/")
        is_feed = self.read.tree.open("outline", attributes, line, column)
        if is_feed or is_whole or self.read.tree.depth > _MOST_DEPTH:
            self.read.tree.close()
            self._feed_open = is_feed and not is_whole
        return at

    def _attributes(self, at: int) -> tuple[dict[str, str], int]:
        """The attributes from here on, of two with one name the first, and where they end."""
        found: dict[str, str] = {}
        while name := _NAME.match(self._text, at):
            here = name.end()
            value = _VALUE.match(self._text, here) or _OTHER_VALUE.match(self._text, here)
            if not value:
                break
            found.setdefault(name[1], _decoded(next(filter(None, value.groups()), "")))
            at = value.end()
        return found, at

    def _place(self, at: int) -> tuple[int, int]:
        self._line += self._text.count("\n", self._counted, at)
        self._counted = at
        return self._line, at - self._text.rfind("\n", 0, at)


def _is_lost(attributes: Mapping[str, str], rest: str) -> bool:
    """Whether a feed was meant, and its address was not understood."""
    url = next((text for name, text in attributes.items() if name.lower() == "xmlurl"), None)
    if url is not None:
        return len(url.split()) > 1
    return any("xmlurl" in text.lower() for text in (rest, *attributes.values()))


def _decoded(text: str) -> str:
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    decimal, hexadecimal, name = found.groups()
    if name:
        return _NAMED[name]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else ""
