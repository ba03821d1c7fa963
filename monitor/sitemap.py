"""Google News sitemaps, which some publishers keep instead of a feed: small, strict, with limits.

A ``<url>`` with a ``<news:news>`` is an item, known by its address. A sitemap of pages without news
is no feed, nor is an index of sitemaps: what to ask for instead is told.

Chose expat and a reader of our own, instead of mending these into RSS for feedparser, because the
format is four elements deep and fifty thousand entries long: reading it costs a tenth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.parsers import expat

from monitor import clean, notafeed, xmltext
from monitor.entries import MOST_ENTRIES, MOST_TAGS, Entry, Raw, dated, keyed, labels, text_of
from monitor.identity import KEY_VERSION, Identifiers
from monitor.item import Item, NotAFeed, Parsed, ParseTask
from monitor.language import Detector

NEWS = "http://www.google.com/schemas/sitemap-news/0.9"
_NEWS = re.compile(r"https?://(?:www\.)?google\.com/schemas/sitemap-news/0\.[0-9]/?")
_ROOTS = ("urlset", "sitemapindex")
_WANTED = frozenset(("publication_date", "title", "keywords", "name", "language"))
_MOST_DEPTH = 20
_MOST_ELEMENTS = 500_000
_MOST_PREFIXES = 20
_MOST_TEXT = 16 * clean.TITLE_CAP
_MOST_SITEMAPS = 50_000

_PREFIX = re.compile(r"</?([A-Za-z_][\w.-]{0,40}):[A-Za-z_]")
_ROOT_TAG = re.compile(r"<(?:[\w.-]+:)?urlset(?=[\s>])", re.IGNORECASE)
_END = re.compile(r"</(?:[\w.-]{1,40}:)?(?:urlset|sitemapindex)\s*>")


def is_one(text: str) -> bool:
    """The document is a sitemap, of whatever kind."""
    return notafeed.root(text) in _ROOTS


def read(text: str, task: ParseTask, detector: Detector) -> Parsed | NotAFeed:
    """The news of a sitemap, or what to ask for instead of it."""
    found, problem = _found(text)
    if found.doctype:
        return NotAFeed("a sitemap with a DOCTYPE, which no sitemap needs")
    if found.root == "sitemapindex":
        return NotAFeed(_told(found, task.url))
    if found.root != "urlset":
        return NotAFeed("a sitemap that is broken" if problem else notafeed.looks_like(text))
    if not found.entries and (found.count or not found.declares_news):
        return NotAFeed(
            f"a sitemap of {_pages(found)} without Google News entries; "
            "name the publisher's news sitemap, or a feed"
        )
    return _parsed(found, problem, text, task, detector)


def _found(text: str) -> tuple[_Handler, str]:
    """What stands in the document, and what is wrong with it; the commonest mistakes are mended."""
    found, problem = _read(text)
    if problem and not found.refused:
        mended = _declared(xmltext.mended(text))
        if mended != text:
            found, remains = _read(mended)
            problem = remains or problem
    return found, problem


def _read(text: str) -> tuple[_Handler, str]:
    parser = expat.ParserCreate("utf-8", " ")
    handler = _Handler(parser)
    parser.buffer_text = True
    parser.StartElementHandler = handler.start
    parser.EndElementHandler = handler.end
    parser.CharacterDataHandler = handler.text
    parser.StartNamespaceDeclHandler = handler.space
    parser.StartDoctypeDeclHandler = handler.refuse
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        return handler, f"line {error.lineno}: {expat.ErrorString(error.code)}"
    except _RefusedError as error:
        handler.refused = True
        return handler, str(error)
    return handler, ""


def _declared(text: str) -> str:
    """The document with its undeclared prefixes declared, ``news`` as everybody means it."""
    used = _prefixes(text)
    missing = sorted(prefix for prefix in used if f"xmlns:{prefix}" not in text)
    spaces = (NEWS if prefix == "news" else f"urn:x-undeclared:{prefix}" for prefix in missing)
    tags = "".join(
        f' xmlns:{prefix}="{space}"' for prefix, space in zip(missing, spaces, strict=True)
    )
    return _ROOT_TAG.sub(lambda found: found[0] + tags, text, count=1)


def _prefixes(text: str) -> set[str]:
    """The prefixes of the document's elements; none when they are too many to be meant."""
    used: set[str] = set()
    for found in _PREFIX.finditer(text):
        used.add(found[1])
        if len(used) > _MOST_PREFIXES:
            return set()
    return used - {"xml"}


class _RefusedError(Exception):
    """Reading ends here; what was read so far counts."""


