"""JSON Feed 1.0 and 1.1 (jsonfeed.org), which feedparser does not read (B10).

Strict: a value of the wrong type is not there, an unknown version is not a feed. Lenient in one
thing: an item without an id, which the specification would discard, is known by its link or words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from monitor import clean
from monitor.entries import (
    GUID_CAP,
    MOST_AUTHORS,
    MOST_ENTRIES,
    MOST_TAGS,
    Entry,
    Raw,
    dated,
    dict_of,
    dicts_of,
    keyed,
    labels,
    summary_and_content,
    text_of,
)
from monitor.identity import KEY_VERSION, Identifiers
from monitor.item import FeedHints, Item, Parsed, ParseTask
from monitor.language import Detector

_ITEMS = re.compile(r'"items"\s*:\s*\[')
_GAP = re.compile(r"[\s,]*")
_VERSION = re.compile(r"https?://(?:www\.)?jsonfeed\.org/version/1(?:\.([0-9]))?/?")


def read(text: str, task: ParseTask, detector: Detector) -> Parsed | None:
    """The feed in ``text``, or None when it is no JSON Feed of a version we know.

    Of one that is cut or broken, the items that stand whole before the break count (B8).
    """
    whole = load(text)
    feed = _until_the_break(text) if whole is None else whole
    version = _VERSION.fullmatch(text_of(feed, "version")) if isinstance(feed, dict) else None
    if not isinstance(feed, dict) or not version or not isinstance(feed.get("items"), list):
        return None
    reader = _Reader(feed, task, detector)
    raw = feed["items"]
    found = (reader.entry(one) for one in raw[:MOST_ENTRIES] if isinstance(one, dict))
    items = keyed([entry for entry in found if entry])
    return Parsed(
        version=f"json1{version[1]}" if version[1] and version[1] != "0" else "json1",
        title=reader.title,
        items=items,
        hints=_hints(feed, task.url),
        bozo=_flaw(feed, is_whole=whole is not None),
        cut=whole is None and not text.rstrip().endswith("}"),
        dropped=len(raw) - len(items),
    )


def _until_the_break(text: str) -> Raw | None:
    """The feed with the items before the place where the JSON breaks, None when there are none."""
    start = _ITEMS.search(text)
    feed = load(f"{text[: start.end()]}]}}") if start else None
    if start is None or not isinstance(feed, dict):
        return None
    decoder = json.JSONDecoder(strict=False)
    feed["items"], at = [], start.end()
    with suppress(ValueError, RecursionError):
        while gap := _GAP.match(text, at):
            item, at = decoder.raw_decode(text, gap.end())
            feed["items"].append(item)
    return feed if feed["items"] else None


def _hints(feed: Raw, url: str) -> FeedHints:
    """Where its older entries are, and where it says it is itself."""
    return FeedHints(
        next_page=clean.link(text_of(feed, "next_url"), url),
        self_url=clean.link(text_of(feed, "feed_url"), url),
    )


def _flaw(feed: Raw, *, is_whole: bool) -> str:
    if not is_whole:
        return f"the JSON is broken after item {len(feed['items']):,}"
    return "the feed says that it has ended" if feed.get("expired") is True else ""


def load(text: str) -> Any:
    """The value that ``text`` holds as JSON, or None when it is broken, cut or too deep."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


class _Reader:
    """One feed on its way to items."""

    def __init__(self, feed: Raw, task: ParseTask, detector: Detector) -> None:
        self._feed = feed
        self._task = task
        self._detector = detector
        self._bases = (clean.link(text_of(feed, "home_page_url"), task.url), task.url)
        self.title = clean.visible(clean.plain(text_of(feed, "title"), clean.TITLE_CAP))

    def entry(self, raw: Raw) -> Entry | None:
        title = clean.visible(clean.plain(text_of(raw, "title"), clean.TITLE_CAP))
        summary, content = summary_and_content(
            clean.plain(text_of(raw, "summary")),
            clean.plain(text_of(raw, "content_text")) or clean.markup(text_of(raw, "content_html")),
        )
        link = (text_of(raw, "url") or text_of(raw, "external_url")).strip()
        if not (title or summary or link):
            return None
        guid = _id(raw)
        item = Item(
            key="",
            key_version=KEY_VERSION,
            guid=guid[:GUID_CAP],
            title=title,
            url=clean.link(link, *self._bases) or clean.link(guid),
            summary=summary,
            content=content,
            author=_author(raw) or _author(self._feed),
            tags=_tags(raw),
            published=dated(
                (text_of(raw, name) for name in ("date_published", "date_modified")), self._task.now
            ),
            source=self._task.source or clean.cut(self.title, clean.LABEL_CAP),
            lang=self._language(raw, f"{title}\n{summary}"),
        )
        return Entry(Identifiers(guid, link, title, summary), item)

    def _language(self, raw: Raw, text: str) -> str:
        own, feed = text_of(raw, "language"), text_of(self._feed, "language")
        return self._detector.language(text, own, self._task.lang, feed)


def _id(raw: Mapping[str, Any]) -> str:
    """The specification wants a string, and numbers read as one."""
    value = raw.get("id")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()


def _author(raw: Raw) -> str:
    one = dict_of(raw, "author")  # version 1.0
    authors = dicts_of(raw, "authors") or ([one] if one else [])
    names = labels(clean.plain(text_of(author, "name")) for author in authors[:MOST_AUTHORS])
    return clean.cut(", ".join(names), clean.LABEL_CAP)


def _tags(raw: Raw) -> tuple[str, ...]:
    tags = raw.get("tags")
    if not isinstance(tags, list):
        return ()
    return labels(tag for tag in tags[:MOST_TAGS] if isinstance(tag, str))
