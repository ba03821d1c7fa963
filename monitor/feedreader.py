"""A fetched body -> ``Parsed`` or ``NotAFeed``: pure, run inside a worker process.

feedparser reads the structure. Everything else is ours: decoding, what is refused, texts, links,
keys, language. It is given no location, so that what it calls an id does not depend on where the
feed was fetched from; links are resolved here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from time import struct_time
from typing import Any
from xml.sax import SAXException

import feedparser

from monitor import charset, clean, notafeed
from monitor.identity import KEY_VERSION, Identifiers, item_keys
from monitor.item import FeedHints, Item, NotAFeed, Parsed, ParseTask
from monitor.language import Detector

MOST_ENTRIES = 10_000
MOST_TAGS = 100
_GUID_CAP = 2_000
_HEADERS = {"content-type": "application/xml; charset=utf-8"}
_HTML_TYPES = ("text/html", "application/xhtml+xml")

# What XML does not allow, as characters and as references; feedparser raises on some of the latter.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE = re.compile(r"&#(?:([0-9]+)|[xX]([0-9a-fA-F]+));?")
_PAIR = re.compile(
    r"&#(?:(5[56]\d{3})|[xX]0*([dD][89abAB][0-9a-fA-F]{2}));"
    r"&#(?:(5[67]\d{3})|[xX]0*([dD][c-fC-F][0-9a-fA-F]{2}));"
)
_TOKEN = re.compile(
    r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)"
    r"|<(?P<end>/?)(?:[\w.-]+:)?(?P<name>item|entry|rss|feed|rdf)(?=[\s>/]|\Z)[^>]*(?P<close>>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
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
    text = charset.decode(task.body, task.content_type).lstrip("\ufeff \t\r\n\0")
    refused = notafeed.refusal(text)
    if refused:
        return NotAFeed(refused)
    text = _legal(text)
    if not text or notafeed.is_html(text) or "<" not in text[:4096]:
        return NotAFeed(notafeed.looks_like(text))
    raw = feedparser.parse(
        BytesIO(text.encode("utf-8", "replace")),
        response_headers=dict(_HEADERS),
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    if not raw.get("version"):
        return NotAFeed(notafeed.looks_like(text))
    return _Reader(task, detector, raw, text).parsed()


class _Reader:
    """One feedparser result on its way to `Parsed`."""

    def __init__(
        self, task: ParseTask, detector: Detector, raw: Mapping[str, Any], text: str
    ) -> None:
        self._task = task
        self._detector = detector
        self._version: str = raw["version"]
        self._feed: Mapping[str, Any] = raw["feed"]
        self._entries: Sequence[Mapping[str, Any]] = raw["entries"]
        self._problem = raw.get("bozo_exception") if raw.get("bozo") else None
        # feedparser then starts again with a parser that leaves entities in ids as written.
        self._lenient = isinstance(self._problem, SAXException)
        self._cut, self._partial = _ending(text) if self._lenient else (False, False)
        self._title = clean.visible(self._text(self._feed, "title", clean.TITLE_CAP))
        self._base = clean.link(_alternate(self._feed), task.url)

    def parsed(self) -> Parsed:
        raw = self._entries[:-1] if self._partial else self._entries
        entries = [entry for one in raw[:MOST_ENTRIES] if (entry := self._entry(one))]
        items = _keyed(entries)
        return Parsed(
            version=self._version,
            title=self._title,
            items=tuple(items),
            hints=_hints(self._feed),
            bozo=clean.plain(str(self._problem), 200) if self._problem else "",
            cut=self._cut,
            dropped=len(raw) - len(items),
        )

    def _entry(self, raw: Mapping[str, Any]) -> _Entry | None:
        title = clean.visible(self._text(raw, "title", clean.TITLE_CAP))
        summary = self._text(raw, "summary", clean.TEXT_CAP)
        content = self._content(raw)
        link = _alternate(raw)
        if not (title or summary or content or link):
            return None
        guid = self._guid(raw)
        item = Item(
            key="",
            key_version=KEY_VERSION,
            guid=guid[:_GUID_CAP],
            title=title,
            url=self._url(raw, link, guid),
            summary=summary,
            content="" if content == summary else content,
            author=_author(raw),
            tags=_tags(raw),
            published=_published(raw, self._task.now),
            source=self._source(raw),
            lang=self._language(raw, f"{title}\n{summary or content}"),
        )
        return _Entry(Identifiers(guid, link, title, summary or content), item)

    def _guid(self, raw: Mapping[str, Any]) -> str:
        guid = str(raw.get("id") or "").strip()
        return _unescaped(guid) if self._lenient else guid

    def _url(self, raw: Mapping[str, Any], link: str, guid: str) -> str:
        bases = (self._base, self._task.url)
        original = clean.link(str(raw.get("feedburner_origlink") or ""))
        return original or clean.link(link, *bases) or clean.link(guid)

    def _text(self, raw: Mapping[str, Any], name: str, cap: int) -> str:
        detail = raw.get(f"{name}_detail") or {}
        return self._cleaned(str(raw.get(name) or ""), str(detail.get("type") or ""), cap)

    def _content(self, raw: Mapping[str, Any]) -> str:
        texts = dict.fromkeys(
            self._cleaned(str(part.get("value") or ""), str(part.get("type") or ""), clean.TEXT_CAP)
            for part in (raw.get("content") or [])[:10]
            if _is_text(str(part.get("type") or ""))
        )
        return clean.cut(" ".join(text for text in texts if text), clean.TEXT_CAP)

    def _cleaned(self, text: str, kind: str, cap: int) -> str:
        if kind in _HTML_TYPES or kind.endswith(("/xml", "+xml")):
            return clean.markup(text, cap)
        if self._version.startswith("atom"):
            return clean.plain(text, cap)
        return clean.loose(text, cap)

    def _source(self, raw: Mapping[str, Any]) -> str:
        source = raw.get("source") or {}
        own = clean.visible(clean.loose(str(source.get("title") or ""), clean.LABEL_CAP))
        return own or self._task.source or clean.cut(self._title, clean.LABEL_CAP)

    def _language(self, raw: Mapping[str, Any], text: str) -> str:
        feed = str(self._feed.get("language") or "")
        own = str(raw.get("language") or "")
        if not own:
            details = (raw.get("title_detail"), raw.get("summary_detail"), *raw.get("content", ()))
            own = next((str(d["language"]) for d in details if d and d.get("language")), "")
        inherited = own.replace("_", "-").lower() == feed.replace("_", "-").lower()
        return self._detector.language(text, "" if inherited else own, self._task.lang, feed)


def _keyed(entries: Sequence[_Entry]) -> list[Item]:
    """The items with their keys, without repetitions."""
    keys = item_keys([entry.identifiers for entry in entries])
    return [replace(entry.item, key=key) for entry, key in zip(entries, keys, strict=True) if key]


def _legal(text: str) -> str:
    """The text without what no XML document may hold, so that one NUL does not spoil it."""
    text = _ILLEGAL.sub("", text)
    if "&#" in text:
        text = _REFERENCE.sub(_legal_reference, _PAIR.sub(_joined, text))
    return text


def _legal_reference(found: re.Match[str]) -> str:
    digits = found[1] or found[2]
    if len(digits) > 12:
        return ""
    code = int(digits, 10 if found[1] else 16)
    if code > 0x10FFFF or _ILLEGAL.match(chr(code)):
        return ""
    return found[0]


def _joined(found: re.Match[str]) -> str:
    """Two halves of a character beyond U+FFFF, as some publishing systems write emoji."""
    high = int(found[1]) if found[1] else int(found[2], 16)
    low = int(found[3]) if found[3] else int(found[4], 16)
    if not (0xD800 <= high < 0xDC00 <= low < 0xE000):
        return found[0]
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


def _ending(text: str) -> tuple[bool, bool]:
    """Whether a broken document lacks its end, and whether its last entry does.

    An entry whose start tag was read and whose end tag is not there is partial; an end of the
    whole document closes everything.
    """
    ended = entry_open = False
    for token in _TOKEN.finditer(text):
        name = (token["name"] or "").lower()
        if name in ("item", "entry"):
            if token["end"]:
                entry_open = False
            elif token["close"] and not token[0].endswith("/>"):
                entry_open = True
        elif name and token["end"]:
            ended, entry_open = True, False
    return not ended, entry_open


def _alternate(raw: Mapping[str, Any]) -> str:
    """The link to the article itself, as the document writes it."""
    for one in raw.get("links") or ():
        kind = str(one.get("type") or "text/html")
        if one.get("rel") == "alternate" and one.get("href") and kind in _HTML_TYPES:
            return str(one["href"]).strip()
    return str(raw.get("link") or "").strip()


def _is_text(kind: str) -> bool:
    return not kind or kind.startswith("text/") or kind.endswith(("/xml", "+xml"))


def _author(raw: Mapping[str, Any]) -> str:
    names = [
        str(one.get("name") or one.get("email") or "") for one in (raw.get("authors") or ())[:10]
    ]
    names = [name for name in names if name] or [str(raw.get("author") or "")]
    cleaned = (clean.visible(clean.loose(name, clean.LABEL_CAP)) for name in names)
    return clean.cut(", ".join(dict.fromkeys(filter(None, cleaned))), clean.LABEL_CAP)


def _tags(raw: Mapping[str, Any]) -> tuple[str, ...]:
    tags = (
        str(tag.get(part) or "")
        for tag in (raw.get("tags") or ())[:MOST_TAGS]
        for part in ("term", "label")
    )
    cleaned = (clean.visible(clean.loose(tag, clean.LABEL_CAP)) for tag in tags if tag)
    return tuple(dict.fromkeys(filter(None, cleaned)))[:MOST_TAGS]


def _published(raw: Mapping[str, Any], now: datetime | None) -> datetime | None:
    """When the entry says it was published, else changed; never in the future."""
    for name in ("published_parsed", "created_parsed", "updated_parsed"):
        stamp = raw[name] if name in raw else None  # noqa: SIM401 - feedparser's get falls back to another name, with a warning
        at = _time(stamp) if stamp else None
        if at is not None:
            return min(at, now) if now else at
    return None


def _time(stamp: struct_time) -> datetime | None:
    try:
        at = datetime(*stamp[:5], min(stamp[5], 59), tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return at if _OLDEST <= at < _NEWEST else None


def _hints(feed: Mapping[str, Any]) -> FeedHints:
    """The longer of ttl and syndication period, at most a week."""
    periods = [timedelta(minutes=_number(feed.get("ttl")))]
    period = _PERIODS.get(str(feed.get("sy_updateperiod") or "").strip().lower())
    if period:
        periods.append(period / max(1, _number(feed.get("sy_updatefrequency"))))
    longest = min(max(periods), _LONGEST_TTL)
    return FeedHints(ttl=longest or None)


def _number(written: object) -> int:
    digits = str(written or "").strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 7 else 0


def _unescaped(text: str) -> str:
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'")):
        text = text.replace(entity, char)
    return text.replace("&amp;", "&")
