"""The text of a document -> feedparser's dictionaries, by feedparser's parsers, driven by us.

Chose to drive its strict and its lenient parser here, instead of calling ``feedparser.parse``:

- a slip in the handler of one element (it has a dozen: ``<cc:license>`` without an address, a
  width that is no number) costs that element, and not every item of the feed;
- a document with the two commonest mistakes is mended and read strictly, before it is read
  leniently, which is slower and less exact;
- it is certain which of the two parsers read an id, and that no path or address is ever opened.

The price is that the names used here are not feedparser's documented interface; a test compares
what they give with ``feedparser.parse`` on every document of the corpora.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from xml.sax import SAXException, SAXParseException
from xml.sax.expatreader import create_parser
from xml.sax.handler import feature_external_ges, feature_external_pes
from xml.sax.saxutils import escape

from feedparser.api import LooseFeedParser, StrictFeedParser
from feedparser.exceptions import UndeclaredNamespace
from feedparser.sanitizer import replace_doctype

from monitor import xmltext
from monitor.entries import Raw

_SLIPS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
_HISTORY = "http://purl.org/syndication/history/1.0"
_MOST_SKIPPED = 100
_DECLARATION = re.compile(r"\A<\?xml[^>]*\?>")


@dataclass(frozen=True, slots=True)
class Document:
    """What feedparser found. ``problem``: what is wrong with the document, empty when nothing is.

    ``lenient``: it was not well-formed and could not be mended, so texts of elements without
    markup still have their entities. ``hours`` and ``days`` are the texts in skipHours and
    skipDays; ``history`` holds what RFC 5005 calls the document: ``complete``, ``archive``.
    """

    version: str
    feed: Raw
    entries: list[Raw]
    problem: str = ""
    lenient: bool = False
    hours: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    history: frozenset[str] = frozenset()


def parse(text: str) -> Document:
    """The feed in ``text``, which is `xmltext.legal`; nothing is raised for any text."""
    data = _DECLARATION.sub("", text, count=1).encode("utf-8", "replace")
    version, data, entities = replace_doctype(data)
    strict, problem = _read_strictly(data)
    if not problem:
        return _document(strict, version)
    mended = xmltext.mended(text)
    if mended != text:
        mended = _DECLARATION.sub("", mended, count=1)
        strict, remains = _read_strictly(replace_doctype(mended.encode("utf-8", "replace"))[1])
        if not remains:
            return _document(strict, version, problem)
    return _document(_read_leniently(data, entities), version, problem, lenient=True)


def _read_strictly(data: bytes) -> tuple[Any, str]:
    """A parser that has read ``data``, and what expat says is wrong with it."""
    parser = _as_we_want_it(_Strict(None, None, "utf-8"))
    reader = create_parser(namespaceHandling=True)  # noqa: S315 - expat bounds what entities grow to, and we refuse those that matter
    reader.setFeature(feature_external_ges, False)
    reader.setFeature(feature_external_pes, False)
    reader.setContentHandler(parser)
    reader.setErrorHandler(parser)
    try:
        reader.feed(data)
        reader.close()
    except SAXParseException as error:
        return parser, f"line {error.getLineNumber()}: {error.getMessage()}"
    except (SAXException, UndeclaredNamespace) as error:
        return parser, str(error)
    return parser, ""


def _read_leniently(data: bytes, entities: dict[str, str]) -> Any:
    parser = _as_we_want_it(_Lenient(None, None, "utf-8", entities))
    with suppress(*_SLIPS):  # what was read up to one counts
        parser.feed(data.decode("utf-8", "replace"))
    return parser


def _as_we_want_it(parser: Any) -> Any:
    """HTML is cleaned, and its links left alone, by `monitor.clean`."""
    parser.resolve_relative_uris = False
    parser.sanitize_html = False
    return parser


def _document(
    parser: Any, version: str | None, problem: str = "", *, lenient: bool = False
) -> Document:
    return Document(
        version=version or parser.version,
        feed=parser.feeddata,
        entries=parser.entries,
        problem=problem,
        lenient=lenient,
        hours=tuple(parser.hours),
        days=tuple(parser.days),
        history=frozenset(parser.history),
    )


def _forgiving(method: Callable[..., None]) -> Callable[..., None]:
    """The method, which passes over an element that its handler fails on."""

    def forgiving(*args: Any, **kwargs: Any) -> None:
        try:  # noqa: SIM105 - runs for every element: a context manager costs more than it does
            method(*args, **kwargs)
        except _SLIPS:
            pass

    return forgiving


class _Hints:
    """Handlers for elements of the feed that feedparser does not keep: both parsers have them.

    feedparser calls them by their names; ``push`` and ``pop`` are its own.
    """

    inentry: int
    push: Callable[[str, int], None]
    pop: Callable[[str], str | None]

    def __init__(self, *args: Any) -> None:
        self.hours: list[str] = []
        self.days: list[str] = []
        self.history: set[str] = set()
        self._skipped: list[str] = []
        super().__init__(*args)

    def _start_skiphours(self, _: Raw) -> None:
        self._skipped = self.hours

    def _start_skipdays(self, _: Raw) -> None:
        self._skipped = self.days

    def _end_skiphours(self) -> None:
        self._skipped = []

    _end_skipdays = _end_skiphours

    def _start_hour(self, _: Raw) -> None:
        self.push("hour", 0)

    def _end_hour(self) -> None:
        self._keep(self.pop("hour"))

    def _start_day(self, _: Raw) -> None:
        self.push("day", 0)

    def _end_day(self) -> None:
        self._keep(self.pop("day"))

    def _keep(self, text: str | None) -> None:
        if text and not self.inentry and len(self._skipped) < _MOST_SKIPPED:
            self._skipped.append(text)

    def _start_fh_complete(self, _: Raw) -> None:
        self._mark("complete")

    def _start_fh_archive(self, _: Raw) -> None:
        self._mark("archive")

    def _mark(self, name: str) -> None:
        if not self.inentry:
            self.history.add(name)


def _prefixes(known: dict[str, str]) -> dict[str, str]:
    """feedparser's prefix for each namespace, and RFC 5005's."""
    return {uri.lower(): prefix for uri, prefix in {**known, _HISTORY: "fh"}.items()}


class _Strict(_Hints, StrictFeedParser):  # type: ignore[misc]  # feedparser ships no types
    _matchnamespaces = _prefixes(StrictFeedParser.namespaces)
    startElementNS = _forgiving(StrictFeedParser.startElementNS)  # noqa: N815 - the name is xml.sax's
    endElementNS = _forgiving(StrictFeedParser.endElementNS)  # noqa: N815 - likewise

    def characters(self, text: str) -> None:
        """As feedparser's, without its slow dictionary: this is called most of all."""
        if self.elementstack:
            if dict.get(self.contentparams, "type") == "application/xhtml+xml":
                text = escape(text)
            self.elementstack[-1][2].append(text)


class _Lenient(_Hints, LooseFeedParser):  # type: ignore[misc]  # feedparser ships no types
    _matchnamespaces = _prefixes(LooseFeedParser.namespaces)
    unknown_starttag = _forgiving(LooseFeedParser.unknown_starttag)
    unknown_endtag = _forgiving(LooseFeedParser.unknown_endtag)
    handle_charref = _forgiving(LooseFeedParser.handle_charref)
    handle_entityref = _forgiving(LooseFeedParser.handle_entityref)
