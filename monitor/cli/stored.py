"""Stored items as the rules saw them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from monitor.config import Config, FeedConfig
from monitor.item import Item
from monitor.translate import document_of
from monitor.urls import normalised
from rules import Document

if TYPE_CHECKING:
    from sqlalchemy.engine import Row


def reader_of(config: Config, feeds: Iterable[Row[Any]]) -> Callable[[Row[Any]], Document]:
    """What gives the document of an item's row, with the name and tags that its feed has now; of
    a feed that left the configuration, with the name it had."""
    by_url = _by_url(config)
    named = {row.id: by_url.get(row.url) or (FeedConfig(row.name, row.url),) for row in feeds}

    def document(row: Row[Any]) -> Document:
        return document_of(_item(row), named[row.feed_id])

    return document


def _by_url(config: Config) -> dict[str, tuple[FeedConfig, ...]]:
    """The feeds of each URL, those that are polled first: they name the items."""
    found: dict[str, tuple[FeedConfig, ...]] = {}
    for feed in sorted(config.feeds.values(), key=lambda feed: not feed.enabled):
        url = normalised(feed.url)
        same = found.get(url, ())
        if feed.enabled or not same:
            found[url] = (*same, feed)
    return found


def _item(row: Row[Any]) -> Item:
    return Item(
        key="",
        key_version=0,
        guid="",
        title=row.title,
        url=row.url,
        summary=row.summary,
        content=row.content,
        author=row.author,
        tags=tuple(json.loads(row.tags)),
        published=row.published_at,
        source=row.source,
        lang=row.lang,
    )
