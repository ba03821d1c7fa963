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
from itertools import islice
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

from feedparser.api import LooseFeedParser, StrictFeedParser
from feedparser.sanitizer import replace_doctype
from feedparser.urls import make_safe_absolute_uri

from monitor import xmltext
from monitor.entries import Raw
from monitor.feedelements import KEPT, Attributes, Elements, prefixes

_SLIPS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
_XHTML = "application/xhtml+xml"
_USERLAND = "backend.userland.com/rss"
_MOST_NAMES = 1_000
_IN_TEXTINPUT = frozenset(("title", "link", "description", "name"))
_IN_IMAGE = frozenset(("title", "link", "description", "url", "href", "width", "height"))
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
    """A parser that has read ``data``, and what expat says is wrong with it.

    expat bounds what entities grow to; without handlers for them it opens nothing outside.
    """
    parser = _Strict(None, None, "utf-8")
    reader = expat.ParserCreate("utf-8", " ")
    reader.namespace_prefixes = True
    reader.buffer_text = True
    reader.StartNamespaceDeclHandler = parser.declare
    reader.StartElementHandler = parser.start
    reader.EndElementHandler = parser.end
    reader.CharacterDataHandler = parser.characters
    try:
        reader.Parse(data, True)
    except expat.ExpatError as error:
        return parser, f"line {error.lineno}: {expat.ErrorString(error.code)}"
    return parser, ""


def _read_leniently(data: bytes, entities: dict[str, str]) -> Any:
    parser = _Lenient(None, None, "utf-8", entities)
    with suppress(*_SLIPS):  # what was read up to one counts
        parser.feed(data.decode("utf-8", "replace"))
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


Handler = Callable[..., None]


@dataclass(frozen=True, slots=True)
class _Element:
    """What a name in a document means: the tag with feedparser's prefix, the name of its handlers,
    and these, where it has them; whether it may be a part of a textinput, of an image."""

    tag: str
    name: str
    start: Handler | None
    end: Handler | None
    in_textinput: bool
    in_image: bool


