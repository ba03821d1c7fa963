"""Items from a file or a pipe, one a line, however many there are.

A file whose first line with anything in it begins with ``{`` holds JSON objects, one a line; in
any other file every line is the text of an item. Chose to decide once for the whole file, instead
of line by line, because then a broken line of JSON is told as such and never searched as a text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from rules import Document

LONGEST = 4 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_TEXTS = ("title", "summary", "content", "author", "url", "feed", "source", "lang")
_LISTS = ("tags", "feed_tags")
_TELLING = ("title", "summary", "content", "text", "author", "tags", "url")


@dataclass(frozen=True, slots=True)
class Line:
    """An item and the line, from 1, it stands in."""

    number: int
    document: Document


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that holds no item, and why."""

    number: int
    why: str


class NotLinesError(ValueError):
    """The file is no list of lines at all; says what to do."""


def read_items(
    stream: IO[bytes], *, plain: bool = False, lang: str = ""
) -> Iterator[Line | Unreadable]:
    """The items of a stream, read as they are asked for.

    ``plain``: every line is a text, even one that begins with a bracket. ``lang`` is the language
    of items that name none. Empty lines are counted and left out.

    Raises:
        NotLinesError: the stream is one JSON array.
    """
    is_json: bool | None = False if plain else None
    for number, raw in _lines(stream):
        if isinstance(raw, Unreadable):
            yield raw
            continue
        if is_json is None:
            is_json = raw.startswith(b"{")
            if raw.startswith((b"[{", b"[ {")) or raw == b"[":
                raise NotLinesError("this is a JSON array; write one object a line: jq -c '.[]'")
        yield _item(number, raw, is_json=is_json, lang=lang)


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes | Unreadable]]:
    """Every line that holds something, without blanks around it; one without end is not kept."""
    number = 0
    while raw := stream.readline(LONGEST + 1):
        number += 1
        if len(raw) > LONGEST:
            while raw and not raw.endswith(b"\n"):
                raw = stream.readline(LONGEST)
            yield number, Unreadable(number, f"longer than {LONGEST // 1024**2} MB")
            continue
        raw = (raw.removeprefix(_BOM) if number == 1 else raw).strip()
        if raw:
            yield number, raw


def _item(number: int, raw: bytes, *, is_json: bool, lang: str) -> Line | Unreadable:
    try:
        text = raw.decode()
        document = _document(_object(text), lang) if is_json else Document(text, lang=lang)
    except UnicodeDecodeError as error:
        return Unreadable(number, f"not UTF-8 (byte {error.start + 1} of the line)")
    except _WrongItemError as error:
        return Unreadable(number, str(error))
    return Line(number, document)


class _WrongItemError(Exception):
    """The line is no item; the message says why."""


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise _WrongItemError(f"not JSON from column {error.colno} on") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, thousands of brackets
        raise _WrongItemError("not JSON that can be read") from None
    if not isinstance(value, dict):
        raise _WrongItemError("not a JSON object")
    return value


def _document(item: Mapping[str, Any], lang: str) -> Document:
    if not any(key in item for key in _TELLING):
        raise _WrongItemError(f"no item: it has none of {', '.join(_TELLING)}")
    texts = {name: _text(item, name) for name in _TEXTS}
    texts["content"] = texts["content"] or _text(item, "text")
    texts["lang"] = texts["lang"] or lang
    lists = {name: _list(item, name) for name in _LISTS}
    return Document(**texts, **lists)  # type: ignore[arg-type] # mypy mixes up the two mappings


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    if value is None:
        return ""
    if isinstance(value, list | dict):
        raise _WrongItemError(f"{name} is not text")
    return str(value)


def _list(item: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = item.get(name)
    if value is None:
        return ()
    values = value if isinstance(value, list) else [value]
    if any(isinstance(entry, list | dict) for entry in values):
        raise _WrongItemError(f"{name} is not a list of texts")
    return tuple(str(entry) for entry in values if entry is not None)
