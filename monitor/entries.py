"""What readers of every format share: an entry before it has a key, and how it gets one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from monitor import clean
from monitor.identity import Identifiers, former_keys, item_keys
from monitor.item import Item

MOST_ENTRIES = 10_000
MOST_TAGS = 100
MOST_AUTHORS = 10
GUID_CAP = 2_000
Raw = dict[str, Any]

_BEFORE_ZONE = re.compile(r" +(?=(?:[+-][0-9:]+|Z)\Z)")
# dataclasses.replace costs five times as much, and runs for every item.
_WITHOUT_KEYS = attrgetter(*(field.name for field in fields(Item)[1:-1]))
_OLDEST = datetime(1980, 1, 1, tzinfo=UTC)
_NEWEST = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as read; ``item.key`` is still empty."""

    identifiers: Identifiers
    item: Item


def keyed(entries: Sequence[Entry]) -> tuple[Item, ...]:
    """The items with their keys, without repetitions."""
    identifiers = [entry.identifiers for entry in entries]
    keys, former = item_keys(identifiers), former_keys(identifiers)
    return tuple(
        Item(*(key, *_WITHOUT_KEYS(entry.item), older))
        for entry, key, older in zip(entries, keys, former, strict=True)
        if key
    )


def text_of(raw: Raw, name: str) -> str:
    """A text, or nothing: a document may give any name to something else."""
    value = dict.get(raw, name)
    return value if isinstance(value, str) else ""


def dict_of(raw: Raw, name: str) -> Raw:
    """A dictionary, empty when it is anything else."""
    value = dict.get(raw, name)
    return value if isinstance(value, dict) else {}


def dicts_of(raw: Raw, name: str) -> list[Raw]:
    """The dictionaries of a list, none when it is anything else."""
    value = dict.get(raw, name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def labels(texts: Iterable[str]) -> tuple[str, ...]:
    """Names or tags: short, each once, not too many."""
    cleaned = (clean.label(text) for text in texts)
    return tuple(dict.fromkeys(filter(None, cleaned)))[:MOST_TAGS]


def summary_and_content(summary: str, content: str) -> tuple[str, str]:
    """Two texts that differ; an entry that has but one has a summary."""
    if not summary:
        return content, ""
    return summary, "" if content == summary else content


def dated(texts: Iterable[str], now: datetime | None) -> datetime | None:
    """The first of these ISO 8601 texts that may be shown; without a zone it is UTC."""
    for text in texts:
        try:
            at = datetime.fromisoformat(_BEFORE_ZONE.sub("", text.strip()[:40]))
            at = at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        if (shown := believable(at, now)) is not None:
            return shown
    return None


def believable(at: datetime, now: datetime | None) -> datetime | None:
    """A publication time that may be shown: no dawn of computers, and never in the future."""
    if not _OLDEST <= at < _NEWEST:
        return None
    return min(at, now) if now else at