class _Strict(Elements, StrictFeedParser):  # type: ignore[misc]  # feedparser ships no types
    """feedparser's strict parser, driven by expat itself.

    Chose expat's own interface instead of xml.sax, and to look up what a name means once a
    document instead of once an element: it takes half of the time. An element that its handler
    fails on is passed over.
    """

    decls: Attributes
    _matchnamespaces = prefixes(StrictFeedParser.namespaces)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._elements: dict[str, _Element | None] = {}

    def declare(self, prefix: str | None, uri: str | None) -> None:
        """A namespace begins."""
        before = dict(self.namespacemap), dict(self.namespaces_in_use)
        self.startPrefixMapping(prefix, uri)
        if before != (self.namespacemap, self.namespaces_in_use):
            self._elements.clear()

    def start(self, written: str, attributes: Attributes) -> None:
        """An element begins."""
        element = self._element(written)
        if element is None:
            return
        attrs_d = self._attributes(attributes) if attributes or self.decls else {}
        self._enter(element.tag, attrs_d)
        if self.incontent and self._is_inline(element.tag, "<{}>"):
            self.svgOK += element.name.endswith("svg")
            return
        if not element.in_textinput:
            self.intextinput = 0
        if not element.in_image:
            self.inimage = 0
        self._begin(element, attrs_d)

    def _begin(self, element: _Element, attrs_d: Attributes) -> None:
        try:
            if element.start is not None:
                element.start(self, attrs_d)
                return
        except AttributeError:  # as for feedparser, it is then an element that it does not know
            pass
        except _SLIPS:
            return
        if not attrs_d:
            self.push(element.name, element.name in KEPT)

    def end(self, written: str) -> None:
        """An element ends."""
        element = self._element(written)
        if element is None:
            return
        if self.svgOK and element.tag.endswith("svg"):
            self.svgOK -= 1
        with suppress(*_SLIPS):
            if element.end is None or self.svgOK:
                self.pop(element.name)
            else:
                self._finish(element, element.end)
        if self.incontent:
            self._is_inline(element.tag, "</{}>")
        self._leave()

    def _finish(self, element: _Element, end: Handler) -> None:
        try:
            end(self)
        except AttributeError:
            self.pop(element.name)

    def characters(self, text: str) -> None:
        """Text of the innermost element."""
        if self.elementstack:
            if self.contentparams.get("type") == _XHTML:
                text = escape(text)
            self.elementstack[-1][2].append(text)

    def _enter(self, tag: str, attrs_d: Attributes) -> None:
        """Note how deep we are, and what base and language hold from here on."""
        self.depth += 1
        if attrs_d:
            base = attrs_d.get("xml:base", attrs_d.get("base"))
            if base:
                self.baseuri = make_safe_absolute_uri(self.baseuri, base) or self.baseuri
            lang = attrs_d.get("xml:lang", attrs_d.get("lang"))
            if lang is not None:
                self.lang = lang or None
            if lang and tag in ("feed", "rss"):
                self.feeddata["language"] = lang.replace("_", "-")
        self.basestack.append(self.baseuri)
        self.langstack.append(self.lang)

    def _leave(self) -> None:
        if self.basestack:
            self.basestack.pop()
            if self.basestack and self.basestack[-1]:
                self.baseuri = self.basestack[-1]
        if self.langstack:
            self.langstack.pop()
            if self.langstack:
                self.lang = self.langstack[-1]
        self.depth -= 1

    def _is_inline(self, tag: str, written: str) -> bool:
        """The tag belongs to the text of an element, as markup, and was put there.

        Attributes are left out: nobody reads them. Text that was declared to be HTML in escaped
        form, and is not escaped, is markup all the same, but for the <div> around it.
        """
        params = self.contentparams
        if not params.get("type", "xml").endswith("xml"):
            if tag in ("xhtml:div", "div"):
                return True
            params["type"] = _XHTML
        if params.get("type") != _XHTML:
            return False
        if self.elementstack:
            self.elementstack[-1][2].append(written.format(tag.rpartition(":")[2]))
        return True

    def _element(self, written: str) -> _Element | None:
        """What expat's name of an element means, None for one that means nothing."""
        if written not in self._elements:
            if len(self._elements) > _MOST_NAMES:
                self._elements.clear()
            self._elements[written] = self._looked_up(written)
        return self._elements[written]

    def _looked_up(self, written: str) -> _Element | None:
        parts = written.split(" ")
        if len(parts) > 3:
            return None
        tag = parts[0].lower() if len(parts) == 1 else self._tag(parts[0], parts[1].lower())
        prefix, _, suffix = tag.rpartition(":")
        prefix = self.namespacemap.get(prefix, prefix)
        name = f"{prefix}_{suffix}" if prefix else suffix
        return _Element(
            tag=tag,
            name=name,
            start=getattr(type(self), f"_start_{name}", None),
            end=getattr(type(self), f"_end_{name}", None),
            in_textinput=bool(prefix) or tag in _IN_TEXTINPUT,
            in_image=bool(prefix) or tag in _IN_IMAGE,
        )

    def _tag(self, namespace: str, local: str) -> str:
        """The name with feedparser's prefix, else with the document's."""
        known = namespace.lower()
        prefix = "" if _USERLAND in known else self._matchnamespaces.get(known, "")
        if prefix:
            return f"{prefix}:{local}".lower()
        used = (name for name, uri in self.namespaces_in_use.items() if name and uri == namespace)
        return ":".join((*(name.lower() for name in islice(used, 1)), local))

    def _attributes(self, attributes: Attributes) -> Attributes:
        """The attributes by their names in lower case, with feedparser's prefix and their own."""
        attrs_d, self.decls = self.decls, {}
        plain = {}
        for written, value in attributes.items():
            if " " not in written:
                plain[written.lower()] = value
                continue
            namespace, local, *own = written.split(" ")
            prefix = self._matchnamespaces.get(namespace.lower())
            attrs_d[f"{prefix}:{local}".lower() if prefix else local.lower()] = value
            plain[":".join((*own, local)).lower()] = value
        attrs_d.update(plain)
        for name in ("rel", "type"):
            if name in attrs_d:
                attrs_d[name] = attrs_d[name].lower()
        return attrs_d


class _Lenient(Elements, LooseFeedParser):  # type: ignore[misc]  # feedparser ships no types
    """feedparser's lenient parser, which passes over an element that its handler fails on."""

    _matchnamespaces = prefixes(LooseFeedParser.namespaces)
    unknown_starttag = _forgiving(LooseFeedParser.unknown_starttag)
    unknown_endtag = _forgiving(LooseFeedParser.unknown_endtag)
    handle_charref = _forgiving(LooseFeedParser.handle_charref)
    handle_entityref = _forgiving(LooseFeedParser.handle_entityref)
