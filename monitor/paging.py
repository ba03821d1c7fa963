"""Older pages of a feed (RFC 5005), read when its window holds nothing that is known.

``prev-archive`` goes before ``next``: archived documents never change, pages shift. Ten pages at
most, within a minute, until an item that is known turns up; circles end by themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from monitor.item import Item
from monitor.parse import Parsed

MOST_PAGES = 10
PATIENCE = timedelta(seconds=60)

ReadPage = Callable[[str], Awaitable[Parsed | None]]
"""The page at a URL, None when it cannot be had."""

KnownKeys = Callable[[Sequence[str]], Awaitable[Collection[str]]]
"""Which of these keys are known."""


@dataclass(frozen=True, slots=True)
class Older:
    """What older pages held, newest first. ``bridged``: they led back to what is known, or to the
    beginning of the feed, so that nothing is missing between."""

    items: tuple[Item, ...] = ()
    pages: int = 0
    bridged: bool = False


def older_page(parsed: Parsed) -> str:
    """Where the document's older items are, empty when it does not say."""
    return parsed.hints.prev_archive or parsed.hints.next_page


async def older_items(parsed: Parsed, read: ReadPage, known: KnownKeys) -> Older:
    """The items between a window without known items and the first known one."""
    found = Older()
    seen: set[str] = set()
    url = older_page(parsed)
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            while url and url not in seen and len(seen) < MOST_PAGES:
                seen.add(url)
                page = await read(url)
                if page is None:
                    return found
                there = await known([item.key for item in page.items])
                url = older_page(page)
                found = Older(
                    (*found.items, *newer_than_known(page.items, there)),
                    found.pages + 1,
                    bridged=bool(there) or not url,
                )
                if there:
                    return found
    except TimeoutError:
        pass
    return found


def newer_than_known(items: Sequence[Item], known: Collection[str]) -> list[Item]:
    """The unknown items of a page that came after its known ones: what is older than these was
    old when the feed was first seen. Without dates, those that stand before them."""
    dated = {item.key: item.published for item in items if item.published is not None}
    if len(dated) == len(items):
        last = max((dated[item.key] for item in items if item.key in known), default=None)
        return [
            item
            for item in items
            if item.key not in known and (last is None or dated[item.key] >= last)
        ]
    first = next((at for at, item in enumerate(items) if item.key in known), len(items))
    return list(items[:first])


def joined(parsed: Parsed, older: Older) -> Parsed:
    """The window with the older items after its own, none twice."""
    keys = {item.key for item in parsed.items}
    more = {item.key: item for item in older.items if item.key not in keys}
    return replace(parsed, items=(*parsed.items, *more.values()))
