"""What rules are matched against, and what a match says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Document:
    """One item as rules see it: original texts without markup, stored as given.

    ``feed`` is the feed's name and ``feed_tags`` its tags; ``source`` is the publisher;
    ``lang`` is a language tag such as ``id`` or ``en-GB``, empty when unknown.
    """

    title: str
    summary: str = ""
    content: str = ""
    author: str = ""
    tags: tuple[str, ...] = ()
    url: str = ""
    feed: str = ""
    feed_tags: tuple[str, ...] = ()
    source: str = ""
    lang: str = ""


class Span(NamedTuple):
    """Where a term stands: code points ``start`` to ``end`` of the original text of ``field``.

    ``term`` is the term as its rule, or its group's entry, writes it.
    """

    field: str
    start: int
    end: int
    term: str
