"""A fetched body -> ``Parsed`` or ``NotAFeed``: pure, run inside a worker process.

feedparser reads the structure. Everything else is ours: decoding, what is refused, texts, links,
keys, language. It is given no location, so that what it calls an id does not depend on where the
feed was fetched from; links are resolved here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from time import struct_time

from monitor import (
    charset,
    clean,
    feedhints,
    feedxml,
    jsonfeed,
    language,
    notafeed,
    sitemap,
    xmltext,
)
from monitor.entries import (
    GUID_CAP,
    MOST_AUTHORS,
    MOST_ENTRIES,
    MOST_TAGS,
    Entry,
    Raw,
    believable,
    dict_of,
    dicts_of,
    keyed,
    labels,
    summary_and_content,
    text_of,
)
from monitor.feedxml import Document
from monitor.identity import KEY_VERSION, Identifiers
from monitor.item import Item, NotAFeed, Parsed, ParseTask
from monitor.language import Detector

_HTML_TYPES = ("text/html", "application/xhtml+xml")


def read(task: ParseTask, detector: Detector) -> Parsed | NotAFeed:
    """The feed that ``task.body`` holds, or what it seems to be instead.

    The same task gives the same result in every process (B22).
    """
    written = charset.decode(task.body, task.content_type).lstrip("\ufeff \t\r\n\0")
    refused = notafeed.refusal(written)
    if refused:
        return NotAFeed(refused)
    text = xmltext.legal(written)
    if text.startswith("{"):
        return jsonfeed.read(text, task, detector) or NotAFeed(notafeed.looks_like(written))
    if "<" not in text[:4096] or notafeed.is_page(text):
        return NotAFeed(notafeed.looks_like(written))
    if sitemap.is_one(text):
        return sitemap.read(text, task, detector)
    text, more = xmltext.first_entries(text, MOST_ENTRIES)
    document = feedxml.parse(text)
    version = document.version or _unknown_version(document.entries, text)
    if not version:
        return NotAFeed(notafeed.looks_like(written))
    parsed = _Reader(task, detector, document, version, text).parsed()
    return replace(parsed, dropped=parsed.dropped + more)


def _unknown_version(entries: Sequence[object], text: str) -> str:
    """feedparser reads RSS 1.1 and CDF without knowing their names."""
    return "rss" if entries and notafeed.root(text) == "channel" else ""


class _Reader:
    """One of feedparser's results on its way to `Parsed`.

    Its dictionaries are read by ``dict.get``: their own is slow, and falls back from one name to
    another.
    """

    def __init__(
        self, task: ParseTask, detector: Detector, document: Document, version: str, text: str
    ) -> None:
        self._task = task
        self._detector = detector
        self._document = document
        self._version = version
        self._feed = document.feed
        self._cut, self._partial = xmltext.ending(text) if document.lenient else (False, False)
        self._title = clean.visible(self._text(self._feed, "title", clean.TITLE_CAP))
        self._base = clean.link(_alternate(self._feed), task.url)

    def parsed(self) -> Parsed:
        raw = self._document.entries[: -1 if self._partial else None]
        entries = [entry for one in raw[:MOST_ENTRIES] if (entry := self._entry(one))]
        items = keyed(entries)
        return Parsed(
            version=self._version,
            title=self._title,
            items=items,
            hints=feedhints.hints(self._document, self._task.url),
            bozo=clean.plain(self._document.problem, 200),
            cut=self._cut,
            dropped=len(raw) - len(items),
        )

    def _entry(self, raw: Raw) -> Entry | None:
        title = clean.visible(self._text(raw, "title", clean.TITLE_CAP))
        summary, content = self._summary_and_content(raw)
        link = self._written(_alternate(raw))
        if not (title or summary or content or link):
            return None
        guid = self._written(text_of(raw, "id"))
        item = Item(
            key="",
            key_version=KEY_VERSION,
            guid=guid[:GUID_CAP],
            title=title,
            url=self._url(raw, link, guid),
            summary=summary,
            content=content,
            author=self._author(raw),
            tags=self._tags(raw),
            published=_published(raw, self._task.now),
            source=self._source(raw),
            lang=self._language(raw, f"{title}\n{summary}"),
        )
        return Entry(Identifiers(guid, link, title, summary), item)

    def _written(self, text: str) -> str:
        """The text of an element that holds no markup: one of the parsers leaves entities in it."""
        return _unescaped(text.strip()) if self._document.lenient else text.strip()

    def _url(self, raw: Raw, link: str, guid: str) -> str:
        original = clean.link(text_of(raw, "feedburner_origlink"))
        # A guid in the place of a link is a whole address or none.
        bases = () if link == guid else (self._base, self._task.url)
        return original or clean.link(link, *bases) or clean.link(guid)

    def _text(self, raw: Raw, name: str, cap: int) -> str:
        return self._cleaned(
            text_of(raw, name), text_of(dict_of(raw, f"{name}_detail"), "type"), cap
        )

    def _summary_and_content(self, raw: Raw) -> tuple[str, str]:
        content = self._content(raw)
        if "summary_detail" not in raw and "content" in raw:
            return content, ""  # what stands in summary is feedparser's copy of the content
        return summary_and_content(self._text(raw, "summary", clean.TEXT_CAP), content)

    def _content(self, raw: Raw) -> str:
        texts = dict.fromkeys(
            self._cleaned(text_of(part, "value"), text_of(part, "type"), clean.TEXT_CAP)
            for part in dicts_of(raw, "content")[:10]
            if _is_text(text_of(part, "type"))
        )
        return clean.cut(" ".join(text for text in texts if text), clean.TEXT_CAP)

    def _cleaned(self, text: str, kind: str, cap: int) -> str:
        if kind in _HTML_TYPES or kind.endswith(("/xml", "+xml")):
            return clean.markup(text, cap)
        if self._version.startswith("atom") and kind in ("", "text/plain"):
            return clean.plain(text, cap)
        return clean.loose(text, cap)

    def _author(self, raw: Raw) -> str:
        authors = dicts_of(raw, "authors")[:MOST_AUTHORS]
        names = [text_of(one, "name") or text_of(one, "email") for one in authors]
        labels = self._labels(names if any(names) else [text_of(raw, "author")])
        return clean.cut(", ".join(labels), clean.LABEL_CAP)

    def _tags(self, raw: Raw) -> tuple[str, ...]:
        tags = dicts_of(raw, "tags")[:MOST_TAGS]
        return self._labels(text_of(tag, part) for tag in tags for part in ("term", "label"))

    def _labels(self, texts: Iterable[str]) -> tuple[str, ...]:
        return labels(self._written(text) for text in texts)

    def _source(self, raw: Raw) -> str:
        own = clean.label(self._written(text_of(dict_of(raw, "source"), "title")))
        return own or self._task.source or clean.cut(self._title, clean.LABEL_CAP)

    def _language(self, raw: Raw, text: str) -> str:
        feed = text_of(self._feed, "language")
        details = (dict_of(raw, "title_detail"), dict_of(raw, "summary_detail"))
        found = (text_of(detail, "language") for detail in (*details, *dicts_of(raw, "content")))
        own = text_of(raw, "language") or next(filter(None, found), "")
        inherited = own == feed or language.tag(own) == language.tag(feed)
        return self._detector.language(text, "" if inherited else own, self._task.lang, feed)


def _alternate(raw: Raw) -> str:
    """The link to the article itself, as the document writes it."""
    for one in dicts_of(raw, "links"):
        kind = text_of(one, "type") or "text/html"
        if text_of(one, "rel") == "alternate" and kind in _HTML_TYPES and text_of(one, "href"):
            return text_of(one, "href").strip()
    return text_of(raw, "link").strip()


def _is_text(kind: str) -> bool:
    return not kind or kind.startswith("text/") or kind.endswith(("/xml", "+xml"))


def _published(raw: Raw, now: datetime | None) -> datetime | None:
    """When the entry says it was published, else made, else changed."""
    for name in ("published_parsed", "created_parsed", "updated_parsed"):
        stamp = dict.get(raw, name)
        at = _time(stamp) if isinstance(stamp, struct_time) else None
        if at is not None and (shown := believable(at, now)) is not None:
            return shown
    return None


def _time(stamp: struct_time) -> datetime | None:
    try:
        return datetime(*stamp[:5], min(stamp[5], 59), tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _unescaped(text: str) -> str:
    """What the lenient parser made of a text without markup, put right."""
    text = re.sub(r"&(\w+);=", r"&\1=", text)  # it takes ?a=1&b=2 for an entity named b
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'")):
        text = text.replace(entity, char)
    return text.replace("&amp;", "&")
