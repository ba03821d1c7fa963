"""What both of feedparser's parsers do with elements, where theirs costs most or falls short.

feedparser's handlers (``_start_title``, ``_end_dc_date``: which element means what) stay in force.
What they stand on is ours: the stack of open elements, how a text is finished and where it is put.
Its own takes half of the time of parsing, most of it in a dictionary that knows its keys by several
names; and it keeps every element that it does not know, under the names of those that it knows.

Elements of the feed that feedparser does not keep, and schedules need, are kept here.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin

from monitor.entries import Raw

Attributes = dict[str, str]

# The elements without a handler whose text somebody asks for.
KEPT = frozenset(("ttl", "sy_updateperiod", "sy_updatefrequency", "feedburner_origlink"))
_HISTORY = "http://purl.org/syndication/history/1.0"
_MOST_SKIPPED = 100
_MOST_TAGS = 1_000
_LONGEST_AUTHOR = 1_000
_XHTML = "application/xhtml+xml"
_SLASHES = re.compile(r"([A-Za-z][A-Za-z0-9+.,-]*://)/+")
_MISREAD = re.compile("[\x80-\x9f]")
# What a control character that nobody means stands for in windows-1252.
_MEANT = {
    code: char for code in range(0x80, 0xA0) if (char := bytes([code]).decode("cp1252", "ignore"))
}
_REFERENCE = re.compile(r"&([A-Za-z0-9_]+);")
_ADDRESSES = frozenset(("comments", "docs", "href", "icon", "id", "link", "logo", "url"))
_ADDRESSES |= {"wfw_comment", "wfw_commentrss"}


def prefixes(known: dict[str, str]) -> dict[str, str]:
    """feedparser's prefix for each namespace, and RFC 5005's."""
    return {uri.lower(): prefix for uri, prefix in {**known, _HISTORY: "fh"}.items()}


class Elements:
    """Comes before one of feedparser's parsers among the bases of a class.

    After parsing, ``hours`` and ``days`` hold the texts in skipHours and skipDays, ``history`` what
    RFC 5005 calls the document.
    """

    # feedparser's own, which it makes or changes.
    version: str
    baseuri: str
    lang: str | None
    depth: int
    title_depth: int
    infeed: int
    inentry: int
    inimage: int
    incontent: int
    insource: int
    guidislink: int
    entries: list[Raw]
    elementstack: list[list[Any]]
    _get_context: Callable[[], Raw]
    _get_attribute: Callable[[Attributes, str], str | None]
    _cdf_common: Callable[[Attributes], None]
    _is_base64: Callable[[Attributes, Raw], int]
    map_content_type: Callable[[str], str]
    looks_like_html: Callable[[str], bool]
    decode_entities: Callable[[str, str], str]

    def __init__(self, *args: Any) -> None:
        self.hours: list[str] = []
        self.days: list[str] = []
        self.history: set[str] = set()
        self._skipped: list[str] = []
        self._depths: dict[str, int] = {}
        super().__init__(*args)
        self.feeddata: Raw = {}
        self.sourcedata: Raw = {}
        self.contentparams: Raw = {}

    # Open elements and their texts

    def push(self, element: str, expecting_text: int) -> None:
        """Open an element; ``expecting_text``: its text is kept under its name."""
        self.elementstack.append([element, expecting_text, []])

    def push_content(
        self, tag: str, attrs_d: Attributes, default_content_type: str, expecting_text: int
    ) -> None:
        """Open an element whose text has a type and may have markup."""
        self.incontent += 1
        if self.lang:
            self.lang = self.lang.replace("_", "-")
        kind = self.map_content_type(attrs_d.get("type", default_content_type))
        self.contentparams = {"type": kind, "language": self.lang, "base": self.baseuri}
        self.contentparams["base64"] = self._is_base64(attrs_d, self.contentparams)
        self.push(tag, expecting_text)

    def pop(self, element: str, strip_whitespace: int = 1) -> str | None:
        """Close an element, if it is the last opened, and keep its text; that text."""
        if not self.elementstack or self.elementstack[-1][0] != element:
            return None
        _, expecting_text, pieces = self.elementstack.pop()
        text = _together(self._within_div(pieces))
        if strip_whitespace:
            text = text.strip()
        if not expecting_text:
            return text
        text = self._finished(element, text)
        if element in ("category", "tags", "itunes_keywords"):
            return text
        if element == "title" and -1 < self.title_depth <= self.depth:
            return text
        self._put(element, text)
        return text

    def _within_div(self, pieces: Any) -> Any:
        """The pieces of XHTML without the <div> that Atom puts around them."""
        if self.version != "atom10" or self.contentparams.get("type", "text") != _XHTML:
            return pieces
        pieces = _trimmed([_decoded(piece) for piece in pieces])
        if not pieces or pieces[-1] != "</div>":
            return pieces
        if pieces[0] != "<div>" and not pieces[0].startswith("<div "):
            return pieces
        return pieces[1:-1] if _is_one_element(pieces) else pieces

    def _finished(self, element: str, text: str) -> str:
        """The text as it is meant: decoded, an address made absolute by xml:base."""
        params = self.contentparams
        packed = params.pop("base64", 0)
        if packed:
            with suppress(binascii.Error, UnicodeDecodeError):
                text = base64.decodebytes(text.encode("utf-8")).decode("utf-8")
        if text and element in _ADDRESSES and (element != "id" or self.guidislink):
            text = self.resolve_uri(text)
        if not packed:
            text = self.decode_entities(element, text)
        if ("<" in text or "&" in text) and self._is_html(text):
            params["type"] = "text/html"
        params.pop("mode", None)
        return text if text.isascii() else _as_was_meant(text)

    def _is_html(self, text: str) -> bool:
        """Formats that call everything plain text leave it to the reader to find out."""
        if self.version.startswith("atom") or self.contentparams.get("type") != "text/plain":
            return False
        return self.looks_like_html(text)

    def resolve_uri(self, uri: str) -> str:
        """The address against xml:base, where there is one."""
        if ":///" in uri:
            uri = _SLASHES.sub(r"\1", uri, count=1) if _SLASHES.match(uri) else uri
        if not self.baseuri:
            return uri
        try:
            return urljoin(self.baseuri, uri)
        except ValueError:
            return ""

    def _put(self, element: str, text: str) -> None:
        if self.inentry and not self.insource:
            self._put_in_entry(self.entries[-1], element, text)
        elif self.infeed or self.insource:
            self._put_in_feed(self._get_context(), element, text)

    def _put_in_entry(self, entry: Raw, element: str, text: str) -> None:
        if element == "content":
            entry.setdefault("content", []).append({**self.contentparams, "value": text})
        elif element == "link":
            if not self.inimage:
                entry["link"] = text = _as_query(text.replace("&amp;", "&"))
                if text:
                    entry["links"][-1]["href"] = text
        else:
            element = "summary" if element == "description" else element
            # Of two elements of one name, the one less deep is the entry's.
            if self.depth <= self._depths.get(element, self.depth):
                self._depths[element] = self.depth
                entry[element] = text
            if self.incontent:
                entry[f"{element}_detail"] = {**self.contentparams, "value": text}

    def _put_in_feed(self, context: Raw, element: str, text: str) -> None:
        element = "subtitle" if element == "description" else element
        context[element] = text
        if element == "link":
            context[element] = text = _as_query(text)
            context["links"][-1]["href"] = text
        elif self.incontent:
            context[f"{element}_detail"] = {**self.contentparams, "value": text}

    # Handlers whose cost would grow with the square of what a document repeats, or that make
    # feedparser's dictionaries

    def _start_item(self, attrs_d: Attributes) -> None:
        self.entries.append({})
        self._depths = {}
        self.push("item", 0)
        self.inentry = 1
        self.guidislink = 0
        self.title_depth = -1
        about = self._get_attribute(attrs_d, "rdf:about")
        if about:
            self._get_context()["id"] = about
        self._cdf_common(attrs_d)

    _start_entry = _start_item

    def _add_tag(self, term: str | None, scheme: str | None, label: str | None) -> None:
        tags = self._get_context().setdefault("tags", [])
        if (term or scheme or label) and len(tags) < _MOST_TAGS:
            tag = {"term": term, "scheme": scheme, "label": label}
            if tag not in tags:
                tags.append(tag)

    def _sync_author_detail(self, key: str = "author") -> None:
        author = self._get_context().get(key)
        if not isinstance(author, str) or len(author) < _LONGEST_AUTHOR:
            super()._sync_author_detail(key)  # type: ignore[misc]  # feedparser's, which ships no types

    # Elements of the feed that feedparser does not keep

    def _start_skiphours(self, _: Attributes) -> None:
        self._skipped = self.hours

    def _start_skipdays(self, _: Attributes) -> None:
        self._skipped = self.days

    def _end_skiphours(self) -> None:
        self._skipped = []

    _end_skipdays = _end_skiphours

    def _start_hour(self, _: Attributes) -> None:
        self.push("hour", 0)

    def _end_hour(self) -> None:
        self._keep(self.pop("hour"))

    def _start_day(self, _: Attributes) -> None:
        self.push("day", 0)

    def _end_day(self) -> None:
        self._keep(self.pop("day"))

    def _keep(self, text: str | None) -> None:
        if text and not self.inentry and len(self._skipped) < _MOST_SKIPPED:
            self._skipped.append(text)

    def _start_fh_complete(self, _: Attributes) -> None:
        self._mark("complete")

    def _start_fh_archive(self, _: Attributes) -> None:
        self._mark("archive")

    def _mark(self, name: str) -> None:
        if not self.inentry:
            self.history.add(name)


def _together(pieces: Any) -> str:
    try:
        return "".join(pieces)
    except TypeError:  # the lenient parser writes what it decodes as bytes
        return "".join(map(_decoded, pieces))


def _decoded(piece: str | bytes) -> str:
    return piece.decode("utf-8", "replace") if isinstance(piece, bytes) else piece


def _trimmed(pieces: list[str]) -> list[str]:
    """The pieces without blank ones at the ends, but one."""
    first, last = 0, len(pieces)
    while last - first > 1 and not pieces[last - 1].strip():
        last -= 1
    while last - first > 1 and not pieces[first].strip():
        first += 1
    return pieces[first:last]


def _is_one_element(pieces: list[str]) -> bool:
    """The element that the first piece opens is closed by none but the last."""
    depth = 0
    for piece in pieces[:-1]:
        if piece.startswith("</"):
            depth -= 1
            if depth == 0:
                return False
        elif piece.startswith("<") and not piece.endswith("/>"):
            depth += 1
    return True


def _as_was_meant(text: str) -> str:
    """UTF-8 that was taken for Latin-1, and windows-1252 that was called Latin-1, put right."""
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode("utf-8")
    return text.translate(_MEANT) if _MISREAD.search(text) else text


def _as_query(address: str) -> str:
    """The address with ``?a=1&b;=2`` put right: the lenient parser takes ``&b`` for an entity."""
    return _REFERENCE.sub(r"&\1", address) if "&" in address else address
