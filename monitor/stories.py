"""Stories: which items tell the same news. Pure.

Two items are of one story when their languages, where known, are the same, and they share either
most of a long text (one wire report, printed by many) or enough of the words of their titles. Chose
the overlap coefficient of title words over Jaccard's, because one title is often the other and a
few words more; and MinHash over whole texts, because it compares two texts in a microsecond however
long they are. Source of the numbers: those that NewsBlur's clustering uses for titles, tightened
until pairs labelled by hand were told apart (tests/data/stories.jsonl).
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise

from rensa import RMinHash

from monitor.ids import new_id
from monitor.item import Item
from rules import text as words
from rules.text import Text

CLOSES_AFTER = timedelta(hours=24)
"""A story that has had no item for so long is closed."""

_PERMUTATIONS = 128
_SEED = 20_261_122
_LONG_ENOUGH = 48  # words of a text that may be a wire report
_MOST_WORDS = 2_000
_SAME_TEXT = 0.7
_SHINGLE = 3
_LEAST_TITLE = 5
_LEAST_SHARED = 4
_OVERLAP = 0.7
_NUMBER = re.compile(r"[\d.,:%-]+")


@dataclass(frozen=True)
class Sketch:
    """What is kept of an item to know others of its story by: its language, the words of its
    title, and a MinHash of its text (empty for a short one)."""

    lang: str
    title: frozenset[str]
    text: bytes = b""

    @cached_property
    def _hashes(self) -> tuple[int, ...]:
        return struct.unpack(f"<{len(self.text) // 4}I", self.text)

    def to_json(self) -> str:
        """The form in which it is stored."""
        return json.dumps([self.lang, sorted(self.title), self.text.hex()], ensure_ascii=False)

    @classmethod
    def from_json(cls, stored: str) -> Sketch:
        """Read the stored form."""
        lang, title, text = json.loads(stored)
        return cls(lang, frozenset(title), bytes.fromhex(text))


def sketch_of(title: str, text: str, lang: str, names: Iterable[str] = ()) -> Sketch:
    """The sketch of an item. ``names`` of its feed and source say nothing about what happened."""
    own = {word for name in names for word in _words(name)}
    in_title = (word for word in _words(title) if not _NUMBER.fullmatch(word))
    body = _words(text)[:_MOST_WORDS]
    return Sketch(lang, frozenset(in_title) - own, _minhash(body))


def _words(text: str) -> list[str]:
    """Words in normal form; of scripts without spaces, pairs of neighbouring characters."""
    cut = Text(text)
    found: list[str] = []
    before = ""
    for surface, form in zip(cut.surfaces, cut.normals, strict=True):
        if not words.is_dense(surface):
            found.append(form)
            before = ""
            continue
        for one, other in pairwise(before + form):
            found.append(one + other)
        before = form[-1:]
    return found


def _minhash(body: list[str]) -> bytes:
    if len(body) < _LONG_ENOUGH:
        return b""
    shingles = [" ".join(body[at : at + _SHINGLE]) for at in range(len(body) - _SHINGLE + 1)]
    made = RMinHash(num_perm=_PERMUTATIONS, seed=_SEED)
    made.update(shingles)
    return struct.pack(f"<{_PERMUTATIONS}I", *made.digest())


def same_news(one: Sketch, other: Sketch) -> str:
    """Why two items are of one story: ``text`` or ``title``; empty when they are not."""
    if one.lang and other.lang and one.lang != other.lang:
        return ""
    if one.text and other.text and similarity(one, other) >= _SAME_TEXT:
        return "text"
    return "title" if _same_title(one.title, other.title) else ""


def similarity(one: Sketch, other: Sketch) -> float:
    """Which part of the shingles of both texts they share, estimated."""
    equal = sum(a == b for a, b in zip(one._hashes, other._hashes, strict=True))
    return equal / _PERMUTATIONS


def _same_title(one: frozenset[str], other: frozenset[str]) -> bool:
    least = min(len(one), len(other))
    if least < _LEAST_TITLE:
        return False
    shared = len(one & other)
    return shared >= _LEAST_SHARED and shared / least >= _OVERLAP


@dataclass(frozen=True, slots=True)
class Member:
    """An item of an open story, and how many items from which sources the story has."""

    story: str
    sketch: Sketch
    items: int
    sources: list[str]


@dataclass(frozen=True, slots=True)
class Opened:
    """A story that begins with one item."""

    id: str
    rule: str
    title: str
    lang: str
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """An item's place in its story, of ``items`` from ``sources``; it ``follows`` others."""

    story: str
    items: int
    sources: tuple[str, ...]
    follows: bool


_MOST_SOURCES = 20


class StoryBook:
    """The stories of one poll's hits, rule by rule. Reads through ``open_members``; what is to be
    written is kept until the transaction.

    ``opened``: new stories; ``members``: story, item and sketch; ``extended``: by story, how many
    items it has now, and from which sources.
    """

    def __init__(
        self, open_members: Callable[[str, datetime], list[Member]], now: datetime
    ) -> None:
        self.opened: list[Opened] = []
        self.members: list[tuple[str, str, Sketch]] = []
        self.extended: dict[str, tuple[int, list[str]]] = {}
        self._open_members = open_members
        self._now = now
        self._known: dict[str, list[Member]] = {}
        self._sketches: dict[str, Sketch] = {}

    def place(self, rule: str, item_id: str, item: Item, source: str) -> Place:
        """Find the item's story among the rule's, or open one."""
        sketch = self._sketches.get(item_id)
        if sketch is None:
            text = f"{item.summary} {item.content}"
            sketch = sketch_of(item.title, text, item.lang, (source,))
            self._sketches[item_id] = sketch
        known = self._members(rule)
        found = next((member for member in known if same_news(sketch, member.sketch)), None)
        if found is None:
            opened = Opened(new_id(), rule, item.title, item.lang, source, self._now)
            self.opened.append(opened)
            place = Place(opened.id, 1, (source,), follows=False)
        else:
            items, sources = self.extended.get(found.story, (found.items, found.sources))
            sources = list(dict.fromkeys([*sources, source]))[:_MOST_SOURCES]
            self.extended[found.story] = items + 1, sources
            place = Place(found.story, items + 1, tuple(sources), follows=True)
        self.members.append((place.story, item_id, sketch))
        known.insert(0, Member(place.story, sketch, place.items, list(place.sources)))
        return place

    def _members(self, rule: str) -> list[Member]:
        if rule not in self._known:
            self._known[rule] = self._open_members(rule, self._now - CLOSES_AFTER)
        return self._known[rule]
