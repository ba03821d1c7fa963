"""How tasks and results cross the pipe between the pool and its workers: plain tuples, marshalled.

Chose marshal instead of pickle, because it builds nothing but plain values, and instead of JSON,
because bytes, lone surrogates and speed cost nothing. Both ends run the same Python.
"""

from __future__ import annotations

import marshal
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.item import FeedHints, Item, NotAFeed, Parsed, ParseFailed, ParseResult, ParseTask

LENGTH = struct.Struct(">I")
# What a worker says before it begins a task: from there on its death is the task's doing.
TAKEN = b"T"


def frame(payload: bytes) -> bytes:
    """The payload with its length before it."""
    return LENGTH.pack(len(payload)) + payload


def task_to_frames(task: ParseTask) -> tuple[bytes, bytes]:
    """Two parts of one message: what is said of the body, and the body, which is not copied."""
    about = (task.url, task.content_type, task.lang, task.source, _stamp(task.now))
    return frame(marshal.dumps(about)) + LENGTH.pack(len(task.body)), task.body


def task_from_frames(about: bytes, body: bytes) -> ParseTask:
    url, content_type, lang, source, now = marshal.loads(about)  # noqa: S302 - our own pool wrote it
    return ParseTask(body, url, content_type, lang, source, _moment(now))


def result_to_bytes(result: ParseResult) -> bytes:
    match result:
        case Parsed():
            values: tuple[Any, ...] = (
                "parsed",
                result.version,
                result.title,
                tuple(_item_to_tuple(item) for item in result.items),
                _hints_to_tuple(result.hints),
                result.bozo,
                result.cut,
                result.dropped,
            )
        case NotAFeed():
            values = ("not a feed", result.looks_like)
        case ParseFailed():
            values = ("failed", result.kind, result.message)
    return marshal.dumps(values)


def result_from_bytes(payload: bytes) -> ParseResult:
    kind, *values = marshal.loads(payload)  # noqa: S302 - our own worker wrote it
    if kind == "not a feed":
        return NotAFeed(*values)
    if kind == "failed":
        return ParseFailed(*values)
    version, title, items, hints, bozo, cut, dropped = values
    return Parsed(
        version=version,
        title=title,
        items=tuple(_item_from_tuple(item) for item in items),
        hints=_hints_from_tuple(hints),
        bozo=bozo,
        cut=cut,
        dropped=dropped,
    )


def _item_to_tuple(item: Item) -> tuple[Any, ...]:
    return (
        item.key,
        item.key_version,
        item.guid,
        item.title,
        item.url,
        item.summary,
        item.content,
        item.author,
        item.tags,
        _stamp(item.published),
        item.source,
        item.lang,
        item.former_keys,
    )


def _item_from_tuple(values: tuple[Any, ...]) -> Item:
    return Item(*(*values[:9], _moment(values[9]), *values[10:]))


def _hints_to_tuple(hints: FeedHints) -> tuple[Any, ...]:
    return (
        _seconds(hints.ttl),
        _seconds(hints.sy),
        hints.skip_hours,
        hints.skip_days,
        hints.prev_archive,
        hints.next_page,
        hints.complete,
        hints.archive,
        hints.self_url,
    )


def _hints_from_tuple(values: tuple[Any, ...]) -> FeedHints:
    ttl, sy, *others = values
    return FeedHints(_length(ttl), _length(sy), *others)


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


def _length(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _stamp(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _moment(stamp: float | None) -> datetime | None:
    return None if stamp is None else datetime.fromtimestamp(stamp, UTC)