@dataclass(slots=True)
class _Handler:
    """Collects the fields of each entry as expat meets them."""

    parser: expat.XMLParserType
    root: str = ""
    entries: list[Raw] = field(default_factory=list)
    sitemaps: list[str] = field(default_factory=list)
    count: int = 0  # of all entries
    news: int = 0  # of those that are news
    declares_news: bool = False
    doctype: bool = False
    refused: bool = False
    _entry: Raw = field(default_factory=dict)
    _depth: int = 0
    _elements: int = 0
    _into: str = ""
    _into_depth: int = 0
    _pieces: list[str] = field(default_factory=list)
    _length: int = 0

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        self._depth += 1
        self._elements += 1
        if self._depth > _MOST_DEPTH:
            raise _RefusedError(f"more than {_MOST_DEPTH} levels deep")
        if self._elements > _MOST_ELEMENTS:
            raise _RefusedError(f"more than {_MOST_ELEMENTS:,} elements")
        if self._depth == 1:
            self.root = local
        elif self._depth == 2:
            self._entry = {}
        elif not self._into:
            self._look_at(local, is_news=bool(_NEWS.fullmatch(space)))

    def _look_at(self, name: str, *, is_news: bool) -> None:
        if is_news:
            self._entry["news"] = "yes"
        wanted = name in _WANTED if is_news else (name == "loc" and self._depth == 3)
        if wanted:
            self._into, self._into_depth = name, self._depth
            self._pieces, self._length = [], 0

    def text(self, data: str) -> None:
        if self._into and self._length < _MOST_TEXT:
            self._pieces.append(data)
            self._length += len(data)

    def end(self, name: str) -> None:
        if self._into and self._depth == self._into_depth:
            self._entry.setdefault(self._into, "".join(self._pieces))
            self._into = ""
        self._depth -= 1
        if self._depth == 1:
            self._entry_ended(name.rpartition(" ")[2])

    def _entry_ended(self, name: str) -> None:
        self.count += 1
        if name == "sitemap" and len(self.sitemaps) < _MOST_SITEMAPS:
            self.sitemaps.append(text_of(self._entry, "loc")[: clean.URL_CAP])
        elif name == "url" and "news" in self._entry:
            self.news += 1
            if len(self.entries) < MOST_ENTRIES:
                self.entries.append(self._entry)

    def space(self, _prefix: str | None, space: str | None) -> None:
        self.declares_news = self.declares_news or bool(_NEWS.fullmatch(space or ""))

    def refuse(self, *_: object) -> None:
        self.doctype = True
        raise _RefusedError("holds a DOCTYPE")


def _parsed(
    found: _Handler, problem: str, text: str, task: ParseTask, detector: Detector
) -> Parsed:
    title = next(filter(None, (_title(raw, "name") for raw in found.entries)), "")
    entries = (_entry(raw, title, task, detector) for raw in found.entries)
    items = keyed([entry for entry in entries if entry])
    return Parsed(
        version="sitemap-news",
        title=title,
        items=items,
        bozo=problem,
        cut=bool(problem) and not _END.search(text, max(len(text) - 4_096, 0)),
        dropped=found.news - len(items),
    )


def _entry(raw: Raw, feed: str, task: ParseTask, detector: Detector) -> Entry | None:
    title, link = _title(raw, "title"), text_of(raw, "loc").strip()
    if not (title or link):
        return None
    item = Item(
        key="",
        key_version=KEY_VERSION,
        guid="",
        title=title,
        url=clean.link(link, task.url),
        tags=labels(re.split(r"[,;，、]", text_of(raw, "keywords"))[:MOST_TAGS]),
        published=dated([text_of(raw, "publication_date")], task.now),
        source=task.source or clean.cut(_title(raw, "name") or feed, clean.LABEL_CAP),
        lang=detector.language(title, text_of(raw, "language").strip(), task.lang, ""),
    )
    return Entry(Identifiers("", link, title, ""), item)


def _title(raw: Raw, name: str) -> str:
    return clean.visible(clean.loose(text_of(raw, name), clean.TITLE_CAP))


def _pages(found: _Handler) -> str:
    told = "one page" if found.count == 1 else f"{found.count:,} pages"
    return f"at least {told}" if found.refused else told


def _told(found: _Handler, url: str) -> str:
    """What to do with an index: the sitemap in it that says it is of news, else the first."""
    links = [link for written in found.sitemaps if (link := clean.link(written, url))]
    best = next((link for link in links if "news" in link.lower()), "")
    if best:
        return f"an index of sitemaps; name the one of news that it lists: {clean.cut(best, 200)}"
    told = f"an index of {len(links):,} sitemaps, none of them named as news"
    return f"{told}; name the publisher's news sitemap, or a feed"
