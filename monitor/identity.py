"""Which entry is which item: keys that stay the same from poll to poll, hashes that tell edits.

A key is made from what the publisher promised, in this order (B11): the guid, compared character
by character, else the link as the document writes it, else a hash of title and summary. It is made
by this code alone and versioned (B24): an item comes with the keys that older versions of this
code would give it, so that a sighting stored by one of them is found, once, and given its new key.
It does not depend on the URL the feed was fetched from, so that a moved feed keeps its items.

Some feeds give one guid to every entry (``0``, the address of the home page). Taking the first
and dropping the rest would lose news, so when entries of one document share a guid (or, without
guids, a link) but not their title (their summary, where they have none), the shared value
identifies nothing and each of them is known by it and its own link, or by its own title where the
links are the same too. Entries that share both guid and title are one item told twice: the first
is taken.

Chose to qualify *all* entries that share a guid, instead of all but the first, because the newest
entry stands first: it would inherit the key of yesterday's first entry and pass for known. The
price is one repeated item when a guid begins or ceases to be shared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import TypeVar

from monitor.item import Item

_LONGEST = 200
_UNITS = "\x1f"
_K = TypeVar("_K")


@dataclass(frozen=True, slots=True)
class Identifiers:
    """What an entry may be known by. ``guid`` and ``link`` as the document writes them, without
    white space around them; ``title`` and ``summary`` cleaned."""

    guid: str
    link: str
    title: str
    summary: str


KeyMaker = Callable[[Sequence[Identifiers]], list[str | None]]


def item_keys(entries: Sequence[Identifiers]) -> list[str | None]:
    """One key for each entry of a document, no key twice; None for an entry that repeats another.

    A key is ``g:`` and the guid, ``l:`` and the link, or ``h:`` and a hash; what is longer than
    200 characters is written as ``#`` and its SHA-256.
    """
    return KEY_MAKERS[-1](entries)


def former_keys(entries: Sequence[Identifiers]) -> list[tuple[str, ...]]:
    """For each entry the keys that older versions of this code gave it, the newest first."""
    older = [make(entries) for make in reversed(KEY_MAKERS[:-1])]
    return [
        tuple(key for keys in older if (key := keys[at]) is not None) for at in range(len(entries))
    ]


def _keys_1(entries: Sequence[Identifiers]) -> list[str | None]:
    keys = [_key(entry) for entry in entries]
    titles = _titles(zip(keys, entries, strict=True))
    titles_by_link = _titles(
        ((key, entry.link), entry) for key, entry in zip(keys, entries, strict=True)
    )
    seen: set[str] = set()
    result: list[str | None] = []
    for key, entry in zip(keys, entries, strict=True):
        own = key
        if len(titles[key]) > 1:
            own = _qualified(key, entry, link_is_own=len(titles_by_link[key, entry.link]) == 1)
        result.append(None if own in seen else own)
        seen.add(own)
    return result


KEY_MAKERS: tuple[KeyMaker, ...] = (_keys_1,)
"""Every version of the keys there has been, the oldest first. Whoever changes how keys are made
adds one; none is ever changed or removed."""

KEY_VERSION = len(KEY_MAKERS)


def text_hash(item: Item) -> str:
    """A hash of what rules look at: another hash means the item was edited."""
    texts = (item.title, item.summary, item.content, item.author, *sorted(item.tags))
    return blake2b(_bytes(_UNITS.join(texts)), digest_size=16).hexdigest()


# The head of a document is what stands before its first entry; only there are times noise.
_HEAD_END = re.compile(rb"<(?:\w+:)?(?:item|entry)[\s>]", re.IGNORECASE)
_NOISE = re.compile(
    rb"<(lastBuildDate|pubDate|updated|modified|dc:date)(?=[\s>])[^<>]*>[^<]*</\1\s*>",
    re.IGNORECASE,
)


def body_hash(body: bytes) -> bytes:
    """The same for two bodies that differ in nothing but the feed's own times of building.

    ``lastBuildDate``, ``pubDate``, ``updated`` before the first entry do not count; everything
    else does, to the byte.
    """
    first = _HEAD_END.search(body)
    digest = blake2b(digest_size=16)
    if first is None:
        digest.update(body)
    else:
        digest.update(_NOISE.sub(b"", body[: first.start()]))
        digest.update(memoryview(body)[first.start() :])
    return digest.digest()


def _key(entry: Identifiers) -> str:
    if entry.guid:
        return _written("g:", entry.guid)
    if entry.link:
        return _written("l:", entry.link)
    return f"h:{_digest(_folded(entry.title), _folded(entry.summary))}"


def _titles(entries: Iterable[tuple[_K, Identifiers]]) -> dict[_K, set[str]]:
    """Which titles each identifier stands for."""
    titles: dict[_K, set[str]] = {}
    for key, entry in entries:
        titles.setdefault(key, set()).add(_words(entry))
    return titles


def _qualified(key: str, entry: Identifiers, *, link_is_own: bool) -> str:
    if entry.link and link_is_own:
        own = _written("l:", entry.link)
    else:
        own = f"h:{_digest(_words(entry))}"
    together = f"{key} {own}"
    return together if len(together) <= _LONGEST else f"{key[:2]}#{_digest(together)}"


def _written(kind: str, value: str) -> str:
    if len(value) > _LONGEST or value.startswith("#"):
        return f"{kind}#{_digest(value)}"
    return kind + value


def _words(entry: Identifiers) -> str:
    """What an entry is called; a note without a title is called by what it says."""
    return _folded(entry.title) or _UNITS + _folded(entry.summary)


def _folded(text: str) -> str:
    """The text without white space: how a feed breaks its lines does not make a new item."""
    return "".join(text.split())


def _digest(*texts: str) -> str:
    return sha256(_bytes(_UNITS.join(texts))).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
