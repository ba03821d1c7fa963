"""A fetched body -> ``Parsed`` or ``NotAFeed``: pure, run inside a worker process.

feedparser reads the structure. Everything else is ours: decoding, what is refused, texts, links,
keys, language. It is given no location, so that what it calls an id does not depend on where the
feed was fetched from; links are resolved here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import struct_time

from monitor import charset, clean, feedxml, language, notafeed, xmltext
from monitor.feedxml import Document, Raw
from monitor.identity import KEY_VERSION, Identifiers, item_keys
from monitor.item import FeedHints, Item, NotAFeed, Parsed, ParseTask
from monitor.language import Detector

MOST_ENTRIES = 10_000
MOST_TAGS = 100
_GUID_CAP = 2_000
_HTML_TYPES = ("text/html", "application/xhtml+xml")

_OLDEST = datetime(1980, 1, 1, tzinfo=UTC)
_NEWEST = datetime(2200, 1, 1, tzinfo=UTC)
_LONGEST_TTL = timedelta(days=7)
_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry as read, before it has a key."""

    identifiers: Identifiers
    item: Item


def read(task: ParseTask, detector: Detector) -> Parsed | NotAFeed:
    """The feed that ``task.body`` holds, or what it seems to be instead.

    The same task gives the same result in every process (B22).
    """
    written = charset.decode(task.body, task.content_type).lstrip("\ufeff \t\r\n\0")
    refused = notafeed.refusal(written)
    if refused:
        return NotAFeed(refused)
    text = xmltext.legal(written)
    if "<" not in text[:4096] or notafeed.is_page(text):
        return NotAFeed(notafeed.looks_like(written))
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
        items = _keyed(entries)
        return Parsed(
            version=self._version,
            title=self._title,
            items=tuple(items),
            hints=_hints(self._feed),
            bozo=clean.plain(self._document.problem, 200),
            cut=self._cut,
            dropped=len(raw) - len(items),
        )

    def _entry(self, raw: Raw) -> _Entry | None:
        title = clean.visible(self._text(raw, "title", clean.TITLE_CAP))
        summary, content = self._summary_and_content(raw)
        link = self._written(_alternate(raw))
        if not (title or summary or content or link):
            return None
        guid = self._written(_str(raw, "id"))
        item = Item(
            key="",
            key_version=KEY_VERSION,
            guid=guid[:_GUID_CAP],
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
        return _Entry(Identifiers(guid, link, title, summary), item)

    def _written(self, text: str) -> str:
        """The text of an element that holds no markup: one of the parsers leaves entities in it."""
        return _unescaped(text.strip()) if self._document.lenient else text.strip()

    def _url(self, raw: Raw, link: str, guid: str) -> str:
        original = clean.link(_str(raw, "feedburner_origlink"))
        # A guid in the place of a link is a whole address or none.
        bases = () if link == guid else (self._base, self._task.url)
        return original or clean.link(link, *bases) or clean.link(guid)

    def _text(self, raw: Raw, name: str, cap: int) -> str:
        return self._cleaned(_str(raw, name), _str(_dict(raw, f"{name}_detail"), "type"), cap)

    def _summary_and_content(self, raw: Raw) -> tuple[str, str]:
        """Two texts that differ; an entry that has but one has a summary."""
        content = self._content(raw)
        if "summary_detail" not in raw and "content" in raw:
            return content, ""  # what stands in summary is feedparser's copy of the content
        summary = self._text(raw, "summary", clean.TEXT_CAP)
        if not summary:
            return content, ""
        return summary, "" if content == summary else content

    def _content(self, raw: Raw) -> str:
        texts = dict.fromkeys(
            self._cleaned(_str(part, "value"), _str(part, "type"), clean.TEXT_CAP)
            for part in _dicts(raw, "content")[:10]
            if _is_text(_str(part, "type"))
        )
        return clean.cut(" ".join(text for text in texts if text), clean.TEXT_CAP)

    def _cleaned(self, text: str, kind: str, cap: int) -> str:
        if kind in _HTML_TYPES or kind.endswith(("/xml", "+xml")):
            return clean.markup(text, cap)
        if self._version.startswith("atom") and kind in ("", "text/plain"):
            return clean.plain(text, cap)
        return clean.loose(text, cap)

    def _author(self, raw: Raw) -> str:
        authors = _dicts(raw, "authors")[:10]
        names = [_str(one, "name") or _str(one, "email") for one in authors]
        labels = self._labels(names if any(names) else [_str(raw, "author")])
        return clean.cut(", ".join(labels), clean.LABEL_CAP)

    def _tags(self, raw: Raw) -> tuple[str, ...]:
        tags = _dicts(raw, "tags")[:MOST_TAGS]
        return self._labels(_str(tag, part) for tag in tags for part in ("term", "label"))

    def _labels(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Short texts, each once."""
        cleaned = (clean.label(self._written(text)) for text in texts)
        return tuple(dict.fromkeys(filter(None, cleaned)))[:MOST_TAGS]

    def _source(self, raw: Raw) -> str:
        own = clean.label(self._written(_str(_dict(raw, "source"), "title")))
        return own or self._task.source or clean.cut(self._title, clean.LABEL_CAP)

    def _language(self, raw: Raw, text: str) -> str:
        feed = _str(self._feed, "language")
        details = (_dict(raw, "title_detail"), _dict(raw, "summary_detail"))
        found = (_str(detail, "language") for detail in (*details, *_dicts(raw, "content")))
        own = _str(raw, "language") or next(filter(None, found), "")
        inherited = language.tag(own) == language.tag(feed)
        return self._detector.language(text, "" if inherited else own, self._task.lang, feed)


def _str(raw: Raw, name: str) -> str:
    """A text, or nothing: a document may give any of these names to something else."""
    value = dict.get(raw, name)
    return value if isinstance(value, str) else ""


def _dict(raw: Raw, name: str) -> Raw:
    value = dict.get(raw, name)
    return value if isinstance(value, dict) else {}


def _dicts(raw: Raw, name: str) -> list[Raw]:
    value = dict.get(raw, name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _keyed(entries: Sequence[_Entry]) -> list[Item]:
    """The items with their keys, without repetitions."""
    keys = item_keys([entry.identifiers for entry in entries])
    return [replace(entry.item, key=key) for entry, key in zip(entries, keys, strict=True) if key]


def _alternate(raw: Raw) -> str:
    """The link to the article itself, as the document writes it."""
    for one in _dicts(raw, "links"):
        kind = _str(one, "type") or "text/html"
        if _str(one, "rel") == "alternate" and kind in _HTML_TYPES and _str(one, "href"):
            return _str(one, "href").strip()
    return _str(raw, "link").strip()


def _is_text(kind: str) -> bool:
    return not kind or kind.startswith("text/") or kind.endswith(("/xml", "+xml"))


def _published(raw: Raw, now: datetime | None) -> datetime | None:
    """When the entry says it was published, else changed; never in the future."""
    for name in ("published_parsed", "created_parsed", "updated_parsed"):
        stamp = dict.get(raw, name)
        at = _time(stamp) if isinstance(stamp, struct_time) else None
        if at is not None:
            return min(at, now) if now else at
    return None


def _time(stamp: struct_time) -> datetime | None:
    try:
        at = datetime(*stamp[:5], min(stamp[5], 59), tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return at if _OLDEST <= at < _NEWEST else None


def _hints(feed: Raw) -> FeedHints:
    """The longer of ttl and syndication period, at most a week."""
    longest = timedelta(minutes=_number(_str(feed, "ttl")))
    period = _PERIODS.get(_str(feed, "sy_updateperiod").strip().lower())
    if period:
        longest = max(longest, period / max(1, _number(_str(feed, "sy_updatefrequency"))))
    return FeedHints(ttl=min(longest, _LONGEST_TTL) or None)


def _number(written: str) -> int:
    digits = written.strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 7 else 0


def _unescaped(text: str) -> str:
    """What the lenient parser made of a text without markup, put right."""
    text = re.sub(r"&(\w+);=", r"&\1=", text)  # it takes ?a=1&b=2 for an entity named b
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'")):
        text = text.replace(entity, char)
    return text.replace("&amp;", "&")
